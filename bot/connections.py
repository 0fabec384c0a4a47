"""Whether the bots of the chat platforms are reached: waited for at the start, shown by `/readyz` and the metrics."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from bot.platforms.contract import Connecting, Platform, Probe
from config.entries import PLATFORMS

LOOK: Final = 0.1
"""Seconds between looks at a connection that is being made."""
PAUSE: Final = 2.0
"""★ Seconds before a platform whose probe failed is asked once more: some count what they refuse."""


class State(StrEnum):
    """Of a bot's connection."""

    CONNECTED = "已连接"
    ELSEWHERE = "由另一个副本连接"
    LOST = "没有连上"


class Connections:
    """The platforms of a running service. `elsewhere` knows the leases that another replica holds."""

    def __init__(self, platforms: Mapping[str, Platform], elsewhere: Callable[[str], bool]) -> None:
        self._platforms = platforms
        self._elsewhere = elsewhere

    def states(self) -> dict[str, State]:
        """Platform → how its connection stands; those that hold none are left out."""
        found = {name: self._state(platform) for name, platform in self._platforms.items()}
        return {name: state for name, state in found.items() if state is not None}

    async def missing(self, patience: timedelta) -> list[str]:
        """Wait until each bot's probe is good and its connection stands; what is not so after `patience`, in one
        Chinese line each. Platforms with robots only are not asked: what they are sent waits in the outbox."""
        until = time.monotonic() + patience.total_seconds()
        bots = [platform for platform in self._platforms.values() if platform.receives]
        found = await asyncio.gather(*(self._missing(platform, until) for platform in bots))
        return [line for line in found if line is not None]

    def _state(self, platform: Platform) -> State | None:
        connected = platform.connected if isinstance(platform, Connecting) else None
        if connected is None:
            return None
        if connected:
            return State.CONNECTED
        return State.ELSEWHERE if self._elsewhere(f"socket:{platform.name}") else State.LOST

    async def _missing(self, platform: Platform, until: float) -> str | None:
        name = PLATFORMS.get(platform.name, platform.name)
        while (bad := await _failed(platform, until)) is not None:
            if time.monotonic() + PAUSE >= until:
                return f"{name}：{bad.detail}。{bad.mend}".rstrip("。")
            await asyncio.sleep(PAUSE)
        while self._state(platform) is State.LOST:
            if time.monotonic() >= until:
                return f"{name}：{_why(platform)}"
            await asyncio.sleep(LOOK)
        return None


def _why(platform: Platform) -> str:
    """Why the connection does not stand, with what to look at."""
    reason = platform.reason.rstrip("。") if isinstance(platform, Connecting) else ""
    told = f"收消息的连接没有建立：{reason}" if reason else "问得通，但收消息的连接没有建立"
    return told if "JIESU_" in reason else f"{told}，请检查 JIESU_{platform.name.upper()}__… 各项和网络"


async def _failed(platform: Platform, until: float) -> Probe | None:
    """The first probe that is not good."""
    try:
        async with asyncio.timeout(max(until - time.monotonic(), 0)):
            probes = await platform.probe()
    except TimeoutError:
        return Probe(platform.name, ok=False, detail="没有回答", mend="请检查网络和接口地址")
    return next((probe for probe in probes if not probe.ok), None)
