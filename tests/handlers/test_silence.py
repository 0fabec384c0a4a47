"""The silence alarm on both databases; time is moved, never slept."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from bot.clock import RehearsalClock
from bot.delivery import Delivery
from bot.delivery.composing import Composer
from bot.desk import Desk
from bot.directory import Directory
from bot.rehearsal import move
from bot.scheduler import Scheduler
from config.policy import load_policy
from handlers import silence
from storage.store import Store
from storage.tables import Slot
from tests.street import Street, at, row

MIDNIGHT = at(1, "00:00")


def heard(street: Street, day: int, clock: str, number: int = 1, **columns: str) -> None:
    """An order comes in at this moment."""
    street.now = at(day, clock)
    street.import_rows(row(number, **columns))
    street.notices()


def listen(street: Street, moment: datetime, since: datetime = MIDNIGHT) -> list[str]:
    """One tick of the scheduler at a moment, of a service that runs since another; what the groups are told."""
    street.now = moment
    street._run(partial(silence.watch, street.office, since=since), "silence")
    return street.told()


def due(street: Street, since: datetime = MIDNIGHT) -> datetime | None:
    return street.store.read(lambda scope: silence.next_due(street.office, scope, since), now=street.now)


def test_half_an_hour_without_an_order_is_told_to_the_seats_once(street: Street) -> None:
    heard(street, 1, "09:00")
    assert due(street) == at(1, "09:30")
    assert listen(street, at(1, "09:30") - timedelta(seconds=1)) == []
    told = listen(street, at(1, "09:30"))
    assert [line.split(" @")[0] for line in told] == ["dispatch: intake_silence"]
    assert "@zhang" in told[0]
    assert due(street) is None
    assert listen(street, at(1, "12:00")) == []
    assert listen(street, at(2, "12:00")) == []


def test_the_alarm_says_how_long_and_since_when(street: Street) -> None:
    heard(street, 1, "09:00")
    street.now = at(1, "09:42")
    street._run(partial(silence.watch, street.office, since=at(1, "00:00")), "silence")
    text = street.notices().only("intake_silence").text
    assert "42分钟没有新工单" in text
    assert "#1，09:00" in text


def test_a_new_order_ends_the_silence_and_begins_the_next(street: Street) -> None:
    heard(street, 1, "09:00")
    assert listen(street, at(1, "09:31"))
    heard(street, 1, "10:00", 2)
    assert listen(street, at(1, "10:29")) == []
    assert listen(street, at(1, "10:30"))
    assert len(street.rows(Slot)) == 2


def test_the_same_export_again_is_no_new_order(street: Street) -> None:
    heard(street, 1, "09:00")
    heard(street, 1, "09:20")
    assert due(street) == at(1, "09:30")


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ((1, "22:29"), at(1, "22:59")),
        ((1, "22:30"), at(2, "07:30")),
        ((1, "23:40"), at(2, "07:30")),
        ((2, "03:00"), at(2, "07:30")),
        ((2, "06:59"), at(2, "07:30")),
        ((2, "07:10"), at(2, "07:40")),
    ],
)
def test_the_night_does_not_count(street: Street, last: tuple[int, str], told: datetime) -> None:
    heard(street, *last)
    assert due(street) == told


def test_it_counts_from_the_start_of_the_service(street: Street) -> None:
    heard(street, 1, "09:00")
    since = at(1, "14:00")
    assert listen(street, at(1, "14:29"), since) == []
    assert listen(street, at(1, "14:30"), since)
    assert listen(street, at(1, "17:00"), at(1, "16:00")) == [], "a restart does not tell it again"


def test_a_store_without_a_live_order_is_never_silent(street: Street) -> None:
    assert due(street) is None
    heard(street, 1, "09:00", 1, 工单状态="回复完成", 办结时间="2026-05-30 10:00")
    assert due(street) is None
    assert listen(street, at(2, "12:00")) == []


def test_history_that_comes_in_is_no_sign_of_life(street: Street) -> None:
    heard(street, 1, "09:00")
    heard(street, 1, "09:20", 2, 工单状态="回复完成", 办结时间="2026-05-30 10:00")
    assert due(street) == at(1, "09:30")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{ after = "2小时", start = "08:00", end = "20:00" }', at(2, "10:00")),
        ('{ after = "30分钟", start = "22:00", end = "06:00" }', at(1, "22:30")),
        ('{ after = "3小时", start = "22:00", end = "06:00" }', at(2, "01:00")),
        ('{ after = "23小时", start = "07:00", end = "23:00" }', None),
    ],
)
def test_the_policy_says_when(street: Street, tmp_path, value: str, expected: datetime | None) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(f'[[rule]]\nkey = "intake_silence"\nsince = 2026-01-01\nvalue = {value}\n', encoding="utf-8")
    street.policy = load_policy(file)
    heard(street, 1, "19:00")
    assert due(street) == expected


async def test_a_rehearsal_moves_through_the_alarm(store: Store) -> None:
    street = Street(store)
    heard(street, 1, "10:50")
    clock = RehearsalClock(at(1, "11:00"), 0)
    desk = Desk(store)
    scheduler = Scheduler(street.office, desk, clock)
    compose = Composer(street.office, Directory(street.office.organisation))
    delivery = Delivery(street.office, desk.run, clock, {}.get, compose, "test")
    await move(clock, at(1, "16:00"), scheduler, delivery)
    await desk.close()
    slot = [each for each in street.rows(Slot) if each.job == silence.JOB]
    assert [(each.job, each.slot, each.at) for each in slot] == [("intake_silence", "1", at(1, "11:30"))]
