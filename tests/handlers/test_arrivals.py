"""A burst of new orders becomes one digest, an urgent one never waits (issue: notices that do not flood)."""

import threading
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from config.errors import ConfigError
from config.policy import load_policy
from handlers.intake.announcing import Finding, Telling, announced, arrive, tell_finished
from handlers.intake.orders import IncomingOrder
from handlers.intake.register import take_in
from storage.tables import Outbox, Unannounced
from tests.conftest import OpenStore
from tests.street import URGENT, Notices, Street, at, row

SEATS = "@zhang @li @zhao"
HOLD, MINUTE = timedelta(minutes=5), timedelta(minutes=1)


def come(street: Street, *numbers: int, **columns: str) -> None:
    """Orders come in one by one over the interface, at the moment it is."""
    for item in street.file(*(row(number, **columns) for number in numbers)):
        assert isinstance(item, IncomingOrder)
        street._run(partial(take_in, street.office, rows=[item], origin="接口"), "api")


def over(street: Street, count: int, span: timedelta, every: timedelta = MINUTE) -> None:
    """Orders come in evenly over a span and are announced at every tick; nobody is reminded.

    They are stored before, silently: what is watched here is the announcing. Those of one tick come together, a few
    at a time.
    """
    street.import_rows(*(row(number) for number in range(1, count + 1)), takeover=True)
    begin = street.now
    coming = [(begin + span * index / count, Finding(Telling.NEW, index + 1)) for index in range(count)]
    for tick in range(int((span + HOLD) / every) + 1):
        street.now = begin + tick * every
        new = [found for at, found in coming if street.now - every < at <= street.now]
        for few in (new[first : first + 4] for first in range(0, len(new), 4)):
            street._run(partial(arrive, street.office, findings=few), "api")
        street._run(partial(tell_finished, street.office), "import")


def named(notices: Notices, street: Street) -> Counter[int]:
    """How often each order was announced, and that its number stands in the text."""
    kept = {item.id: item.orders for item in street.rows(Outbox)}
    counts: Counter[int] = Counter()
    for notice in notices:
        for order in announced(notice.kind, kept[notice.id]):
            assert f"【#{order}】" in notice.text
            counts[order] += 1
    return counts


def busy(street: Street) -> int:
    """Twenty orders came in a moment ago and were told one by one; returns the next number."""
    come(street, *range(1, 21))
    street.tick()
    assert street.told() == [f"dispatch: new_order #{number}" for number in range(1, 21)]
    return 21


@pytest.mark.parametrize(
    ("count", "span", "messages"),
    [(100, timedelta(minutes=1), 24), (100, timedelta(hours=1), 32), (30, timedelta(hours=10), 30)],
)
def test_each_order_is_named_once_in_few_messages(street: Street, count: int, span: timedelta, messages: int) -> None:
    over(street, count, span)
    notices = street.notices()
    new = Notices(notice for notice in notices if notice.kind in ("new_order", "arrivals_digest"))
    assert named(new, street) == Counter(range(1, count + 1))
    assert len(new) <= messages, [notice.kind for notice in new]
    assert street.rows(Unannounced) == []


def test_a_thousand_in_a_day(open_store: OpenStore, sqlite_url: str) -> None:
    street = Street(open_store(sqlite_url), now=at(1, "00:00"))
    over(street, 1000, timedelta(days=1), HOLD)
    new = Notices(notice for notice in street.notices() if notice.kind in ("new_order", "arrivals_digest"))
    assert named(new, street) == Counter(range(1, 1001))
    assert len(new) < 320


