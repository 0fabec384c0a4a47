"""What Feishu's answers mean: `code` decides, whatever the HTTP status (platforms, A3).

The custom robot, the app's interface and its tokens have codes of their own, and no number means two things. Every
code but 0 says that the message was not posted; one that the table does not know is kept as unknown and shown with its
number.
"""

import json
from datetime import timedelta
from typing import Any, Final

from bot.platforms.contract import Answer, Outcome
from bot.platforms.posting import DEFAULT_WAIT, NoReply, Reply, answer_by_status, answer_without_reply, unlisted

EXPIRED: Final = frozenset({99991661, 99991663, 99991664, 99991671})
"""The token is missing, wrong or expired: another one is fetched."""
GONE: Final = frozenset({230011, 230019, 230050, 230071, 230072, 230110, 230111})
"""What was to be replied to cannot be any more: the answer goes to the chat itself."""
CHAT_TIDE: Final = 230020
"""Too much for one chat; every other limit is the app's."""
BRIEF: Final = timedelta(seconds=5)
"""★ The pause after the limits of a second (5 in a chat, 50 in an app), which say no time of their own."""

_TIDE: Final = (Outcome.RETRY_AFTER, "飞书嫌发得太快，稍后自动重试")
_ILL_FORMED: Final = (Outcome.PERMANENT, "飞书不接受消息的格式，请把这一条报告给维护人员")
_TOO_LONG: Final = (Outcome.PERMANENT, "消息过长被飞书拒收，请把这一条报告给维护人员")
_UNKNOWN: Final = (Outcome.UNKNOWN, "飞书回了没见过的错误码，不知道是否送到")
_DOUBTED: Final = 9499
"""Too many requests, or an ill-formed one: only the message tells."""

