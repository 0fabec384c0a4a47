"""Whatever the platform does and wherever the process dies: nothing is lost, nothing confirmed is sent twice."""

import asyncio
import re
import shutil
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.platforms.contract import Limit
from storage import failpoints
from storage.outbox import HURRIED, Priority, Status
from storage.tables import Attempt
from tests.bot.delivery_desk import HandClock, house
from tests.conftest import open_rehearsal
from tests.platforms import wecom_server as fake
from tests.platforms.wecom_server import FakeWeCom

FINE = fake.cut_answer(len(fake.whole_answer()))
CERTAINLY_NOT = (fake.errcode(-1), fake.errcode(45009), fake.status(429, retry_after=9), fake.status(503))
FOR_GOOD = (fake.errcode(93000), fake.status(403), fake.errcode(40058))
MAY_HAVE = (
    fake.garbage(),
    fake.garbage(record=True),
    fake.errcode(77777),
    fake.status(502),
    fake.status(500, record=True),
    fake.cut_before_reading(),
    fake.cut_after_reading(),
    fake.cut_after_reading(record=True),
    fake.cut_answer(70),
)
NUMBER = re.compile(r"^【#(\d+)】", re.MULTILINE)
POINTS = sorted(point for point in failpoints.POINTS if point.startswith("delivery"))


class Killed(Exception):
    """The process ends here."""


@pytest.fixture(autouse=True)
def armed(monkeypatch):
    monkeypatch.setattr(failpoints, "_armed", {})


def crash(point, passes):
    """End the process when it passes a point for the n-th time."""
    left = iter(range(passes))

    def die():
        if next(left, None) is None:
            failpoints._armed.clear()
            raise Killed

    failpoints._armed.clear()
    failpoints.arm(point, die)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=st.lists(st.sampled_from((FINE, FINE, *CERTAINLY_NOT, *FOR_GOOD, *MAY_HAVE)), max_size=12),
    priorities=st.lists(st.sampled_from(Priority), min_size=1, max_size=12),
    limit=st.sampled_from((18, 4)),
    crashes=st.lists(st.tuples(st.sampled_from(POINTS), st.integers(0, 8)), max_size=3),
)
def test_every_message_ends_confirmed_once_or_visibly_not(
    sqlite_template, tmp_path, script, priorities, limit, crashes
):
    with_fresh_store(sqlite_template, tmp_path, lambda store: live_through(store, script, priorities, limit, crashes))


def with_fresh_store(sqlite_template, tmp_path, life):
    path = tmp_path / "law.db"
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(sqlite_template, path)
    store = open_rehearsal(f"sqlite:///{path}")
    try:
        asyncio.run(life(store))
    finally:
        store.close()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=st.lists(st.tuples(st.sampled_from(Priority), st.sampled_from((0, 0, 0, 1, 20))), max_size=30))
def test_a_short_robot_says_everything_once_within_its_limit_and_the_urgent_first(sqlite_template, tmp_path, arrivals):
    with_fresh_store(sqlite_template, tmp_path, lambda store: be_short(store, arrivals))


async def be_short(store, arrivals):
    clock = HandClock()
    async with FakeWeCom(now=clock.now, per_window=5) as wecom, house(store, clock, wecom) as process:
        process.limits = (Limit(4, timedelta(minutes=1)),)
        process.restart("one")
        for number, (priority, gap) in enumerate(arrivals, start=1):
            await process.queue(f"【#{number}】通知", priority, order=number)
            if gap:
                await process.through(timedelta(seconds=gap))
        await process.through()

        named = Counter(number for content in wecom.contents for number in NUMBER.findall(content))
        assert named == Counter(str(number) for number in range(1, len(arrivals) + 1))
        assert wecom.refused == []
        rows = {row.id: row for row in process.rows()}
        begun = {attempt.outbox_id: attempt.at for attempt in process.rows(Attempt)}
        for hurried in (row for row in rows.values() if row.priority in HURRIED):
            assert hurried.state == Status.SENT
            overtaken = (
                number
                for number, at in begun.items()
                if rows[number].priority > hurried.priority and hurried.at < at < begun[hurried.id]
            )
            assert next(overtaken, None) is None, "something less urgent went before"


async def live_through(store, script, priorities, limit, crashes):
    clock = HandClock()
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as process:
        wecom.then(*script)
        process.limits = (Limit(limit, timedelta(minutes=1)),)
        process.restart("first")
        for number, priority in enumerate(priorities, start=1):
            await process.queue(f"【#{number}】通知{number}", priority, order=number)
        for holder, (point, passes) in enumerate(crashes):
            crash(point, passes)
            try:
                await process.through(timedelta(minutes=1))
            except Killed:
                process.restart(f"next {holder}")
        failpoints._armed.clear()
        await process.through()

        arrived = Counter(wecom.contents)
        rows = process.rows()
        assert len({row.text for row in rows if row.kind == "notice"}) == sum(row.kind == "notice" for row in rows)
        for row in rows:
            assert row.state in {Status.SENT, Status.UNKNOWN, Status.FAILED, Status.MERGED}
            if row.kind != "notice" or row.state == Status.MERGED:
                continue
            if row.parent_id is not None and row.state != Status.SENT:
                continue  # it shared the fate of the digest that it went into
            assert arrived[row.text] == 1 if row.state == Status.SENT else arrived[row.text] <= 1
            if row.state == Status.FAILED:
                assert arrived[row.text] == 0
        followed = {row.repeat_of for row in rows} | {
            name for row in rows if row.state in {Status.SENT, Status.FAILED} for name in row.names
        }
        told = {name for row in rows if row.kind == "not_delivered" for name in row.names}
        for row in rows:
            if row.state == Status.FAILED and row.kind == "notice" and row.parent_id is None:
                assert row.id in told, "a refusal was named by nobody"
            if row.state == Status.UNKNOWN and row.kind == "notice":
                assert row.id in followed, "an unknown outcome was neither repeated nor named"
            if row.state == Status.MERGED:
                (digest,) = [other for other in rows if other.id == row.parent_id]
                assert digest.state == Status.SENT
                assert arrived[row.text] == 0, "what was merged was sent by itself, too"
                assert row.id in digest.names
        assert {row.order_id for row in rows if row.repeat_of is None and row.order_id} == set(
            range(1, len(priorities) + 1)
        )
        assert wecom.refused == []
        assert wecom.errors == []
