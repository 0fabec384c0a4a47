"""Reminders: at which steps, to whom, and each once (domain, section 4)."""

import re
import threading
from datetime import timedelta
from functools import partial

import pytest

from config.policy import load_policy
from handlers import reminders
from storage.tables import Event, Reminder, Slot
from tests.conftest import OpenStore
from tests.street import TO, URGENT, Street, at, row

DAY = 24 * 60
SEATS = "@zhang @li @zhao"


def steps(street: Street, kind: str, order: int = 1) -> list[int]:
    """Minutes before (−) or after the due time at which a clock's reminders were queued."""
    rows = [item for item in street.rows(Reminder, order) if item.kind == kind]
    return sorted(int(item.step) // 60 for item in rows)


# ----------------------------------------------------------------------------------------------------------- steps


def test_a_limit_of_days_is_told_a_day_four_hours_and_an_hour_before_then_daily(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    street.through(1, *TO["办理中"], "反馈")

    street.move(days=10)

    assert steps(street, "办结") == [-DAY, -240, -60, 0, DAY, 2 * DAY, 3 * DAY]
    assert steps(street, "超4天") == [-DAY, -240, -60, *(day * DAY for day in range(7))]
    assert steps(street, "响应") == []
    street.check()


def test_a_short_limit_is_told_half_an_hour_and_ten_minutes_before(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))

    street.move(hours=2)

    assert steps(street, "签收") == [-30, -10, 0]
    street.move(days=2)
    assert steps(street, "签收") == [-30, -10, 0, DAY, 2 * DAY][: len(steps(street, "签收"))]


def test_urgent_is_told_an_hour_half_and_ten_minutes_before_then_every_half_hour(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00", **URGENT))

    street.move(hours=3)

    assert steps(street, "签收") == [-10, *range(0, 180 - 14, 30)]
    assert steps(street, "响应") == steps(street, "紧急处置") == [-60, -30, -10, 0, 30, 60]
    street.check()


def test_a_step_before_the_clock_began_does_not_exist(one: Street) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", 办理时限="2026-06-01 21:00"))

    one.move(to=at(1, "22:00"))

    assert steps(one, "办结", 2) == [-240, -60, 0]


def test_due_at_once_is_said_at_once_in_one_message(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00", **URGENT))
    street.notices()

    street.move(hours=1)

    notice = street.notices()[-1]
    assert [line.split("：")[0] for line in notice.text.splitlines()[1:4]] == ["响应", "紧急处置", "办结"]
    assert notice.urgent


def test_the_moment_of_each_reminder_is_the_steps_own(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    street.notices()

    street.move(to=at(1, "10:05"))

    first, _, last = notices = street.notices()
    assert [notice.at for notice in notices] == [at(1, "09:30"), at(1, "09:50"), at(1, "10:00")]
    assert first.text.startswith("【#1】将到期\n签收：10:00 到期，剩 30分钟\n")
    assert last.text.startswith("【#1】⚠ 已超期\n签收：10:00 到期，刚刚超期\n")


# ------------------------------------------------------------------------------------------------------ right people


@pytest.mark.parametrize(
    ("state", "hours", "who", "advice"),
    [
        ("待签收", 0.5, f"dispatch: reminder #1 {SEATS}", "/签收 1"),
        ("待派单", 1.5, f"dispatch: reminder #1 {SEATS}", "/派单 1 主办科室"),
        ("退回中", 23, f"dispatch: reminder #1 {SEATS}", "/退回结果 1 成功"),
        ("待接单", 23, "chengguan: reminder #1 @wang", "/反馈 1 已接通 说明"),
        ("待评定", 23, "supervision: reminder #1 @gao @luo", "/评定 1"),
    ],
)
def test_whoever_can_do_it_is_called_with_what_to_type(
    one: Street, state: str, hours: float, who: str, advice: str
) -> None:
    one.through(1, *TO[state])
    one.notices()

    one.move(hours=hours + 0.01)

    notice = one.notices()[-1]
    assert str(notice) == who
    assert advice in notice.text
    assert f"现在是“{state}”" in notice.text


def test_from_the_due_time_the_head_is_called_too(one: Street) -> None:
    one.through(1, "签收", "派单")
    one.say("qian", "/接单 1")
    one.notices()

    one.move(to=at(2, "08:30"))
    assert one.told() == ["chengguan: catch_up @qian", "chengguan: reminder #1 @qian"]
    one.move(to=at(2, "09:00"))
    assert one.told() == ["chengguan: reminder #1 @qian @wang"]


def test_a_department_without_a_group_is_called_in_the_dispatch_group(one: Street) -> None:
    one.through(1, "签收")
    one.say("zhang", "/派单 1 民生保障科")
    one.notices()

    one.move(to=at(2, "08:30"))

    assert one.told() == ["dispatch: catch_up @yang", "dispatch: reminder #1 @yang"]


def test_seats_hear_of_urgent_handling_until_it_is_over(one: Street) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", **URGENT))
    one.through(2, "签收", "派单", "接单", "反馈")
    one.notices()
    one.move(to=at(1, "10:00"))
    notice = one.notices()[-1]
    assert notice.people == ("wang", "zhang", "li", "zhao")
    assert "电话" in notice.text

    one.through(2, "电话")
    one.through(2, "办结")
    one.notices()
    one.move(to=at(1, "12:00"))
    assert [notice for notice in one.notices() if notice.order == 2] == []


def test_where_nobody_can_do_anything_nobody_is_called(one: Street) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", **URGENT))
    one.through(2, *TO["办理中"], "联系不上", "联系不上", "联系不上", "办结", "评定")
    one.notices()

    one.move(hours=5)

    assert [notice for notice in one.notices() if notice.order == 2] == []
    assert one.clock("紧急处置", 2).breached_at == at(1, "11:00"), "the breach is marked all the same"


def test_nothing_after_the_clock_is_met(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    street.through(1, *TO["已结案"])
    street.notices()

    street.move(days=20)

    assert street.told() == []
    assert "超时" not in street.events()


# -------------------------------------------------------------------------------------------------------------- once


def test_each_step_is_queued_once_whoever_sweeps(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    street.notices()
    street.move(to=at(1, "09:30"))
    assert len(street.notices()) == 1

    for other in (street, street.restarted(), street.restarted()):
        other.tick()
        assert other.told() == []
    street.move(minutes=1)
    assert street.told() == []


def test_two_replicas_sweep_at_once(postgresql_url: str, open_store: OpenStore) -> None:
    streets = [Street(open_store(postgresql_url)) for _ in range(2)]
    streets[0].import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in range(1, 16)))
    streets[0].notices()
    for street in streets:
        street.now = at(1, "10:00")
    start = threading.Barrier(2)

    def sweep(street: Street) -> None:
        start.wait()
        street.tick()

    threads = [threading.Thread(target=sweep, args=(street,)) for street in streets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told = "".join(notice.text for notice in streets[0].notices().of("reminder"))
    assert sorted(int(number) for number in re.findall(r"【#(\d+)】", told)) == list(range(1, 16))
    assert streets[0].events().count("超时") == 15
    streets[0].check()


def test_urgent_orders_that_are_overdue_are_repeated_in_one_message_each_half_hour(street: Street) -> None:
    for number, minute in enumerate((0, 7, 13, 22), 1):
        street.import_rows(row(number, 到达时间=f"2026-06-01 09:{minute:02d}", **URGENT))
    street.move(at(1, "14:00"))
    street.notices()

    street.move(hours=5)

    told = [notice for notice in street.notices() if "紧急工单超期" in notice.text]
    assert 10 <= len(told) <= 11
    for notice in told:
        assert "（4 件）" in notice.text
        assert all(f"【#{number}】" in notice.text for number in (1, 2, 3, 4))
    street.check()


def test_what_was_missed_while_down_comes_as_one_digest(street: Street) -> None:
    street.import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in (1, 2, 3)))
    street.import_rows(row(4, 到达时间="2026-06-01 09:00", **URGENT))
    street.through(3, "签收", "派单", "接单")
    street.notices()

    street.sleep(hours=26)
    again = street.restarted()
    again.tick()

    notices = again.notices()
    assert sorted(notices.lines) == sorted(
        [f"dispatch: catch_up {SEATS}", "chengguan: catch_up @wang", f"dispatch: reminder #4 {SEATS}"]
    )
    digest = next(notice for notice in notices if str(notice) == f"dispatch: catch_up {SEATS}")
    assert digest.text.splitlines()[:2] == [
        "到期汇总（4 项已到提醒时间）",
        "#1 夜间施工噪声扰民 待签收 签收：06-01 10:00 到期，已超 25小时",
    ]
    assert again.clock("签收", 1).breached_at == at(1, "10:00")
    again.tick()
    assert again.told() == []
    again.check()


def test_many_at_the_same_moment_come_as_one_digest(street: Street) -> None:
    street.import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in range(1, 41)))
    street.notices()

    street.move(to=at(1, "09:30"))

    notice = street.notices().only("catch_up")
    assert "到期汇总（40 项已到提醒时间）" in notice.text
    assert "另有 10 项：/待办 看全部" in notice.text
    street.move(to=at(1, "09:45"))
    assert street.told() == []


def test_more_than_one_transaction_handles_make_one_digest(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    street.import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in range(1, 41)))
    street.import_rows(row(41, 到达时间="2026-06-01 09:00", **URGENT))
    street.notices()
    monkeypatch.setattr(reminders, "MOST", 10)

    street.sleep(hours=1)
    street.tick()

    notices = street.notices()
    assert {notice.order for notice in notices.of("reminder")} == {41}, "an urgent one waits for no digest"
    assert "到期汇总（40 项已到提醒时间）" in notices.only("catch_up").text
    assert street.events().count("超时") == 41
    street.tick()
    assert street.told() == []
    assert street.rows(Slot) == []
    street.check()


