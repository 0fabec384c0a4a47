"""Standing times: each told once, at its hour, only where there is something to say (domain, section 4)."""

import threading
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from bot.clock import RehearsalClock
from bot.delivery import Delivery
from bot.delivery.composing import Composer
from bot.desk import Desk
from bot.directory import Directory
from bot.rehearsal import move
from bot.scheduler import Scheduler
from config.organisation import Group
from config.policy import load_policy
from handlers import standing
from handlers.office import Office
from storage.store import Store
from storage.tables import Outbox, Slot
from tests.conftest import OpenStore
from tests.street import TO, URGENT, Notices, Street, at, row

SEATS = "@zhang @li @zhao"


def stand(street: Street, moment: datetime, office: Office | None = None) -> Notices:
    """The scheduler's look at a moment: what the standing times told, reminders aside."""
    street.now = moment
    street.tick()
    street.notices()
    while street._run(partial(standing.tell, office or street.office), "standing"):
        pass
    return street.notices()


def next_due(street: Street) -> datetime:
    return street.store.read(partial(standing.next_due, street.office), now=street.now)


@pytest.fixture
def evening(street: Street) -> Street:
    """One order in hand at 城管科, one undispatched, one unsigned, at 18:00 of 1 June; the afternoon was told."""
    street.import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in (1, 2, 3)))
    street.through(1, *TO["办理中"], "反馈")
    street.through(2, "签收")
    stand(street, at(1, "18:00"))
    return street


def test_an_office_with_nothing_to_do_hears_nothing_all_day(street: Street) -> None:
    told = [stand(street, at(1, f"{hour:02}:{minute}")).lines for hour in range(24) for minute in ("05", "30")]
    assert [lines for lines in told if lines] == []


def test_the_evening_names_what_was_not_dispatched_three_times(evening: Street) -> None:
    assert next_due(evening) == at(1, "20:00")
    notice = stand(evening, at(1, "20:00")).only("undispatched")
    assert str(notice) == f"dispatch: undispatched {SEATS}"
    assert notice.text.splitlines() == [
        "还没有派出的工单（20:00）：当日签收的 24:00 前要派完",
        "待派单 1 件",
        "#2 一般 噪声→施工噪声 科源社区 夜间施工噪声扰民 待派单 ⚠已超 8小时59分",
        "待签收 1 件",
        "#3 一般 噪声→施工噪声 科源社区 夜间施工噪声扰民 待签收 ⚠已超 10小时",
    ]
    assert stand(evening, at(1, "20:00")) == [] == stand(evening, at(1, "21:00"))
    assert [notice.kind for notice in stand(evening, at(1, "22:00"))] == ["undispatched"], "also in quiet hours"
    evening.through(2, "派单")
    evening.through(3, "签收", "派单")
    assert stand(evening, at(1, "23:30")) == []


def test_the_day_is_closed_after_midnight(evening: Street) -> None:
    notice = stand(evening, at(2, "00:05")).only("day_close")
    lines = notice.text.splitlines()
    assert lines[0] == "日终 2026-06-01 周一"
    assert lines[1].startswith("受理 3 · 签收 2 · 退回 0 · 派单 1 · 接单 1 · 首次联系 1")
    assert lines[2:4] == ["当日没有派完 1 件", "#2 一般 噪声→施工噪声 科源社区 夜间施工噪声扰民 待派单 ⚠已超 13小时4分"]
    assert notice.group == "dispatch" and notice.people == ()


def test_the_morning_card_says_what_the_seats_take_over(evening: Street) -> None:
    evening.move(to=at(1, "23:00"))
    evening.import_rows(row(4), row(5, **URGENT))
    card = stand(evening, at(2, "08:30")).only("handover")
    assert str(card) == f"dispatch: handover {SEATS}"
    lines = card.text.splitlines()
    assert lines[:2] == ["交接班 2026-06-02 周二", "在办 5：待签收 3 · 待派单 1 · 办理中 1"]
    assert lines[2].startswith("紧急 1 件") and lines[3].startswith("#5 紧急 ")
    heads = [line for line in lines if not line.startswith("#")]
    assert heads[3:] == ["已超时限 4 件", "夜间新到 2 件", "夜间免打扰留到早晨的提醒 1 项，已汇总发出", "下一步：/待办"]
    assert sum(line.startswith("#5 ") for line in lines) == 1, "each order is listed once"
    held = {item.id: item.orders for item in evening.rows(Outbox)}
    assert set(held[card.id]) == {2, 3, 4, 5}, "a quote asks which of them is meant"
    evening.check()


def test_each_head_and_handler_has_a_list_of_their_own_in_private(evening: Street) -> None:
    evening.say("wang", "/分办 1 @钱队员")
    notices = stand(evening, at(2, "08:30"))
    lists = {notice.group: notice.text for notice in notices.of("morning_list")}
    assert set(lists) == {"@wang", "@qian"}
    assert "城管科的待办 1 件：\n#1 一般" in lists["@wang"]
    mine = evening.privately("qian", "/我的").splitlines()
    assert lists["@qian"].splitlines() == ["今日清单 2026-06-02 周二", *mine], "the same as /我的 says"


def test_who_cannot_be_written_to_in_private_is_called_in_the_group_of_the_department(evening: Street) -> None:
    class Robots:
        """Robots only: nobody has a private chat."""

        def of_group(self, group: Group) -> tuple[str, ...]:
            return evening.office.routes.of_group(group)

        def of_person(self, person: str) -> tuple[str, ...]:
            return ()

    evening.say("wang", "/分办 1 @钱队员")
    office = replace(evening.office, routes=Robots())
    notice = stand(evening, at(2, "08:30"), office).only("morning_list")
    assert str(notice) == "chengguan: morning_list @wang @qian"
    assert [line for line in notice.text.splitlines() if line.startswith("【")] == ["【王科长】", "【钱队员】"]


