"""Which steps a notice offers by one tap, and where."""

import pytest
import sqlalchemy as sa

from handlers.offers import likely_departments
from storage.columns import table
from storage.tables import Outbox
from tests.street import URGENT, Street, row


@pytest.fixture
def street(store):
    return Street(store)


def offered(street, kind):
    """Group → the actions of the newest notice of this kind there."""
    box = table(Outbox)
    query = sa.select(box.c.audience, box.c.content, box.c.shown).where(box.c.kind == kind).order_by(box.c.id)
    rows = street.store.read(lambda scope: scope.connection.execute(query).all(), now=street.now)
    assert all((row.content is None) == (row.shown is None) for row in rows)
    return {row.audience: [] if row.content is None else row.content["actions"] for row in rows}


def test_a_new_order_offers_to_be_signed(street):
    street.import_rows(row(1))
    assert offered(street, "new_order") == {"dispatch": [{"label": "签收", "command": "/签收 1"}]}


def test_a_signed_order_offers_the_departments_whose_duties_fit_first(street):
    street.import_rows(row(1))
    street.say("zhang", "/签收 1", chat="@zhang")
    (action,) = offered(street, "signed")["dispatch"]
    assert (action["label"], action["command"]) == ("派单", "/派单 1")
    names = [label for label, _ in action["choices"]]
    assert len(names) <= 10
    assert names[0] == likely_departments(street.office, street.order(1))[0].name
    label, value = action["choices"][0]
    assert street.say("zhang", f"{action['command']} {value}").startswith("✔")
    assert label in street.say("zhang", "/查 1")


def test_a_dispatched_order_is_accepted_where_its_department_reads(street):
    street.import_rows(row(1))
    street.through(1, "签收", "派单")
    found = offered(street, "dispatched")
    theirs = {group.id for group in street.office.organisation.groups_for("department", street.order(1).department)}
    assert {group for group, actions in found.items() if actions} == theirs
    assert all(found[group] == [{"label": "接单", "command": "/接单 1"}] for group in theirs)


@pytest.mark.parametrize(("urgent", "label"), [({}, "知悉"), (URGENT, "派单")])
def test_a_reminder_can_be_acknowledged_where_that_spares_something(street, urgent, label):
    street.import_rows(row(1, **urgent))
    street.move(street.clock("签收", 1).due_at)
    assert offered(street, "reminder")["dispatch"][0]["label"] == "签收"
    street.through(1, "签收")
    street.move(street.clock("派单", 1).due_at)
    assert offered(street, "reminder")["dispatch"][0]["label"] == label


def test_what_nobody_can_do_by_one_tap_offers_nothing(street):
    street.import_rows(row(1))
    street.through(1, "签收", "派单", "接单")
    assert offered(street, "accepted").get("dispatch", []) == []