def test_whatever_two_processes_put_off_is_told_once(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    street.import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in range(1, 26)))
    street.notices()
    street.sleep(hours=1, minutes=3)
    monkeypatch.setattr(reminders, "MOST", 10)
    sweep = partial(reminders.sweep, street.office)
    street._run(sweep, "sweep")
    early = street._read(partial(reminders.put_off, street.office))
    assert early is not None and [len(digest.orders) for digest in early.digests] == [10]

    street.now -= timedelta(milliseconds=200)
    street._run(sweep, "sweep")  # another replica, whose tick began before this one's
    street.now += timedelta(milliseconds=200)
    late = street._read(partial(reminders.put_off, street.office))
    assert late is not None and [len(digest.orders) for digest in late.digests] == [20]

    assert street._run(partial(reminders.tell_put_off, street.office, ready=early), "sweep") is True
    assert street._run(partial(reminders.tell_put_off, street.office, ready=late), "sweep") is False
    street.tick()

    heads = [notice.text.partition("\n")[0] for notice in street.notices()]
    assert heads == ["到期汇总（10 项已到提醒时间）", "到期汇总（15 项已到提醒时间）"]
    assert street._run(partial(reminders.tell_put_off, street.office, ready=early), "sweep") is False


def test_a_stop_between_two_transactions_loses_no_reminder(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    street.import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in range(1, 26)))
    street.notices()
    monkeypatch.setattr(reminders, "MOST", 10)
    street.sleep(hours=1)
    street._run(partial(reminders.sweep, street.office), "sweep")
    assert street.told() == []
    street.sleep(minutes=10)

    again = street.restarted()
    again.tick()

    assert "到期汇总（25 项已到提醒时间）" in again.notices().only("catch_up").text


