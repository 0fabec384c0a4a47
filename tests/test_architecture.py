"""Which room a line may live in: the arrows of docs/architecture.md, checked on the source itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("config", "storage", "handlers", "bot")
"""From below to above: each may import itself and what stands before it."""
OUTSIDE = frozenset({"tests", "bench"})
NETWORK = frozenset({"aiohttp", "asyncio", "http", "httpx", "requests", "socket", "smtplib", "urllib.request"})
CLOCKS = {
    "datetime": frozenset({"now", "utcnow", "today"}),
    "date": frozenset({"today"}),
    "time": frozenset(
        {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime"}
    ),
}
PLATFORMS = re.compile(r"wecom|wework|企业微信|dingtalk|钉钉|feishu|飞书|lark|slack|mattermost", re.IGNORECASE)
NAMES_WHAT_PEOPLE_WRITE = "handlers/privacy/numbers.py"
"""It must know how people name their accounts in a text, or the numbers after them would stay in it."""

SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*.py"))
}


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Every module that is imported anywhere in the tree, also inside functions or by name: line, dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def upward(path: str, source: str) -> list[str]:
    """Imports that go against the arrow bot → handlers → storage → config, or out of the house."""
    room, *folders = Path(path).parent.parts
    forbidden = OUTSIDE | set(ROOMS[ROOMS.index(room) + 1 :])
    found = imported(ast.parse(source), (room, *folders))
    return [f"{path}:{line} imports {name}" for line, name in found if name.split(".")[0] in forbidden]


def networked(path: str, source: str) -> list[str]:
    """Imports of what speaks to a network or waits for one."""
    found = imported(ast.parse(source), Path(path).parent.parts)
    return [f"{path}:{line} imports {name}" for line, name in found if _begins(name, NETWORK)]


def waiting(path: str, source: str) -> list[str]:
    """Anything asynchronous."""
    kinds = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    found += [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.comprehension) and node.is_async]
    return [f"{path}:{getattr(node, 'lineno', 0)} waits" for node in found]


def clock_readings(path: str, source: str) -> list[str]:
    """Reads of the machine's time, called or handed on: `datetime.now`, `time.time` and their like."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if node.attr in CLOCKS.get(owner, ()):
                found.append(f"{path}:{node.lineno} reads {owner}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            taken = [alias.name for alias in node.names if alias.name in CLOCKS["time"]]
            found += [f"{path}:{node.lineno} reads time.{name}" for name in taken]
    return found


def platform_names(path: str, source: str) -> list[str]:
    """Lines that name a chat platform, in code, text or comment."""
    lines = enumerate(source.splitlines(), start=1)
    return [f"{path}:{number} names {found[0]}" for number, line in lines if (found := PLATFORMS.search(line))]


def _begins(name: str, modules: frozenset[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _of(*rooms: str) -> dict[str, str]:
    return {path: source for path, source in SOURCES.items() if path.split("/")[0] in rooms}


def test_every_room_has_modules() -> None:
    assert {path.split("/")[0] for path in SOURCES} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way_only(room: str) -> None:
    assert [line for path, source in _of(room).items() for line in upward(path, source)] == []


@pytest.mark.parametrize("room", ["config", "storage", "handlers"])
def test_no_room_below_the_edge_speaks_to_a_network_or_waits_for_one(room: str) -> None:
    assert [line for path, source in _of(room).items() for line in networked(path, source)] == []
    assert [line for path, source in _of(room).items() for line in waiting(path, source)] == []


@pytest.mark.parametrize("room", ["config", "storage", "handlers"])
def test_time_is_an_argument_below_the_edge(room: str) -> None:
    assert [line for path, source in _of(room).items() for line in clock_readings(path, source)] == []


def test_handlers_name_no_chat_platform() -> None:
    read = {path: source for path, source in _of("handlers").items() if path != NAMES_WHAT_PEOPLE_WRITE}
    assert [line for path, source in read.items() for line in platform_names(path, source)] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("config/a.py", "import storage"),
        ("config/a.py", "from handlers.office import Office"),
        ("storage/a.py", "def f():\n    from bot.clock import Clock"),
        ("storage/deep/a.py", "if True:\n    import handlers.work as work"),
        ("handlers/a.py", "from importlib import import_module\nimport_module('bot.service')"),
        ("handlers/a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import bot"),
        ("bot/a.py", "from tests.conftest import KEY"),
        ("bot/a.py", "import bench"),
    ],
)
def test_an_import_against_the_arrow_is_found(path: str, source: str) -> None:
    assert len(upward(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("config/a.py", "from config.rules import Rules"),
        ("storage/a.py", "import config\nfrom . import tables"),
        ("handlers/intake/a.py", "from storage.store import Store\nfrom .rows import read_rows"),
        ("handlers/a.py", "import botany"),
        ("bot/a.py", "from handlers.work import Work"),
    ],
)
def test_an_import_along_the_arrow_is_not(path: str, source: str) -> None:
    assert upward(path, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\nx = datetime.now(UTC)",
        "import datetime\nx = datetime.datetime.utcnow()",
        "import datetime\nx = datetime.date.today()",
        "import time\ndef f(clock=time.time): ...",
        "from time import monotonic",
    ],
)
def test_a_reading_of_the_clock_is_found(source: str) -> None:
    assert len(clock_readings("handlers/a.py", source)) == 1


def test_waiting_and_the_network_are_found() -> None:
    assert waiting("handlers/a.py", "async def f():\n    async with x:\n        await y")
    assert networked("handlers/a.py", "def f():\n    from aiohttp import web")
    assert platform_names("handlers/a.py", "text = '发到企业微信'")
