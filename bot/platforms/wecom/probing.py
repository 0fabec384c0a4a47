"""Harmless questions for `jiesu doctor`: nobody is sent anything."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from bot.platforms.contract import Probe
from bot.platforms.posting import NoReply, Reply, request
from bot.platforms.wecom.codes import answer_to, errcode, loaded
from config.robot_forms import WECOM_HOST

PATIENCE: Final = timedelta(seconds=10)
QUESTION: Final = "/cgi-bin/getcallbackip"
"""Asked without a token: the interface answers that it is missing, and what time it is there."""
EMPTY: Final = b'{"msgtype":"text","text":{"content":""}}'
_REFUSED_AS_EMPTY: Final = frozenset({44004, 40058, 40035})


async def probe_interface(session: aiohttp.ClientSession, api_base: str, now: Callable[[], datetime]) -> Probe:
    """Whether WeCom's interface answers at the configured address, and how far its clock is from ours. A private
    installation may lack the question: that somebody answers has to do there."""
    name = "企业微信接口"
    reply = await request(session, "GET", api_base.rstrip("/") + QUESTION, PATIENCE)
    if isinstance(reply, NoReply):
        return Probe(name, ok=False, detail=reply.reason, mend="请检查网络、防火墙和 JIESU_WECOM__API_BASE")
    if errcode(loaded(reply.body)) is None:
        # What private installations leave out nobody has written down, and only answers are posted there.
        if reply.status // 100 == 4 and urlsplit(api_base).hostname != WECOM_HOST:
            told = f"能连上，但没有 {QUESTION}（HTTP {reply.status}），看不出是不是企业微信"
            detail = f"{told}：请核对 JIESU_WECOM__API_BASE"
            return Probe(name, ok=True, detail=detail, skew=_skew(reply, now))
        mend = "请核对 JIESU_WECOM__API_BASE，或上网是否需要先登录"
        detail = f"回答不是企业微信的（HTTP {reply.status}）"
        return Probe(name, ok=False, detail=detail, mend=mend, skew=_skew(reply, now))
    return Probe(name, ok=True, detail="能连上", skew=_skew(reply, now))


async def probe_socket(session: aiohttp.ClientSession, ws_url: str, now: Callable[[], datetime]) -> Probe:
    """Whether there is somebody at the WebSocket's address. The bot is not made known there: that would end the
    connection of the service."""
    name = "企业微信长连接"
    reply = await request(session, "GET", ws_url.replace("ws", "http", 1), PATIENCE)
    if isinstance(reply, NoReply):
        return Probe(name, ok=False, detail=reply.reason, mend="请检查网络、防火墙和 JIESU_WECOM__WS_URL")
    return Probe(name, ok=True, detail="能连上", skew=_skew(reply, now))


def robot_probe(reply: Reply | NoReply, now: Callable[[], datetime]) -> Probe:
    """What a robot's answer to a message without content shows: a good key is told that the content is missing."""
    name = "企业微信群机器人"
    if isinstance(reply, NoReply):
        return Probe(name, ok=False, detail=reply.reason, mend="请检查网络和防火墙")
    code, skew = errcode(loaded(reply.body)), _skew(reply, now)
    if code in _REFUSED_AS_EMPTY:
        return Probe(name, ok=True, detail="机器人在群里，没有发送任何消息", skew=skew)
    if code is None:
        detail = f"回答不是企业微信的（HTTP {reply.status}）"
        return Probe(name, ok=False, detail=detail, mend="请检查机器人地址", skew=skew)
    answer = answer_to(code)
    if not answer.outcome.refused:
        return Probe(name, ok=True, detail=answer.detail, skew=skew)
    return Probe(name, ok=False, detail=answer.detail, mend="按提示处理后再查一次", skew=skew)


def _skew(reply: Reply, now: Callable[[], datetime]) -> timedelta | None:
    return None if reply.date is None else reply.date - now()
