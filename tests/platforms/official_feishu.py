"""Feishu's official client (lark-oapi) and another signer (onepush), in a process of their own: importing the client
takes ten seconds and asks for a loop. One JSON line in for each question, one out for each answer.

- `{"callback": {"body", "headers"}}`: what the client's own receiver makes of a callback: its status, what it heard
- `{"sign": [timestamp, secret]}`: the robot's signature
- `{"connect": base}`: connect to the fake by long connection; afterwards a line for each event that is heard
"""

import json
import sys
import warnings
from typing import Any

from tests.platforms.feishu_server import APP_ID, APP_SECRET, ENCRYPT_KEY, TOKEN

answers = sys.stdout
sys.stdout = sys.stderr  # the client writes its log there, and finds it when it is imported
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lark_oapi as lark
    import lark_oapi.ws
    from lark_oapi.core.model import RawRequest
    from lark_oapi.event.callback.model.p2_card_action_trigger import P2CardActionTriggerResponse
    from onepush.providers.lark import Lark

heard: list[str] = []


def say(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False), file=answers, flush=True)


def message(event: Any) -> None:
    heard.append(f"{event.event.message.message_id} {event.event.message.content}")


def press(event: Any) -> Any:
    heard.append(f"{event.header.event_id} {event.event.action.value['command']} {event.event.action.option}")
    return P2CardActionTriggerResponse({"toast": {"type": "success", "content": "好"}})


def receiver() -> Any:
    builder = lark.EventDispatcherHandler.builder(ENCRYPT_KEY, TOKEN)
    return builder.register_p2_im_message_receive_v1(message).register_p2_card_action_trigger(press).build()


def received(given: dict[str, Any]) -> dict[str, Any]:
    request = RawRequest()
    request.uri, request.body, request.headers = "/callbacks/feishu", given["body"].encode(), given["headers"]
    heard.clear()
    response = receiver().do(request)
    return {"status": response.status_code, "said": response.content.decode(), "heard": list(heard)}


def connect(base: str) -> None:
    def told(event: Any) -> Any:
        heard.clear()
        answer = (press if hasattr(event.event, "action") else message)(event)
        say({"heard": list(heard)})
        return answer

    builder = lark.EventDispatcherHandler.builder("", "")
    handler = builder.register_p2_im_message_receive_v1(told).register_p2_card_action_trigger(told).build()
    lark_oapi.ws.Client(APP_ID, APP_SECRET, event_handler=handler, domain=base, auto_reconnect=False).start()


def main() -> None:
    say("ready")
    for line in sys.stdin:
        match json.loads(line):
            case {"callback": given}:
                say(received(given))
            case {"sign": [timestamp, secret]}:
                say(Lark().gen_sign(timestamp, secret))
            case {"connect": base}:
                connect(base)


if __name__ == "__main__":
    main()