def test_what_follows_a_burst_is_held_five_minutes_and_told_together(street: Street) -> None:
    number = busy(street)
    come(street, number)
    street.move(minutes=2)
    come(street, number + 1)
    street.move(minutes=2)
    assert street.told() == []
    street.move(minutes=1)
    digest = street.notices().only("arrivals_digest")
    assert digest.text == (
        "新工单汇总：刚到 2 件\n"
        "【#21】热线-260601-000021 噪声→施工噪声 科源社区 夜间施工噪声扰民 10:00 前签收\n"
        "【#22】热线-260601-000022 噪声→施工噪声 科源社区 夜间施工噪声扰民 10:02 前签收\n"
        "下一步：/签收 21-22"
    )
    assert street.say("zhang", "/签收 21-22").count("✔") == 2
    street.check()


def test_one_that_is_held_alone_is_told_in_full(street: Street) -> None:
    come(street, busy(street))
    street.tick()
    assert street.told() == []
    street.move(minutes=5)
    assert street.told() == ["dispatch: new_order #21"]


def test_so_many_as_a_digest_lists_do_not_wait(street: Street) -> None:
    number = busy(street)
    come(street, *range(number, number + 45))
    street.tick()
    assert [notice.kind for notice in street.notices()] == ["arrivals_digest"] * 2
    assert len(street.rows(Unannounced)) == 5


def test_when_the_hour_is_over_they_are_told_one_by_one_again(street: Street) -> None:
    number = busy(street)
    street.move(minutes=59)
    street.notices()
    come(street, number)
    street.tick()
    assert street.told() == []
    street.move(minutes=1)
    assert "dispatch: new_order #21" in street.told()


def test_a_change_of_one_that_is_held_waits_with_it(street: Street) -> None:
    number = busy(street)
    come(street, number, number + 1)
    come(street, number, 标题="白天施工噪声扰民")
    street.tick()
    street.import_rows(row(number + 1, 标题="清晨施工噪声扰民"))
    assert street.told() == []
    street.move(minutes=5)
    assert [notice.kind for notice in street.notices()] == ["arrivals_digest"]
    come(street, number, 标题="凌晨施工噪声扰民")
    assert [line.split(" @")[0] for line in street.told()] == ["dispatch: upstream_change #21"]


def test_one_that_the_source_makes_urgent_is_told_at_once(street: Street) -> None:
    number = busy(street)
    come(street, number, number + 1)
    come(street, number, **URGENT)
    assert street.told() == [f"dispatch: new_order #21 {SEATS}"]
    street.import_rows(row(number + 1, **URGENT))
    assert street.told() == [f"dispatch: new_order #22 {SEATS}"]
    assert street.rows(Unannounced) == []


@pytest.mark.parametrize("imported", [False, True])
def test_a_contradiction_is_told_after_its_order(street: Street, imported: bool) -> None:
    number = busy(street)
    come(street, number)
    street.through(number, "签收")
    street.notices()
    late = row(number, 工单状态="已办结")
    if imported:
        street.import_rows(late)
    else:
        come(street, number, 工单状态="已办结")
    lines = [line.split(" @")[0] for line in street.told()]
    assert lines[:2] == ["dispatch: new_order #21", "dispatch: mismatch #21"]
    street.move(minutes=5)
    assert not [line for line in street.told() if "new_order" in line or "arrivals" in line]


def test_an_urgent_one_never_waits(street: Street) -> None:
    number = busy(street)
    come(street, number)
    come(street, number + 1, **URGENT)
    assert street.told() == [f"dispatch: new_order #22 {SEATS}"]


@pytest.mark.parametrize("typed", ["/督办 21 区 6月3日18:00", "/定级 21 紧急 水漫楼道", "/标记 21 点名"])
def test_one_that_becomes_urgent_or_supervised_waits_no_longer(street: Street, typed: str) -> None:
    come(street, busy(street), 22)
    street.tick()
    assert street.told() == []
    assert street.say("sun", typed).startswith("✔")
    street.notices()
    street.tick()
    assert [notice.order for notice in street.notices().of("new_order")] == [21]
    street.move(minutes=5)
    assert [notice.order for notice in street.notices().of("new_order")] == [22]


