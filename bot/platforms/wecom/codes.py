"""What WeCom's answers mean: `errcode` decides, HTTP 200 says nothing (platforms, A1).

From the platform's list of return codes (document 90313), as far as a group robot or the 智能机器人 can meet them. Of
every code in the table but 0 the list says that the message was not posted; those of RETRY are the platform's own
trouble. Any other code is UNKNOWN: it is most likely a refusal, too, but nobody has told us so.
"""

import json
from datetime import timedelta
from typing import Any, Final

from bot.platforms.contract import Answer, Outcome
from bot.platforms.posting import DEFAULT_WAIT, Reply, answer_by_status, unlisted

STALE: Final = frozenset({846605, 846608})
"""The question that was answered is not known any more, or its answer was closed: the answer can go unasked."""


def answer_of(reply: Reply) -> Answer:
    """What an HTTP answer means. An `errcode` decides whatever the HTTP status; without one the status does."""
    told = loaded(reply.body)
    code = errcode(told)
    if code is None:
        return answer_by_status(reply)
    if code == 0 and reply.status // 100 != 2:
        return Answer(Outcome.UNKNOWN, f"平台说成功，状态却是 HTTP {reply.status}，可能已经送到", reply.status, code)
    return answer_to(code, reply.status, reply.wait, told.get("errmsg"))


def answer_to(code: int, status: int | None = None, wait: timedelta | None = None, words: object = None) -> Answer:
    """What a code means; `wait` is the pause that the answer asked for, `words` are the platform's.

    A code that the table does not know is kept as unknown and shown with its number: nobody has said that such a
    message did not arrive, and repeating it for ever would help nobody.
    """
    outcome, detail = _CODES.get(code, _UNKNOWN_CODE)
    pause = (wait or DEFAULT_WAIT) if outcome is Outcome.RETRY_AFTER else None
    answer = Answer(outcome, detail if code == 0 else f"{detail}（错误码 {code}）", status, code, pause)
    return unlisted(answer, words)


def loaded(body: bytes | str | None) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        value = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def errcode(answer: dict[str, Any]) -> int | None:
    """The plain number of an answer; None where there is none."""
    code = answer.get("errcode")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


_UNKNOWN_CODE = (
    Outcome.UNKNOWN,
    "企业微信回了没见过的错误码，不知道是否送到；含义可查 https://open.work.weixin.qq.com/devtool/query",
)
_TOO_LONG = "消息太长被企业微信拒收，请把这一条报告给维护人员"
_ILL_FORMED = "企业微信不接受消息的格式，请把这一条报告给维护人员"
_MEDIA = "企业微信不接受这个文件，请把这一条报告给维护人员"
_REMOVED = "群机器人已被移除，或地址里的 key 不对：请在群里重新添加机器人，把新地址写进组织文件"
_CODES: Final[dict[int, tuple[Outcome, str]]] = {
    0: (Outcome.SENT, "企业微信已收下"),
    -1: (Outcome.RETRY, "企业微信系统繁忙，稍后自动重试"),
    45009: (Outcome.RETRY_AFTER, "一分钟内发得太多，稍后自动重试"),
    45033: (Outcome.RETRY, "企业微信嫌同时发得太多，稍后自动重试"),
    93000: (Outcome.CLOSED, _REMOVED),
    93004: (Outcome.CLOSED, "群机器人已被停用：请在企业微信管理后台启用它"),
    93008: (Outcome.CLOSED, "群机器人不在群里：请在群里重新添加机器人，把新地址写进组织文件"),
    40004: (Outcome.PERMANENT, _MEDIA),
    40005: (Outcome.PERMANENT, _MEDIA),
    40006: (Outcome.PERMANENT, _MEDIA),
    40007: (Outcome.PERMANENT, _MEDIA),
    40008: (Outcome.PERMANENT, "企业微信不认识这种消息类型：私有部署请确认版本支持，或在 JIESU_WECOM__FEATURES 里去掉"),
    40009: (Outcome.PERMANENT, _MEDIA),
    40033: (Outcome.PERMANENT, _ILL_FORMED),
    40035: (Outcome.PERMANENT, _ILL_FORMED),
    40058: (Outcome.PERMANENT, "消息太长或参数不合规被拒收，请把这一条报告给维护人员"),
    40063: (Outcome.PERMANENT, _ILL_FORMED),
    44001: (Outcome.PERMANENT, _MEDIA),
    44004: (Outcome.PERMANENT, "消息内容是空的，被企业微信拒收，请把这一条报告给维护人员"),
    45001: (Outcome.PERMANENT, _MEDIA),
    45002: (Outcome.PERMANENT, _TOO_LONG),
    48002: (Outcome.CLOSED, "企业微信没有给这个机器人发消息的权限：请企业微信管理员开通"),
    49008: (Outcome.CLOSED, "这个群已经解散：请给新的群添加机器人，把新地址写进组织文件"),
    60020: (Outcome.CLOSED, "企业微信不允许从本机的网络地址发送：请企业微信管理员把本机出口地址加入可信 IP"),
    301007: (Outcome.CLOSED, "企业已停用或解散：请联系企业微信管理员"),
    301042: (Outcome.CLOSED, "企业微信不允许从本机的网络地址发送：请企业微信管理员把本机出口地址加入可信 IP"),
    # from other people's programs, in none of the platform's documents that we know
    846604: (Outcome.CLOSED, "机器人还不能往这里发：请先在那里跟机器人说一句话（群里要 @ 它），之后会自动补发"),
    846605: (Outcome.PERMANENT, "要回复的那条消息已过时"),
    846608: (Outcome.PERMANENT, "要回复的那条消息已过时"),
}
