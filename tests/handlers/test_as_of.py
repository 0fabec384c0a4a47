"""A figure as of an earlier moment stays what it was, whatever becomes of the order later (domain, section 6)."""

from datetime import date, datetime

from handlers.reports.daily import daily
from tests.street import TO, Street, at, row


def report(street: Street, day: date, as_of: datetime) -> tuple[dict[str, int], str]:
    """The day's figures as of a moment, and their hash."""
    found = street.store.read(lambda scope: daily(street.office, scope, day, as_of), now=street.now)
    return {name: counted.day for name, counted in found.rows.items()}, found.data_hash


def test_a_due_time_that_the_city_gives_later_was_not_over_before(one: Street) -> None:
    one.through(1, *TO["办理中"])
    one.move(to=at(4, "00:00"))
    before = report(one, date(2026, 6, 3), one.now)
    one.move(to=at(5))

    one.import_rows(row(办理时限="2026-06-02 12:00"))
    one.tick()

    assert one.clock("办结").breached_at == at(2, "12:00")
    assert report(one, date(2026, 6, 3), at(4, "00:00")) == before
    assert report(one, date(2026, 6, 5), one.now)[0]["超期"] == 1
    one.check()


def test_a_level_that_shortens_the_limit_makes_nothing_late_before(one: Street) -> None:
    one.through(1, *TO["办理中"])
    one.say("zhang", "/定级 1 疑难 涉及多个部门")
    one.move(to=at(10, "00:00"))
    before = report(one, date(2026, 6, 9), one.now)
    assert before[0]["超期"] == 0
    one.move(to=at(10, "09:00"))

    one.say("zhang", "/定级 1 一般 一家可办")

    assert (one.clock("办结").due_at, one.clock("办结").origin) == (at(8, "09:00"), at(1))
    assert report(one, date(2026, 6, 9), at(10, "00:00")) == before
    assert report(one, date(2026, 6, 10), one.now)[0]["超期"] == 1
    one.check()


def test_what_an_order_did_before_it_was_opened_again_stays(one: Street) -> None:
    one.through(1, *TO["已结案"])
    one.move(to=at(5))
    before = report(one, date(2026, 6, 1), at(2, "00:00"))
    one.through(1, "重开", "反馈")
    one.move(to=at(20))

    assert report(one, date(2026, 6, 1), at(2, "00:00")) == before
    assert before[0]["首次联系"] == 1
