"""Whatever the platform does and wherever the process dies: nothing is lost, nothing confirmed is sent twice."""

import asyncio
import shutil
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import failpoints
from storage.outbox import Priority, Status
from tests.bot.delivery_desk import HandClock, house
from tests.conftest import open_rehearsal
from tests.platforms import wecom_server as fake
from tests.platforms.wecom_server import FakeWeCom

FINE = fake.cut_answer(len(fake.whole_answer()))
CERTAINLY_NOT = (fake.errcode(-1), fake.errcode(45009), fake.status(429, retry_after=9), fake.status(503))
FOR_GOOD = (fake.errcode(93000), fake.status(403))
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
    crashes=st.lists(st.tuples(st.sampled_from(POINTS), st.integers(0, 8)), max_size=3),
)
def test_every_message_ends_confirmed_once_or_visibly_not(sqlite_template, tmp_path, script, priorities, crashes):
    path = tmp_path / "law.db"
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(sqlite_template, path)
    store = open_rehearsal(f"sqlite:///{path}")
    try:
        asyncio.run(live_through(store, script, priorities, crashes))
    finally:
        store.close()


async def live_through(store, script, priorities, crashes):
    clock = HandClock()
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as process:
        wecom.then(*script)
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
            assert row.state in {Status.SENT, Status.UNKNOWN, Status.FAILED}
            if row.kind != "notice":
                continue
            assert arrived[row.text] == 1 if row.state == Status.SENT else arrived[row.text] <= 1
            if row.state == Status.FAILED:
                assert arrived[row.text] == 0
        followed = {row.repeat_of for row in rows} | {
            name for row in rows if row.state in {Status.SENT, Status.FAILED} for name in row.names
        }
        for row in rows:
            if row.state == Status.UNKNOWN and row.kind == "notice":
                assert row.id in followed, "an unknown outcome was neither repeated nor named"
        assert {row.order_id for row in rows if row.repeat_of is None and row.order_id} == set(
            range(1, len(priorities) + 1)
        )
        assert wecom.refused == []
        assert wecom.errors == []
