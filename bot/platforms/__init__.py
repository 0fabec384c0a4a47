"""Chat platforms. Each is a module or package with `connect`; this table is the only place that names them all."""

from importlib import import_module
from typing import Final

from bot.platforms.contract import Connect, Platform, Wiring
from config.organisation import Organisation

MODULES: Final = {
    "console": "bot.console.platform",
    "wecom": "bot.platforms.wecom",
    "dingtalk": "bot.platforms.dingtalk",
    "feishu": "bot.platforms.feishu",
    "matrix": "bot.platforms.matrix",
}
"""Platform → where its `connect` is. Imported only where it is used: some bring libraries of their own."""


def connected(wiring: Wiring, organisation: Organisation) -> dict[str, Platform]:
    """Every platform that the settings switch on, the console among them, or a group's robot is on; raises ConfigError
    for a wrong setting."""
    settings = wiring.settings
    robots = {robot.platform for group in organisation.groups for robot in group.robots}
    used = {*robots, *settings.bots, *(["console"] if settings.console.enabled else [])}
    wanted = [name for name in MODULES if name in used]
    return {name: _connect(name)(wiring) for name in wanted}


def _connect(name: str) -> Connect:
    connect: Connect = import_module(MODULES[name]).connect
    return connect
