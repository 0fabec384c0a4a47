"""What DingTalk's answers mean: tables of codes.

A robot's address answers HTTP 200 whatever happened: `errcode` decides (platforms, A2). An answer without one is no
success either: the edge in front of the platform turns requests away so.
"""

import json
import re
from datetime import timedelta
from typing import Any, Final

from bot.platforms.contract import Answer, Outcome
from bot.platforms.posting import DEFAULT_WAIT, Reply, answer_by_status, unlisted

REST: Final = timedelta(minutes=10)
"""How long the platform keeps a robot quiet that was too fast (platforms, A2)."""

_TOO_FAST: Final = (Outcome.RETRY_AFTER, "钉钉嫌这个机器人发得太快，停十分钟后自动再发")
_REMOVED: Final = (Outcome.CLOSED, "群机器人已被移除，或地址里的 access_token 不对：请重新添加机器人，更新组织文件")
_ILL_FORMED: Final = (Outcome.PERMANENT, "钉钉不接受消息的格式，请把这一条报告给维护人员")
_CONTENT: Final = (Outcome.PERMANENT, "钉钉认为内容不合适，拒收了这一条：请改用别的办法告诉群里")
_UNKNOWN: Final = (Outcome.UNKNOWN, "钉钉回了没见过的错误码，不知道是否送到")
_UNVERIFIED: Final = (Outcome.CLOSED, "钉钉的安全校验没有通过：请核对机器人的安全设置")

CODES: Final[dict[int, tuple[Outcome, str]]] = {
    0: (Outcome.SENT, "钉钉已收下"),
    -1: (Outcome.RETRY, "钉钉系统繁忙，稍后自动重试"),
    88: (Outcome.RETRY_AFTER, "钉钉嫌调用太频繁，稍后自动再发"),
    90018: (Outcome.RETRY_AFTER, "钉钉嫌调用太频繁，稍后自动再发"),
    130101: _TOO_FAST,
    410100: _TOO_FAST,
    300005: _REMOVED,
    400101: _REMOVED,
    400106: _REMOVED,
    400102: (Outcome.CLOSED, "群机器人已被停用：请在群设置里启用它"),
    400013: (Outcome.CLOSED, "这个群已经解散：请给新的群添加机器人，更新组织文件"),
    40035: _ILL_FORMED,
    43002: _ILL_FORMED,
    43004: _ILL_FORMED,
    400105: _ILL_FORMED,
    460101: (Outcome.PERMANENT, "消息超过 20000 字节被拒收，请把这一条报告给维护人员"),
    430101: _CONTENT,
    430102: _CONTENT,
    430103: _CONTENT,
    430104: _CONTENT,
}
"""The platform's codes as far as a robot's address can meet them. Every code but 0 says that nothing was posted."""
_WAITS: Final = {130101: REST, 410100: REST}
_LONGEST: Final = int(REST.total_seconds())

UNVERIFIED: Final = 310000
VERIFICATIONS: Final = (
    ("keyword", Outcome.CLOSED, "消息里没有机器人安全设置要求的关键词：请在安全设置里加上“【”，或改用加签"),
    ("timestamp", Outcome.RETRY, "本机时间与钉钉相差太多，签名不被接受：请校准本机时钟（NTP），之后自动重试"),
    ("sign", Outcome.CLOSED, "签名不对：请把机器人安全设置里的加签密钥（SEC 开头）写进组织文件的 secret"),
    ("whitelist", Outcome.CLOSED, "本机的出口地址不在机器人的 IP 白名单里：请在安全设置里加上"),
)
"""310000 says that the security settings were not met; only the text says which (first match)."""

