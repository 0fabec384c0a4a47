"""A running service is seen by other processes, and gone from sight when it stops."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from bot.desk import Desk
from bot.presence import announced
from bot.service import running
from storage import presence
from storage.columns import table
from storage.tables import Lease
from tests.storage.desk import NOW, count, job
from tests.street import office_of, sample_organisation


def seen(store, at=None):
    with store.connect() as connection:
        return presence.present(connection, at or datetime.now(UTC))


async def test_a_service_is_seen_while_it_runs(store):
    office = office_of(store, sample_organisation())
    assert seen(store) is None
    async with running(office):
        holder, until = seen(store)
        assert until > datetime.now(UTC)
        assert ":" in holder
    assert seen(store) is None


async def test_two_services_are_seen_until_both_have_stopped(store):
    desk = Desk(store)
    async with announced(desk, "one:1"):
        async with announced(desk, "two:2"):
            assert count(store, Lease) == 2
        assert seen(store)[0] == "one:1"
    assert seen(store) is None
    await desk.close()


async def test_the_mark_is_renewed(store, monkeypatch):
    monkeypatch.setattr("bot.presence.RENEWAL_SECONDS", 0)
    desk = Desk(store)
    async with announced(desk, "one:1"):
        first = seen(store)[1]
        for _ in range(1000):
            await desk.read(lambda scope: None, NOW)
            if seen(store)[1] > first:
                break
        else:
            pytest.fail("not renewed")
    await desk.close()


def test_what_a_killed_service_left_is_cleared_by_the_next(store):
    store.run(job(lambda scope: presence.announce(scope, "dead:1")))
    later = NOW + presence.SPAN
    assert seen(store, NOW)[0] == "dead:1"
    assert seen(store, later) is None
    store.run(job(lambda scope: presence.announce(scope, "next:2"), now=later))
    store.run(job(lambda scope: presence.withdraw(scope, "next:2"), now=later))
    with store.connect() as connection:
        assert connection.execute(sa.select(table(Lease).c.name)).all() == []
