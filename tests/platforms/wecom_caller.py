"""WeCom's side of the encrypted HTTP callback. wechatpy, somebody else's implementation, seals and opens everything."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from tests.platforms.official_wecom import PrpCrypto, WeChatCrypto

TOKEN, KEY = "callback-token", base64.b64encode(bytes(range(32))).decode()[:43]


def text(content: str = "@接诉助手 /查 12", **more: Any) -> dict[str, Any]:
    """What the platform tells of a message in the group."""
    body = {
        "msgid": "CAIQ-1",
        "aibotid": "AIBOT",
        "chatid": "wr-dispatch",
        "chattype": "group",
        "from": {"userid": "zhangsan"},
        "msgtype": "text",
        "text": {"content": content},
    }
    return body | more


def xml_text(content: str, number: str = "7001", person: str = "zhangsan", kind: str = "text") -> str:
    """What the platform tells of a message to a 自建应用."""
    return (
        f"<xml><ToUserName><![CDATA[ww1]]></ToUserName><FromUserName><![CDATA[{person}]]></FromUserName>"
        f"<CreateTime>1348831860</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>"
        f"<Content><![CDATA[{content}]]></Content><MsgId>{number}</MsgId><AgentID>1</AgentID></xml>"
    )


@dataclass
class Callback:
    """Calls our address at the moment of its clock."""

    client: TestClient[Any, Any]
    now: Callable[[], datetime]
    corp: str = ""

    async def post(
        self,
        body: Any,
        *,
        key: str = KEY,
        token: str = TOKEN,
        corp: str | None = None,
        at: datetime | None = None,
        nonce: str = "nonce-1",
        mend: Callable[[bytes, dict[str, str]], tuple[bytes, dict[str, str]]] | None = None,
    ) -> ClientResponse:
        """One callback; `mend` changes body and query after they were signed."""
        crypto = WeChatCrypto(token, key, self.corp if corp is None else corp)
        timestamp = str(int((at or self.now()).timestamp()))
        sealed = crypto._encrypt_message(json.dumps(body, ensure_ascii=False), nonce, timestamp, PrpCrypto)
        encrypted = sealed.split("<Encrypt><![CDATA[")[1].split("]]")[0]
        signature = sealed.split("<MsgSignature><![CDATA[")[1].split("]]")[0]
        raw = json.dumps({"encrypt": encrypted}).encode()
        query = {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}
        if mend is not None:
            raw, query = mend(raw, query)
        return await self.client.post("/callbacks/wecom", params=query, data=raw)

    async def post_xml(self, plain: str, nonce: str, mend: Callable[[bytes], bytes] = bytes) -> ClientResponse:
        """A message of a 自建应用, whole as wechatpy makes it; `mend` changes the body."""
        timestamp = str(int(self.now().timestamp()))
        crypto = WeChatCrypto(TOKEN, KEY, self.corp)
        body = crypto._encrypt_message(plain, nonce, timestamp, PrpCrypto)
        signature = body.split("<MsgSignature><![CDATA[")[1].split("]]")[0]
        query = {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}
        return await self.client.post("/callbacks/wecom", params=query, data=mend(body.encode()))

    async def opened_xml(self, answer: ClientResponse) -> dict[str, str]:
        """What the answer to a 自建应用's callback says; empty for an empty one."""
        raw = await answer.text()
        if not raw:
            return {}
        outer = {each.tag: each.text or "" for each in ElementTree.fromstring(raw)}
        assert set(outer) == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
        crypto = WeChatCrypto(TOKEN, KEY, self.corp)
        plain = crypto.decrypt_message(raw, outer["MsgSignature"], outer["TimeStamp"], outer["Nonce"])
        return {each.tag: each.text or "" for each in ElementTree.fromstring(plain)}

    async def opened(self, answer: ClientResponse) -> dict[str, Any]:
        """What a sealed answer holds; empty for an empty one."""
        raw = await answer.read()
        if not raw:
            return {}
        told = json.loads(raw)
        assert set(told) == {"encrypt", "msgsignature", "timestamp", "nonce"} and isinstance(told["timestamp"], int)
        crypto = WeChatCrypto(TOKEN, KEY, self.corp)
        return json.loads(  # type: ignore[no-any-return]
            crypto.decrypt_message(
                f"<xml><Encrypt>{told['encrypt']}</Encrypt></xml>",
                told["msgsignature"],
                str(told["timestamp"]),
                told["nonce"],
            )
        )

    async def say(self, body: dict[str, Any], nonce: str) -> str | None:
        """A message; the stream that answers it, if one does."""
        answer = await self.post(body, nonce=nonce)
        assert answer.status == 200
        found = await self.opened(answer)
        return found["stream"]["id"] if found else None

    async def fetch(self, stream: str, nonce: str) -> dict[str, Any]:
        """Ask for a stream, as the platform does until it is finished."""
        answer = await self.post({"msgtype": "stream", "stream": {"id": stream}}, nonce=nonce)
        assert answer.status == 200
        found = await self.opened(answer)
        assert found["msgtype"] == "stream" and found["stream"]["id"] == stream
        return found["stream"]  # type: ignore[no-any-return]
