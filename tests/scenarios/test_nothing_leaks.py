"""A thousand generated texts full of personal data, through every way in, come out of no way out (domain, section 8).

Each text is an order's title, content and place, and what staff type behind that order's number. One office a
database: the commands are typed in process, then the service is started on the same store and read from outside.
"""

import contextlib
import gzip
import io
import json
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from loguru import logger
from sqlmodel import SQLModel

from bot import logs
from bot.console import messages
from handlers.order_sheet import sheet
from handlers.privacy import scrubbing
from handlers.reports import REPORTS, write_report
from handlers.work import Place, Work
from storage.archive import HEADER_BYTES
from storage.backup import write_backup
from storage.columns import JsonText
from storage.store import Store
from storage.tables import Event
from storage.transaction import Scope
from tests.scenarios.house import House, opened
from tests.scenarios.leaks import Marked, Search, generated, marks, strings
from tests.street import Street, at, row

TEXTS = 1000
ON_POSTGRESQL = 200
"""The way there is the same but for the database's own file, and takes as long again."""
SIGNED = ("zhang /签收 #{n}",)
DISPATCHED = (*SIGNED, "zhang /派单 #{n} 城管科")
ACCEPTED = (*DISPATCHED, "wang /接单 #{n}")
CONTACTED = (*ACCEPTED, "wang /反馈 #{n} 已接通 已告知处理安排")
DONE = (*CONTACTED, "wang /办结 #{n} 解决 已要求停止夜间施工")
LIVES: tuple[tuple[str, ...], ...] = (
    ("zhang /退回 #{n} 非本辖区 邻街街道 {text}",),
    ("zhang /核查 #{n} {text}",),
    (*SIGNED, "zhang /派单 #{n} 城管科 {text}"),
    (*SIGNED, "zhang /报备 #{n} {text}"),
    (*SIGNED, "sun /定级 #{n} 紧急 {text}"),
    ("zhang /登记 工单编号：另-{n}\n标题：{text}\n主要内容：{text}\n来电人：{name}\n来电人电话/账号：{phone}",),
    (*DISPATCHED, "zhang /电话 #{n} 王科长 {text}"),
    (*DISPATCHED, "wang /改派 #{n} {text}"),
    (*ACCEPTED, "wang /核查 #{n} {text}"),
    (*ACCEPTED, "wang /反馈 #{n} 联系不上 {text}"),
    (*ACCEPTED, "wang /反馈 #{n} 已接通 {text}"),
    (*CONTACTED, "wang /办结 #{n} 解决 {text}"),
    (*DONE, "gao /评定 #{n} 是 解决 满意 {text}"),
    (*DONE, "gao /评定 #{n} 是 解决 满意", "sun /驳回 #{n} {text}"),
)
"""What is typed about an order, until the text is; each order has the next of these lives, most a short one."""
SHORT, OFTEN = 6, 5

Ways = dict[str, Collection[str]]