def test_due_and_beyond_four_days_go_to_each_department(street: Street) -> None:
    street.import_rows(
        row(1, 到达时间="2026-06-01 09:00", 办理时限="2026-06-02 18:00"),
        row(2, 到达时间="2026-05-27 09:00", 办理时限="2026-06-09 18:00"),
        row(3, 到达时间="2026-06-01 09:00", 办理时限="2026-06-09 18:00"),
        row(4, 到达时间="2026-06-01 09:00", 办理时限="2026-06-02 18:00"),
    )
    for number in (1, 2, 3):
        street.through(number, *TO["办理中"], "反馈")
    street.through(4, "签收")
    street.say("zhang", "/派单 4 民生保障科")
    stand(street, at(2, "08:30"))
    told = stand(street, at(2, "10:00"))
    assert told.lines == ["chengguan: due_lists @wang", "dispatch: due_lists @yang"]
    lines = told[0].text.splitlines()
    assert lines[:2] == ["到期与超4天（10:00）", "城管科 今天到期或已超 2 件（已超时 1 件），超4天 1 件"]
    assert [line.split()[0] for line in lines[2:]] == ["#2", "#1"]
    assert [notice.kind for notice in stand(street, at(2, "15:00"))] == ["due_lists"] * 2


def test_the_reviewers_and_the_office_hear_at_five(street: Street) -> None:
    street.import_rows(*(row(number, 到达时间="2026-06-01 09:00") for number in (1, 2, 3)))
    for number, state in ((1, "待评定"), (2, "待结案"), (3, "办理中")):
        street.through(number, *TO[state])
    notice = stand(street, at(1, "17:00")).only("review_list")
    assert str(notice) == "supervision: review_list @gao @luo @sun @ma"
    lines = notice.text.splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "待评定、待结案与未申报结案（17:00）",
        "待评定 1 件",
        "待结案 1 件",
        "办理中、还没有申报办结：城管科 1",
    ]


def test_what_was_missed_is_told_once_the_newest_of_each_kind(evening: Street) -> None:
    told = stand(evening.restarted(), at(1, "23:45"))
    assert [notice.kind for notice in told] == ["undispatched"]
    assert "（23:30）" in told[0].text
    evening.now = at(2, "07:00")
    told = stand(evening, at(2, "09:10"))
    assert [notice.kind for notice in told if notice.group == "dispatch"] == ["day_close", "handover"]
    assert stand(evening, at(2, "09:11")) == []


def test_a_day_later_only_what_still_helps_is_told(evening: Street) -> None:
    told = stand(evening, at(5, "16:00"))
    assert {notice.kind for notice in told} == {"handover", "morning_list", "due_lists"}, "no day is closed at noon"
    assert "（15:00）" in told.only("due_lists").text


def test_two_replicas_tell_it_once(postgresql_url: str, open_store: OpenStore) -> None:
    streets = [Street(open_store(postgresql_url), now=at(1, "09:00")) for _ in range(2)]
    streets[0].import_rows(row(1))
    streets[0].notices()
    start = threading.Barrier(2)

    def tell(street: Street) -> None:
        start.wait()
        street.now = at(1, "20:00")
        while street._run(partial(standing.tell, street.office), "standing"):
            pass

    threads = [threading.Thread(target=tell, args=(street,)) for street in streets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert streets[0].notices().only("undispatched").at == at(1, "20:00")


def test_the_office_decides_at_which_hours(evening: Street, tmp_path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        '[[rule]]\nkey = "standing_times"\nsince = 2026-01-01\n[rule.value]\n'
        'handover = "08:30"\ndue_lists = []\nreview_list = "17:00"\nundispatched = ["19:00"]\nday_close = "23:55"\n',
        encoding="utf-8",
    )
    evening.policy = load_policy(file)
    assert next_due(evening) == at(1, "19:00")
    assert [notice.kind for notice in stand(evening, at(1, "19:00"))] == ["undispatched"]
    assert "日终 2026-06-01" in stand(evening, at(1, "23:55")).only("day_close").text


async def test_a_rehearsal_moves_through_the_standing_times(store: Store) -> None:
    street = Street(store)
    street.import_rows(row(1, 到达时间="2026-06-01 09:00"))
    clock = RehearsalClock(at(1, "09:00"), 0)
    desk = Desk(store)
    scheduler = Scheduler(street.office, desk, clock)
    compose = Composer(street.office, Directory(street.office.organisation))
    delivery = Delivery(street.office, desk.run, clock, {}.get, compose, "test")
    await move(clock, at(2, "09:00"), scheduler, delivery)
    await desk.close()
    told = [(notice.kind, notice.at) for notice in street.notices() if notice.kind in JOBS]
    assert told == [
        ("handover", at(1, "09:00")),
        ("undispatched", at(1, "20:00")),
        ("undispatched", at(1, "22:00")),
        ("undispatched", at(1, "23:30")),
        ("day_close", at(2, "00:05")),
        ("handover", at(2, "08:30")),
    ]
    slots = {item.slot: item.at for item in street.rows(Slot) if item.job in JOBS}
    assert slots["2026-06-02 08:30"] == at(2, "08:30")


JOBS = {each.job for each in standing.STANDING}
