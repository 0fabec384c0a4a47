"""What the platforms answer: harmless questions to each, and to each robot a message only when that is asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
from aiohttp import web

from bot.doctor.finding import Finding, bad, good, warning
from bot.platforms import connected
from bot.platforms.contract import Incoming, Outcome, Outgoing, Platform, Probe, Probed, Sender, Wiring
from bot.platforms.posting import webhook_session
from bot.platforms.resolving import trusted_hosts
from config.entries import PLATFORMS, Group
from config.errors import ConfigError
from config.organisation import Organisation
from config.settings import Settings
from config.shanghai import span_text

PATIENCE: Final = timedelta(seconds=20)
"""★ For all that one platform is asked."""
NOTICED: Final = timedelta(seconds=30)
"""★ A clock that differs by more is worth a look; beyond the freshness window callbacks are refused."""
LINE: Final = "测试：这是 jiesu doctor 发的一条消息，不用处理"
_WHAT: Final = "平台试连"


def probes(settings: Settings, organisation: Organisation, *, send: bool) -> list[Finding]:
    """Ask every platform that is configured; with `send` each robot posts one line into its group."""
    return asyncio.run(_probes(settings, organisation, send=send))


async def _probes(settings: Settings, organisation: Organisation, *, send: bool) -> list[Finding]:
    async with webhook_session(trusted_hosts(settings, organisation)) as session:
        try:
            platforms = connected(_wiring(settings, session), organisation)
            robots = [
                (_named(group, index), platforms[robot.platform].robot(robot))
                for group in organisation.groups
                for index, robot in enumerate(group.robots)
            ]
        except ConfigError as error:
            return [bad(_WHAT, str(error), "改好这一项，服务不会带着错误启动")]
        answers = await asyncio.gather(
            *(_asked(platform, settings) for platform in platforms.values()),
            *(_robot_asked(name, sender, settings, send=send) for name, sender in robots),
        )
        found = [finding for answer in answers for finding in answer]
    return found or [good(_WHAT, "没有配置要试连的平台")]


async def _asked(platform: Platform, settings: Settings) -> list[Finding]:
    name = PLATFORMS.get(platform.name, platform.name)
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return [_finding(probe, settings.callbacks.freshness) for probe in await platform.probe()]
    except TimeoutError:
        return [bad(_WHAT, f"{name}没有回答", "请检查网络、防火墙和接口地址")]


async def _robot_asked(name: str, robot: Sender, settings: Settings, *, send: bool) -> list[Finding]:
    """What asking a robot shows, and what it said where it is to say something."""
    found = []
    if isinstance(robot, Probed):
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                probe = await robot.probe()
            found.append(_finding(replace(probe, name=name), settings.callbacks.freshness))
        except TimeoutError:
            found.append(bad(_WHAT, f"{name}没有回答", "请检查网络和防火墙"))
    elif not send:
        found.append(warning(_WHAT, f"{name}只能发了才知道", "加 --send 会让它在群里说一句“测试：…”"))
    return [*found, await _sent(name, robot)] if send else found


def _named(group: Group, index: int) -> str:
    """A robot by its group, and by its place where the group has several of its platform."""
    platform = group.robots[index].platform
    own = [number for number, robot in enumerate(group.robots) if robot.platform == platform]
    which = f"（第 {own.index(index) + 1} 个）" if len(own) > 1 else ""
    return f"{group.name}的{PLATFORMS[platform]}机器人{which}"


def _finding(probe: Probe, freshness: timedelta) -> Finding:
    skew = probe.skew or timedelta(0)
    told = f"{probe.name}：{probe.detail}"
    if not probe.ok:
        return bad(_WHAT, told, probe.mend)
    if abs(skew) <= NOTICED:
        return good(_WHAT, told + ("" if probe.skew is None else "，时钟一致"))
    told += f"，本机时钟{'慢' if skew > timedelta(0) else '快'} {span_text(abs(skew))}"
    mend = "让本机与 NTP 服务器对时（timedatectl set-ntp true）"
    return (bad if abs(skew) > freshness else warning)(_WHAT, told, mend)


async def _sent(name: str, sender: Sender) -> Finding:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            answer = await sender.send(sender.parts(Outgoing(0, LINE))[0])
    except TimeoutError:
        return bad(_WHAT, f"{name}没有回答", "请检查网络和防火墙")
    if answer.outcome is Outcome.SENT:
        return good(_WHAT, f"{name}已在群里说了一句“测试：…”")
    return bad(_WHAT, f"{name}：{answer.detail}", "照上面说的处理后再试")


def _wiring(settings: Settings, session: aiohttp.ClientSession) -> Wiring:
    """What a platform needs to ask and to send; nothing comes in and no connection is held."""
    return Wiring(settings, session, _nothing_comes_in, _NoDoor(), _nothing_is_held, lambda: datetime.now(UTC))


async def _nothing_comes_in(incoming: Incoming) -> list[str]:
    raise RuntimeError("doctor takes no messages")


async def _nothing_is_held(name: str, work: Callable[[], Awaitable[None]]) -> None:
    raise RuntimeError("doctor holds no connection")


class _NoDoor:
    async def body(self, request: web.Request) -> bytes:
        raise web.HTTPServiceUnavailable

    def fresh(self, moment: datetime) -> bool:
        return False

    async def first(self, platform: str, nonce: str, body: bytes) -> bool:
        return False
