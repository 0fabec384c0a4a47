"""Imports of more rows than anybody reads: what waits to be told stays small, and nothing is left out of the count."""

from functools import partial

import pytest

from handlers.intake import announcing
from handlers.intake.announcing import finish, tell_finished
from handlers.intake.orders import IncomingOrder
from handlers.intake.register import take_in
from storage.tables import Unannounced
from tests.street import URGENT, Street, row


def store(street: Street, first: int, last: int, chunk: int = 60, urgent: tuple[int, ...] = (), **columns: str) -> None:
    """Rows come in, some at a time, as one import."""
    rows = [row(number, **(URGENT if number in urgent else {}), **columns) for number in range(first, last + 1)]
    good = [item for item in street.file(*rows) if isinstance(item, IncomingOrder)]
    for at in range(0, len(good), chunk):
        street._run(partial(take_in, street.office, rows=good[at : at + chunk], origin="导入", batch="large"), "import")


def tell(street: Street) -> int:
    """The import ends, and the service ticks until all is told; in how many transactions."""
    street._run(partial(finish, batch="large"), "import")
    times = 1
    while street._run(partial(tell_finished, street.office), "import") >= announcing.MOST:
        times += 1
    return times


def test_a_large_import_leaves_few_rows_to_tell_and_its_digest_counts_all(street: Street) -> None:
    store(street, 1, 300, urgent=(7, 280))
    assert len(street.rows(Unannounced)) == 50 + 2 + 1
    assert tell(street) == 1
    notices = street.notices()
    assert [notice.order for notice in notices.of("new_order")] == [7, 280]
    text = notices.only("new_orders_digest").text
    assert text.startswith("新工单汇总：本次导入 300 件待签收\n其中紧急 2 件，已逐件通知\n【#1】热线-260601-000001 ")
    assert "另有 283 件：/列表 待签收" in text
    assert "/签收 1-50（一次最多 50 件，还有 250 件分次签收）" in text
    assert street.rows(Unannounced) == []


def test_many_urgent_ones_are_told_in_several_transactions_and_counted_once(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "MOST", 10)
    store(street, 1, 90, urgent=tuple(range(1, 36)))
    assert tell(street) == 5, "three of ten urgent ones, the rest with the digest, and a look that finds nothing"
    notices = street.notices()
    assert sorted(notice.order for notice in notices.of("new_order")) == list(range(1, 36))
    assert notices.only("new_orders_digest").text.startswith(
        "新工单汇总：本次导入 90 件待签收\n其中紧急 35 件，已逐件通知\n"
    )
    assert street.rows(Unannounced) == []


def test_urgent_ones_alone_need_no_digest(street: Street) -> None:
    store(street, 1, 25, urgent=tuple(range(1, 26)))
    tell(street)
    assert {notice.kind for notice in street.notices()} == {"new_order"}


def test_changes_are_counted_apart_from_new_orders(street: Street) -> None:
    store(street, 1, 80)
    tell(street)
    street.notices()
    store(street, 1, 80, 标题="凌晨施工噪声扰民")
    store(street, 81, 90)
    tell(street)
    notices = street.notices()
    assert notices.only("changes_digest").text.startswith("来源系统变更汇总：本次导入有 80 件工单内容变更\n")
    assert [notice.order for notice in notices.of("new_order")] == list(range(81, 91))
    assert street.rows(Unannounced) == []


def test_an_import_that_died_is_told_with_its_count(street: Street) -> None:
    store(street, 1, 120)
    street.move(minutes=3)
    assert "本次导入 120 件" in street.notices().only("new_orders_digest").text