# ------------------------------------------------------------------------------------------------------- quiet hours


def test_the_night_holds_ordinary_nudges_until_morning_and_marks_breaches_at_their_moment(street: Street) -> None:
    street.import_rows(row(1, 到达时间="2026-06-01 09:00", 办理时限="2026-06-02 03:00"))
    street.through(1, *TO["办理中"], "反馈")
    street.move(to=at(1, "21:59"))
    street.import_rows(row(2))
    street.notices()

    street.move(to=at(2, "03:00"))
    assert {notice.order for notice in street.notices()} == {2}, "待签收 is never held"
    assert street.clock("办结", 1).breached_at == at(2, "03:00")
    assert [item.at for item in street.rows(Event) if item.kind == "超时" and item.order_id == 1] == [at(2, "03:00")]

    street.move(to=at(2, "06:59"))
    assert {notice.order for notice in street.notices()} <= {2}
    street.move(to=at(2, "07:00"))
    digest = street.notices().only("catch_up")
    assert (digest.group, digest.at) == ("chengguan", at(2, "07:00"))
    assert "#1 夜间施工噪声扰民 办理中 办结：03:00 到期，已超 4小时" in digest.text
    street.move(minutes=59)
    assert [notice for notice in street.notices() if notice.order == 1] == []
    street.check()