def test_what_was_signed_or_returned_meanwhile_says_so(street: Street) -> None:
    come(street, busy(street), 22, 23)
    street.tick()
    street.through(21, "签收")
    street.say("zhao", "/退回 22 非本辖区 河东街道 地址在河东公园，属于河东街道管辖")
    street.notices()
    street.move(minutes=5)
    text = street.notices().only("arrivals_digest").text
    assert "【#21】热线-260601-000021 噪声→施工噪声 科源社区 夜间施工噪声扰民 待派单\n" in text
    assert "【#22】热线-260601-000022 噪声→施工噪声 科源社区 夜间施工噪声扰民 退回中\n" in text
    assert text.endswith("下一步：/签收 23")


def test_clocks_and_reminders_run_while_an_order_is_held(street: Street) -> None:
    come(street, busy(street), 到达时间="2026-06-01 08:11")
    street.move(minutes=1)
    assert street.told() == [f"dispatch: reminder #21 {SEATS}"]


def test_a_restart_and_a_long_pause_lose_nothing(street: Street) -> None:
    come(street, busy(street), 22)
    street.tick()
    street.sleep(minutes=20)
    again = street.restarted()
    again.tick()
    notices = again.notices()
    assert named(notices, again) == Counter({21: 1, 22: 1})
    again.tick()
    assert again.told() == []


def test_a_clock_that_is_set_back_holds_nothing_longer(street: Street) -> None:
    come(street, busy(street), 22)
    street.tick()
    street.now -= timedelta(hours=3)
    street.tick()
    assert named(street.notices(), street) == Counter({21: 1, 22: 1})


def test_small_imports_in_a_row_are_a_burst_too(street: Street) -> None:
    street.import_rows(*(row(number) for number in range(1, 16)))
    street.import_rows(*(row(number) for number in range(16, 31)))
    assert street.told() == [f"dispatch: new_order #{number}" for number in range(1, 21)]
    street.move(minutes=5)
    assert named(street.notices(), street) == Counter(range(21, 31))


def test_a_large_import_does_not_hold_what_comes_after_it(street: Street) -> None:
    street.import_rows(*(row(number) for number in range(1, 41)))
    street.notices()
    come(street, 41)
    street.tick()
    assert street.told() == ["dispatch: new_order #41"]


def test_two_replicas_name_each_order_once(postgresql_url: str, open_store: OpenStore) -> None:
    streets = [Street(open_store(postgresql_url)) for _ in range(2)]
    come(streets[0], *range(1, 61))
    start = threading.Barrier(2)

    def tick(street: Street) -> None:
        start.wait()
        street.tick()

    for minutes in (0, 5):
        for street in streets:
            street.now += timedelta(minutes=minutes)
        threads = [threading.Thread(target=tick, args=(street,)) for street in streets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    notices = streets[0].notices()
    assert named(notices, streets[0]) == Counter(range(1, 61))


def test_the_office_decides_when(street: Street, tmp_path) -> None:
    file = tmp_path / "policy.toml"
    value = '{ above = 1, within = "10分钟", hold = "30秒", most = 5 }'
    file.write_text(f'[[rule]]\nkey = "arrivals"\nsince = 2026-01-01\nvalue = {value}\n', encoding="utf-8")
    street.policy = load_policy(file)
    come(street, 1, 2, 3)
    street.tick()
    assert street.told() == ["dispatch: new_order #1"]
    street.move(minutes=1)
    assert [notice.kind for notice in street.notices()] == ["arrivals_digest"]
    assert "超过件数 1，时段 10分钟，最多等 30秒" in street.say("zhang", "/规则 新工单")


def test_nobody_may_hold_orders_near_their_limit(tmp_path) -> None:
    file = tmp_path / "policy.toml"
    value = '{ above = 1, within = "10分钟", hold = "16分钟", most = 5 }'
    file.write_text(f'[[rule]]\nkey = "arrivals"\nsince = 2026-01-01\nvalue = {value}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="四分之一"):
        load_policy(file)