REFUSED: Final = (
    ("Forbidden.AccessDenied.QpsLimit", Outcome.RETRY_AFTER, "钉钉嫌调用太频繁，稍后自动再发"),
    (
        "Forbidden.AccessDenied.AccessTokenPermissionDenied",
        Outcome.CLOSED,
        "应用没有发消息的权限：请在钉钉开放平台给应用开通“企业内机器人发送消息权限”",
    ),
    ("Forbidden.AccessDenied.Ip", Outcome.CLOSED, "本机的出口地址不在应用的 IP 白名单里：请在钉钉开放平台加上"),
    ("invalidClientIdOrSecret", Outcome.CLOSED, "钉钉不认得应用的 CLIENT_ID 和 CLIENT_SECRET：请核对设置"),
    ("invalidParameter.robotCode", Outcome.CLOSED, "钉钉不认得这个应用的机器人：请发布应用的机器人能力"),
    ("invalidParameter.userIds", Outcome.CLOSED, "钉钉不认得这个人的账号：请核对组织文件或请本人重新绑定"),
    ("staffId.notExisted", Outcome.CLOSED, "钉钉不认得这个人的账号：请核对组织文件或请本人重新绑定"),
    ("invalidParameter.openConversationId", Outcome.CLOSED, "应用的机器人不在这个群里：请把它加进群"),
    ("group.disbanded", Outcome.CLOSED, "这个群已经解散：请绑定新的群"),
    ("bot.stopped", Outcome.CLOSED, "应用的机器人已停用：请在钉钉开放平台启用它"),
    ("system", Outcome.UNKNOWN, "钉钉内部出错，这条消息可能已经送到"),
    ("ServiceUnavailable", Outcome.RETRY, "钉钉暂时不提供服务，稍后自动重试"),
)
"""Beginnings of the codes with which the app's interface refuses (HTTP 4xx, 5xx), whatever their capitals."""
EXPIRED: Final = ("InvalidAuthentication", "invalidParameter.token", "token.notExisted", "unauthorized")
"""Beginnings of those that say the token is not valid any more: nothing was done, a new one helps."""

_SHOWN: Final = re.compile(r"[^A-Za-z0-9._-]")


def answer_of(reply: Reply) -> Answer:
    """What a robot's address or a reply address answered."""
    found = json_object(reply.body)
    code = found.get("errcode")
    if not isinstance(code, int) or isinstance(code, bool):
        return _edge(reply, found)
    if code == 0 and reply.status // 100 != 2:
        return Answer(Outcome.UNKNOWN, f"钉钉说成功，状态却是 HTTP {reply.status}，可能已经送到", reply.status, code)
    outcome, detail = _verification(found) if code == UNVERIFIED else CODES.get(code, _UNKNOWN)
    wait = (_WAITS.get(code) or reply.wait or DEFAULT_WAIT) if outcome is Outcome.RETRY_AFTER else None
    made = Answer(outcome, detail if code == 0 else f"{detail}（错误码 {code}）", reply.status, code, wait)
    return unlisted(made, found.get("errmsg"))


def refused(reply: Reply) -> tuple[Answer, bool]:
    """What the app's interface answered that is no success, and whether a new token helps."""
    code = str(json_object(reply.body).get("code") or "")
    expired = reply.status == 401 or any(_begins(code, beginning) for beginning in EXPIRED)
    if expired:
        answer = Answer(Outcome.RETRY, "钉钉不接受访问凭证，换新的再试", reply.status)
        return answer, True
    for beginning, outcome, detail in REFUSED:
        if _begins(code, beginning):
            wait = (reply.wait or DEFAULT_WAIT) if outcome is Outcome.RETRY_AFTER else None
            return Answer(outcome, f"{detail}（{_shown(code)}）", reply.status, wait=wait), False
    answer = answer_by_status(reply)
    detail = f"{answer.detail}：{_shown(code)}" if code else answer.detail
    return Answer(answer.outcome, detail, reply.status, wait=answer.wait), False


def json_object(body: bytes | str | None) -> dict[str, Any]:
    """The JSON object in a body; an empty one where there is none. Never raises."""
    try:
        found = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _edge(reply: Reply, found: dict[str, Any]) -> Answer:
    """No `errcode`: the edge turns a request away before the platform sees it, with a status of its own."""
    if reply.status != 200 or not found.get("status"):
        return answer_by_status(reply)
    seconds = found.get("wait")
    asked = timedelta(seconds=min(seconds, _LONGEST)) if isinstance(seconds, int) else DEFAULT_WAIT
    detail = f"钉钉的入口拦下了请求，稍后自动再发（状态 {_shown(str(found['status']))}）"
    return Answer(Outcome.RETRY_AFTER, detail, reply.status, wait=max(asked, DEFAULT_WAIT))


def _verification(found: dict[str, Any]) -> tuple[Outcome, str]:
    text = str(found.get("errmsg")).casefold()
    return next(((outcome, detail) for word, outcome, detail in VERIFICATIONS if word in text), _UNVERIFIED)


def _begins(code: str, beginning: str) -> bool:
    return code.casefold().startswith(beginning.casefold())


def _shown(code: str) -> str:
    return _SHOWN.sub("", code)[:80]