@pytest.mark.parametrize("loud", ["urgent", "supervised", "supervision clock"])
def test_the_night_never_holds_what_is_urgent_or_supervised(street: Street, loud: str) -> None:
    due = {} if loud == "supervision clock" else {"办理时限": "2026-06-02 03:00"}
    urgent = URGENT if loud == "urgent" else {}
    street.import_rows(row(1, 到达时间="2026-06-01 09:00", **due, **urgent))
    street.through(1, *TO["办理中"], "反馈")
    if loud != "urgent":
        until = "6月2日3:00" if loud == "supervision clock" else "6月5日18:00"
        assert street.say("sun", f"/督办 1 区 {until}").startswith("✔")
    street.move(to=at(1, "22:00"))
    street.notices()

    street.move(to=at(2, "03:00"))

    assert [notice.at for notice in street.notices()][-2:] == [at(2, "02:50" if urgent else "02:00"), at(2, "03:00")]


def test_the_office_decides_when_it_is_quiet(street: Street, tmp_path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        '[[rule]]\nkey = "quiet_hours"\nsince = 2026-01-01\nvalue = { start = "12:00", end = "14:00" }\n',
        encoding="utf-8",
    )
    street.policy = load_policy(file)
    street.import_rows(row(1, 到达时间="2026-06-01 09:00", 办理时限="2026-06-01 13:00"))
    street.through(1, *TO["办理中"], "反馈")
    street.notices()

    street.move(to=at(1, "15:00"))

    assert [(notice.kind, notice.at) for notice in street.notices()] == [("catch_up", at(1, "14:00"))]


def test_reminders_of_one_minute_for_one_group_are_one_message(street: Street) -> None:
    street.import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in (1, 2, 3)))
    street.notices()

    street.move(minutes=31)

    told = street.notices().only("reminder")
    assert told.text.startswith("工单时限提醒（3 件）\n\n【#1】科源社区 夜间施工噪声扰民\n签收：10:00 到期，剩")
    assert [f"/签收 {number}" in told.text for number in (1, 2, 3)] == [True] * 3
    assert "退回" not in told.text, "what is long is said where an order stands alone"

    street.move(minutes=30)

    assert street.notices().of("reminder")[-1].text.startswith("⚠ 工单时限提醒（3 件，3 件已超期）")


def test_urgent_reminders_go_together_and_never_with_ordinary_ones(street: Street) -> None:
    urgent = [row(number, 到达时间="2026-06-01 09:00", **URGENT) for number in (1, 2)]
    street.import_rows(*urgent, row(3, 到达时间="2026-06-01 08:35"))
    street.notices()

    street.move(minutes=6)

    merged, single = sorted(street.notices().of("reminder"), key=lambda notice: not notice.urgent)
    assert merged.urgent and merged.text.startswith("紧急工单时限提醒（2 件）")
    assert not single.urgent and single.order == 3


def test_what_waits_for_acceptance_is_told_to_accept_first(street: Street) -> None:
    street.import_rows(row(1, 到达时间="2026-06-01 09:00"))
    street.through(1, *TO["待接单"])
    street.notices()

    street.move(to=at(2, "08:00"))

    texts = [notice.text for notice in street.notices().of("reminder") if "响应" in notice.text]
    assert texts
    for text in texts:
        assert text.partition("下一步：\n")[2].splitlines() == [
            "/接单 1；派错了：/改派 1 理由",
            "联系来电人后 /反馈 1 已接通 说明",
        ]
