"""Due times that count workdays of a year that is not published yet: marked wherever they are read (domain, 3)."""

import pytest

from config.calendar import WorkCalendar
from tests.street import TO, Street, at, row

MARK = "（日历未公布，暂计）"
DUE = f"2027-03-15 24:00{MARK}"


@pytest.fixture
def guessed(street: Street) -> Street:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *TO["办理中"])
    street.notices()
    return street


def test_a_supervision_in_such_workdays_is_marked_in_reply_notice_sheet_and_history(guessed: Street) -> None:
    reply = guessed.say("sun", "/督办 1 区 200个工作日后")

    assert f"已列为区级督办，截止 {DUE}" in reply
    assert f"{DUE}前办理" in guessed.notices().of("supervised")[0].text
    assert guessed.clock("区级督办").provisional
    sheet = guessed.say("zhang", "/查 1")
    assert f"区级督办{MARK}，限 2027-03-15 24:00（孙主任" in sheet
    assert "区级督办：2027-03-15 24:00 到期" in sheet
    assert sheet.count(MARK) == 3, "the fact, the clock, and what happened"
    assert f"截止 {DUE}" in guessed.say("zhang", "/查 1 经过")
    guessed.check()


def test_a_changed_due_time_is_marked_or_no_longer(guessed: Street) -> None:
    guessed.say("sun", "/督办 1 区 6月9日")
    assert MARK not in guessed.say("zhang", "/查 1")

    assert f"改为 {DUE}" in guessed.say("sun", "/督办 1 区 200个工作日后")
    assert MARK not in guessed.say("sun", "/督办 1 区 6月9日")

    assert not guessed.clock("区级督办").provisional
    assert f"区级督办{MARK}" not in guessed.say("zhang", "/查 1")


def test_it_stays_marked_when_the_order_comes_back(guessed: Street) -> None:
    guessed.say("sun", "/督办 1 区 200个工作日后")
    guessed.through(1, "反馈", "办结", "不解决")

    assert (guessed.clock("区级督办").generation, guessed.clock("区级督办").provisional) == (1, True)


def test_notices_mark_it_also_as_the_first_clock(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *TO["待结案"])
    street.say("sun", "/督办 1 区 200个工作日后")
    street.notices()

    assert f"区级督办：{DUE} 前" in street.say("zhang", "/定级 1 疑难 涉及多个部门")
    assert MARK in street.notices().only("levelled").text


def test_reminders_and_lines_of_lists_mark_it(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"), row(2, 到达时间="2026-06-01 08:50"))
    street.through(1, *TO["待结案"])
    street.through(2, *TO["待结案"])
    street.say("sun", "/督办 1 区 200个工作日后")
    street.say("sun", "/督办 2 区 6月9日")

    first, second = (line for line in street.say("sun", "/列表 待结案").splitlines() if line.startswith("#"))
    assert (MARK in first, MARK in second) == (False, True)
    assert second.startswith("#1 ")

    street.through(1, "驳回", "反馈")
    street.now = at(15, month=3).replace(year=2027)
    street.tick()
    assert any(MARK in notice.text for notice in street.notices())


def test_workdays_of_a_published_year_are_not_marked(guessed: Street) -> None:
    assert "截止 06-04 24:00" in (reply := guessed.say("sun", "/督办 1 区 3个工作日后"))
    assert MARK not in reply
    assert MARK not in guessed.say("zhang", "/查 1")


def test_every_clock_keeps_the_calendar_that_it_was_counted_with(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *TO["待评定"])
    street.say("zhang", "/定级 1 紧急 有人受伤")
    street.say("sun", "/督办 1 市 明天")
    street.through(1, "不解决")

    assert {clock.calendar_version for clock in street.clocks()} == {WorkCalendar().version}
    street.check()