CODES: Final[dict[int, tuple[Outcome, str]]] = {
    0: (Outcome.SENT, "飞书已收下"),
    11232: _TIDE,
    # without a token nothing was delivered, and nothing is lost: every message waits until somebody has mended it
    10003: (Outcome.RETRY, "应用编号不对：请核对 JIESU_FEISHU__APP_ID"),
    10012: (Outcome.RETRY, "应用已停用：请在飞书管理后台启用"),
    10014: (Outcome.RETRY, "应用密钥不对：请核对 JIESU_FEISHU__APP_SECRET"),
    19001: (Outcome.CLOSED, "自定义机器人已被移除，或地址不对：请在群里重新添加，把新地址写进组织文件"),
    19002: _ILL_FORMED,
    19021: (Outcome.CLOSED, "签名不对：请核对机器人的签名校验密钥（secret），并校准本机时钟（相差不能超过一小时）"),
    19022: (Outcome.CLOSED, "飞书不允许从本机的网络地址发送：请把本机出口地址加进机器人的 IP 白名单"),
    19024: (Outcome.CLOSED, "消息里没有机器人要求的关键词：请在机器人设置里改用签名校验，或把“【#”设为关键词"),
    19036: _TOO_LONG,
    230001: _ILL_FORMED,
    230002: (Outcome.CLOSED, "机器人不在群里：请把应用的机器人加进这个群"),
    230006: (Outcome.CLOSED, "应用没有启用机器人能力：请在飞书开发者后台添加并发布版本"),
    230011: (Outcome.PERMANENT, "原来的消息已被撤回"),
    230013: (Outcome.CLOSED, "这个人不在应用的可用范围内：请在飞书开发者后台扩大范围并发布版本"),
    230017: (Outcome.PERMANENT, "图片或文件不属于这个应用，请把这一条报告给维护人员"),
    230018: (Outcome.CLOSED, "群设置不允许机器人这样做：请群管理员放开"),
    230019: (Outcome.PERMANENT, "要回复的话题已不存在"),
    CHAT_TIDE: _TIDE,
    230022: (Outcome.PERMANENT, "飞书说消息含敏感内容，拒收"),
    230025: _TOO_LONG,
    230027: (Outcome.CLOSED, "应用缺少发消息的权限，或这是外部群：请在飞书开发者后台开通 im:message 并发布版本"),
    230028: (Outcome.PERMANENT, "消息没有通过贵单位的飞书内容审查"),
    230029: (Outcome.CLOSED, "这个人已离职"),
    230031: (Outcome.PERMANENT, "卡片发出已超过 14 天，飞书不让再改"),
    230034: (Outcome.CLOSED, "群或人的飞书编号不对：请核对组织文件里的 chats、accounts"),
    230035: (Outcome.CLOSED, "没有在这个群里发言的权限：请查是否禁言"),
    230036: (Outcome.CLOSED, "贵单位的飞书加密密钥已删除：请联系飞书管理员"),
    230038: (Outcome.CLOSED, "不能给外单位的人发私聊"),
    230049: (Outcome.RETRY, "飞书还在发这一条，稍后再确认"),
    230050: (Outcome.PERMANENT, "原来的消息对机器人不可见"),
    230053: (Outcome.CLOSED, "这个人已设置不接收机器人的消息"),
    230054: _ILL_FORMED,
    230055: _ILL_FORMED,
    230071: (Outcome.PERMANENT, "原来的消息所在的群不支持这样回复"),
    230072: (Outcome.PERMANENT, "合并转发的消息不能回复"),
    230075: (Outcome.PERMANENT, "飞书不支持发送加密消息"),
    230099: (Outcome.PERMANENT, "飞书不接受卡片的内容，请把这一条报告给维护人员"),
    230110: (Outcome.PERMANENT, "原来的消息已被删除"),
    230111: (Outcome.PERMANENT, "原来的消息即将自动销毁"),
    232009: (Outcome.CLOSED, "这个群已经解散：请把新的群写进组织文件"),
    234006: (Outcome.PERMANENT, "文件超过飞书的大小限制"),
    234010: (Outcome.PERMANENT, "文件是空的，飞书拒收"),
    99991400: _TIDE,
    99991401: (Outcome.CLOSED, "飞书不允许从本机的网络地址调用：请把本机出口地址加进应用的 IP 白名单"),
    99991672: (Outcome.CLOSED, "应用缺少权限：请在飞书开发者后台开通机器人收发消息和上传资源的权限并发布版本"),
    **dict.fromkeys(EXPIRED, (Outcome.RETRY, "飞书不认访问令牌，稍后重新获取")),
}


def loaded(body: bytes | None) -> dict[str, Any]:
    """A JSON object, empty for anything else. Never raises."""
    try:
        answer = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def code_of(answer: dict[str, Any]) -> int | None:
    """The platform's code, where there is one."""
    code = answer.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def answer_of(reply: Reply | NoReply, pause: timedelta = DEFAULT_WAIT) -> Answer:
    """What became of a request; `pause` is the wait where the platform asks for one and does not say how long."""
    if isinstance(reply, NoReply):
        return answer_without_reply(reply)
    answer = loaded(reply.body)
    code = code_of(answer)
    if code is None:
        return answer_by_status(reply)
    if code == 0 and reply.status // 100 != 2:
        return Answer(Outcome.UNKNOWN, f"飞书说成功，状态却是 HTTP {reply.status}，可能已经送到", reply.status, code)
    outcome, detail = _doubted(answer) if code == _DOUBTED else CODES.get(code, _UNKNOWN)
    wait = (reply.wait or pause) if outcome is Outcome.RETRY_AFTER else None
    made = Answer(outcome, detail if code == 0 else f"{detail}（错误码 {code}）", reply.status, code, wait)
    return unlisted(made, answer.get("msg"))


def _doubted(answer: dict[str, Any]) -> tuple[Outcome, str]:
    words = str(answer.get("msg", "")).casefold()
    if any(word in words for word in ("too many", "frequen", "limit")):
        return _TIDE
    return _ILL_FORMED if "bad request" in words else _UNKNOWN