async def test_a_thousand_texts_come_out_of_no_way_out(
    database_url: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    count = TEXTS if store.url.startswith("sqlite") else ON_POSTGRESQL
    texts = generated(TEXTS)[:count]
    ways = await everything(texts, database_url, store, tmp_path, capsys, monkeypatch)
    named, nameless = Search(texts), Search(texts, names=False)
    for way, outputs in ways.items():
        assert (nameless if way in NAMELESS else named).leaks(outputs) == [], way
        seen = marks(outputs)
        least = 100 if way == "page" else count * 9 // 10  # its completion offers the first 200 orders
        assert seen == 0 if way in WITHOUT_TEXT else seen >= least, f"{way} showed {seen} texts"


async def test_the_search_finds_what_leaks_on_each_way(
    sqlite_url: str, open_store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with a scrubber that hides nothing: were it broken, every way out would tell."""
    monkeypatch.setattr(scrubbing.Scrubber, "scrub", lambda self, text: text)
    texts = generated(52)
    ways = await everything(texts, sqlite_url, open_store(sqlite_url), tmp_path, capsys, monkeypatch)
    named, nameless = Search(texts), Search(texts, names=False)
    silent = [way for way, outputs in ways.items() if not (nameless if way in NAMELESS else named).leaks(outputs)]
    assert set(silent) == WITHOUT_TEXT, "these ways out carry no free text; a new one among them needs a look"
    for way in silent:
        assert named.leaks([*ways[way], texts[0].text]), way


NAMELESS = frozenset({"log", "error", "fault", "search"})
"""Where text is not known to be about an order: the caller's name is a word like any other (docs/privacy.md)."""
WITHOUT_TEXT = frozenset({"answer of the API", "answer", "command line", "error", "fault", "metric", "report"})
"""Fixed words and numbers only: not a word of any text may stand there."""


async def everything(
    texts: Sequence[Marked],
    url: str,
    store: Store,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Ways:
    """Send the texts through every way in; what then came out, way by way."""
    ways: Ways = {}
    street = Street(store, now=at(1))
    half = len(texts) // 2
    rows = [_row(number, text) for number, text in enumerate(texts, 1)]
    with _logged() as log:
        street.import_rows(*rows[:half])
        async with opened(url, folder, street.now) as house:
            ways["answer of the API"] = await _posted(house, rows[half:])
        ways["answer"] = _typed(street, texts)
        ways["sheet"] = _sheets(street, len(texts))
        searches = [("zhang", f"/查 {text.mark} {_nameless(text)}") for text in texts]
        ways["search"] = _say(street, searches, chat="@zhang")
        _say(street, [("zhang", text.line) for text in texts if not _names(text)])
        street.deliver()
        _careless(texts)
        async with opened(url, folder, street.now) as house:
            ways["group"], ways["private"] = await _chat(house, "dispatch"), await _chat(house, "@zhang")
            ways["stream"] = await _stream(house)
            ways["page"] = await _got(
                house, "/", "/console/people", "/console/groups", "/console/complete?person=zhang"
            )
            pages = [
                f"/orders/市/{_row(number, text)['工单编号']}?person=zhang" for number, text in enumerate(texts, 1)
            ]
            ways["order page"] = await _got(house, *pages)
            ways["error"] = await _errors(house, texts)
            ways["fault"] = await _faults(house, texts, monkeypatch)
            await house.command_line_import(*(_bad(number, text) for number, text in enumerate(texts)))
            ways["metric"] = await _got(house, "/metrics")
    written = log.getvalue().splitlines()
    ways["log"] = [value for line in written if line[0] == "{" for value in strings(json.loads(line))]
    ways["command line"] = [line for line in written if line[0] != "{"] + capsys.readouterr().out.splitlines()
    stored = _stored(store)
    ways["event"] = stored[Event.__tablename__]
    ways["store"] = set().union(*stored.values())
    ways["report"] = set(_reports(street, folder))
    ways["backup"] = set(_backup(store, folder))
    if store.url.startswith("sqlite"):
        ways["files"] = _files(folder)
    return ways


# The ways in


def _row(number: int | str, text: Marked) -> dict[str, str]:
    name, phone = text.of.own
    known = {"来电人": name, "来电人电话/账号": phone}
    return row(number, 标题=text.text, 主要内容=text.text, 小区点位=text.line, **known)


def _bad(number: int, text: Marked) -> dict[str, str]:
    """A row that is rejected because of its text, and says so."""
    return _row(f"错-{number}", text) | {"到达时间": text.text, "工单状态": text.text[:50], "问题分类": text.line}


def _names(text: Marked) -> bool:
    return any(secret.kind == "姓名" for secret in text.of.secrets)


def _nameless(text: Marked) -> str:
    """The first secret of a text that is one without an order too."""
    return next((secret.written for secret in text.of.secrets if secret.kind != "姓名"), "路灯")


async def _posted(house: House, rows: Sequence[Mapping[str, str]]) -> list[str]:
    answers: list[str] = []
    for start in range(0, len(rows), 250):
        _, answer = await house.orders(*rows[start : start + 250])
        answers += strings(answer)
    return answers


def _say(street: Street, said: Sequence[tuple[str, str]], **how: str) -> list[str]:
    """Many messages, in batches as the writer takes them."""
    return [reply for start in range(0, len(said), 64) for reply in street.together(*said[start : start + 64], **how)]


def _typed(street: Street, texts: Sequence[Marked]) -> list[str]:
    """Every text behind its own order's number, once the order has come so far; nearly all must be accepted."""
    replies: list[str] = []
    for step in range(max(map(len, LIVES))):
        said = []
        for number, text in enumerate(texts, 1):
            life = LIVES[number % (len(LIVES) if number % OFTEN == 0 else SHORT)]
            if step < len(life):
                person, _, command = life[step].partition(" ")
                name, phone = text.of.own
                said.append((person, command.format(n=number, text=text.line, name=name, phone=phone)))
        replies += _say(street, said)
    refused = [reply for reply in replies if not reply.startswith("✔")]
    assert len(refused) <= len(replies) // 50, refused[:5]
    return replies


def _careless(texts: Sequence[Marked]) -> None:
    """What careless log lines would write, twenty texts each."""
    for start in range(0, len(texts), 20):
        logger.warning("could not read\n{}", "\n".join(text.line for text in texts[start : start + 20]))


# The ways out


def _sheets(street: Street, count: int) -> list[str]:
    """The sheet of every order, as /查 gives it to a seat in private."""
    actor = street.organisation.person("zhang")
    assert actor is not None

    def all_of_them(scope: Scope) -> list[str]:
        work = Work(street.office, scope, actor, Place("@zhang"))
        return [sheet(work, work.order(number)) for number in range(1, count + 1)]

    return street.store.read(all_of_them, now=street.now)


async def _chat(house: House, chat: str) -> list[str]:
    found: list[str] = []
    after = 0
    while some := await house.messages(chat, after):
        found += strings(some)
        after = some[-1]["id"]
    return found


async def _stream(house: House) -> list[str]:
    """Every message as the page follows them."""
    async with house.client.get("/console/messages", params={"group": "dispatch"}) as response:
        last = (await response.json())[-1]["id"]
    found: list[str] = []
    async with house.client.get("/console/stream", params={"after": "0"}) as response:
        async for line in response.content:
            if line.startswith(b"data: "):
                message = json.loads(line[6:])
                found += strings(message)
                if message["id"] >= last:
                    return found
    raise AssertionError("the stream ended early")


async def _got(house: House, *paths: str) -> list[str]:
    found: list[str] = []
    for path in paths:
        async with house.client.get(path) as response:
            assert response.status == 200
            found += (await response.text()).splitlines()
    return [text for line in found for text in strings(line)]


async def _errors(house: House, texts: Sequence[Marked]) -> list[str]:
    """Answers to what is wrong with a request, whose every value is a text."""
    found = await _posted(house, [_bad(number, text) for number, text in enumerate(texts)])
    for text in texts[::20]:
        for body in (
            {"person": text.text, "group": "dispatch", "text": "/待办"},
            {"person": "zhang", "group": text.text, "text": "/待办"},
            {"person": "zhang", "group": "dispatch", "text": "/待办", "quote": text.text},
        ):
            async with house.client.post("/console/messages", json=body) as response:
                found.append(await response.text())
        async with house.client.post("/console/clock", json={"now": text.text}) as response:
            found.append(await response.text())
        async with house.client.get(f"/{text.text}") as response:
            found.append(await response.text())
    return found


async def _faults(house: House, texts: Sequence[Marked], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answers when our own code fails with texts in its mouth, twenty at a time; the log has the failures."""
    found: list[str] = []
    for start in range(0, len(texts), 20):
        lines = "\n".join(text.line for text in texts[start : start + 20])

        def fail(*_: object, lines: str = lines, **__: object) -> None:
            raise ValueError(lines)

        with monkeypatch.context() as patched:
            patched.setattr(Work, "clean", fail)
            patched.setattr(messages, "of_chat", fail)
            found.append(await house.say("zhang", "/查 路灯"))
            found.append(await house.say("zhang", "/核查 1 路灯"))
            async with house.client.get("/console/messages", params={"group": "dispatch"}) as response:
                assert response.status == 500
                found.append(await response.text())
    return found


def _stored(store: Store) -> dict[str, set[str]]:
    """Every text in every table; of the vault, its bytes as text."""
    found: dict[str, set[str]] = {}
    with store.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            columns = [sa.cast(column, sa.Text) if isinstance(column.type, JsonText) else column for column in table.c]
            values = {value for row in connection.execute(sa.select(*columns)) for value in row}
            found[table.name] = set()
            for value in values:
                found[table.name].update(_texts_in(value) if isinstance(value, bytes) else _quoted(str(value)))
    return found


def _quoted(line: str) -> Iterator[str]:
    """The texts of a line of JSON, also of JSON within, as people would read them; any other line as it is."""
    yield from re.split(r'\\*"', re.sub(r"\\+[nt]", "\n", line))


def _texts_in(raw: bytes) -> Iterator[str]:
    """The texts in raw bytes, hashes left out: among so many digits any number is found."""
    yield from re.split(r"[\x00-\x1f]+", re.sub("[0-9a-f]{32,}", "", raw.decode(errors="ignore")))


def _reports(street: Street, folder: Path) -> Iterator[str]:
    """Every report in every form."""
    periods = {"一天": "2026-06-01"}
    for report in REPORTS.values():
        for ending in report.endings:
            target = folder / f"report{ending}"
            street.store.read(
                lambda scope, name=report.name, period=periods[report.period], out=target: write_report(
                    street.office, scope, name, period, out
                ),
                now=street.now,
            )
            yield from target.read_text(encoding="utf-8-sig").splitlines()


def _backup(store: Store, folder: Path) -> Iterator[str]:
    """The backup's lines, unpacked, and its bytes as they are."""
    target = folder / "copy.jiesu"
    with store.connect() as connection:
        write_backup(connection, store.vault, target, now=at(2), erased={})
    raw = target.read_bytes()
    yield from _texts_in(raw[:HEADER_BYTES])
    for line in gzip.decompress(raw[HEADER_BYTES:]).splitlines():
        yield from _quoted(line.decode())


def _files(folder: Path) -> set[str]:
    """The texts in the bytes of the database's own files."""
    files = sorted(folder.glob("jiesu.db*"))
    assert len(files) > 1, "the write-ahead log is gone: nobody has the store open"
    return {text for file in files for text in _texts_in(file.read_bytes())}


@contextlib.contextmanager
def _logged() -> Iterator[io.StringIO]:
    """What is written to the log and to standard error meanwhile."""
    written = io.StringIO()
    handlers = logging.root.handlers[:]
    with contextlib.redirect_stderr(written):
        logs.configure()
        yield written
    logger.remove()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
