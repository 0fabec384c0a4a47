"""What a 自建应用 hands on and is answered: the same envelope and messages as the 智能机器人's, in XML (platforms, B1).

It hears people in private only, and says something in no other way than in the answer to their message.
"""

from typing import Any, Final
from xml.parsers.expat import ExpatError, ParserCreate

from bot.platforms.contract import Outgoing
from bot.platforms.splitting import begun
from bot.platforms.wecom.wording import harmless, naming

TEXT_BYTES: Final = 2048
"""The longest `Content` of an answer, in bytes of UTF-8."""
CUT_OFF: Final = "\n内容太长，其余没有显示：请缩小范围再查"
_NO_XML: Final = str.maketrans("", "", "\ufffe\uffff")


class _Declared(Exception):
    """A document type, and so entities: nothing that the platform sends has one."""


def is_xml(body: bytes) -> bool:
    """Whether a callback's body is an application's."""
    return body.lstrip()[:1] == b"<"


def fields(body: bytes) -> dict[str, str]:
    """The texts of what stands directly in the outermost element; empty for anything that is no such XML, or that
    declares a document type. Never raises."""
    found: dict[str, str] = {}
    path: list[str] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        path.append(name)

    def text(data: str) -> None:
        if len(path) == 2:
            found[path[1]] = found.get(path[1], "") + data

    def refuse(*declaration: object) -> None:
        raise _Declared

    parser = ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler, parser.CharacterDataHandler = begin, text
    parser.EndElementHandler = lambda name: path.pop()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (ExpatError, _Declared):
        return {}
    return found


def told(body: bytes) -> dict[str, Any]:
    """A message of an application as the JSON in which the 智能机器人 has it; of other kinds, the kind alone."""
    found = fields(body)
    kind = found.get("MsgType", "")
    if kind != "text":
        return {"msgtype": kind}
    return {
        "msgid": found.get("MsgId", ""),
        "chattype": "single",
        "from": {"userid": found.get("FromUserName", "")},
        "msgtype": "text",
        "text": {"content": found.get("Content", "")},
    }


def part(message: Outgoing) -> Outgoing:
    """The one message in which an application can answer: plain text."""
    text = begun(harmless(naming(message.text, message.mentions)), TEXT_BYTES, CUT_OFF)
    return Outgoing(message.key, text, plain=True, reply=message.reply)


def answer(person: str, corp: str, text: str, moment: int) -> bytes:
    """An answer to a person's message, to be sealed; `moment` in seconds."""
    return _xml(
        ToUserName=person, FromUserName=corp, CreateTime=str(moment), MsgType="text", Content=text.translate(_NO_XML)
    )


def envelope(sealed: dict[str, Any]) -> bytes:
    """What `Envelope.seal` made, as an application's callback is answered."""
    return _xml(
        Encrypt=sealed["encrypt"],
        MsgSignature=sealed["msgsignature"],
        TimeStamp=str(sealed["timestamp"]),
        Nonce=sealed["nonce"],
    )


def _xml(**texts: str) -> bytes:
    inner = "".join(f"<{name}>{_cdata(text)}</{name}>" for name, text in texts.items())
    return f"<xml>{inner}</xml>".encode()


def _cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
