"""DingTalk's own client as a process that can be ended: its `start` swallows being cancelled, and it blocks its loop.

    python -m tests.platforms.dingtalk.official_client BASE CLIENT_ID CLIENT_SECRET

Answers every message through its reply address; prints the token it was given, then each message as a line of JSON.
"""

import json
import logging
import sys

import dingtalk_stream
from dingtalk_stream import stream


class Answers(dingtalk_stream.ChatbotHandler):
    """Prints and answers."""

    async def process(self, callback):
        message = dingtalk_stream.ChatbotMessage.from_dict(callback.data)
        told = {"text": message.text.content, "from": message.sender_staff_id, "chat": message.conversation_id}
        print(json.dumps(told), flush=True)
        self.reply_text(f"收到{message.text.content}", message)
        return dingtalk_stream.AckMessage.STATUS_OK, "OK"


def main():
    base, client_id, client_secret = sys.argv[1:]
    stream.DINGTALK_OPENAPI_ENDPOINT = base
    stream.DingTalkStreamClient.OPEN_CONNECTION_API = f"{base}/v1.0/gateway/connections/open"
    client = dingtalk_stream.DingTalkStreamClient(
        dingtalk_stream.Credential(client_id, client_secret), logging.getLogger("quiet")
    )
    print(client.get_access_token(), flush=True)
    client.register_callback_handler(dingtalk_stream.ChatbotMessage.TOPIC, Answers())
    client.start_forever()


if __name__ == "__main__":
    main()
