"""Both ways between a platform's ids and ours: one to one, whatever the file and the bindings say."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.directory import CHAT, PERSON, Directory
from bot.senders import Senders
from config.organisation import Group, Organisation, Person
from storage.store import Job
from storage.tables import Binding

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PEOPLE = [
    Person(id=name, name=name, roles=frozenset({"duty"}), accounts={"matrix": f"@{name}"} if name != "c" else {})
    for name in "abc"
]
GROUPS = [
    Group(id="g", name="g", purpose="dispatch", chats={"matrix": "!g"}),
    Group(id="h", name="h", purpose="leaders"),
]
OFFICE = Organisation(people=PEOPLE, groups=GROUPS)


def bound(store, *rows):
    """A directory that has read these bindings, in this order."""

    def write(scope):
        for number, (kind, native, target) in enumerate(rows):
            at = NOW + timedelta(seconds=number)
            scope.place(Binding, ("matrix", kind, native), {"target": target, "by": "a", "at": at})

    store.run(Job(lambda unit: unit.attempt(write), now=NOW))
    directory = Directory(OFFICE)
    store.read(directory.load, now=NOW)
    return directory


@pytest.fixture
def one(sqlite_url, open_store):
    return open_store(sqlite_url)


def test_the_file_counts_until_something_is_bound(one):
    directory = bound(one)
    assert directory.person("matrix", "@a") is PEOPLE[0]
    assert directory.account("matrix", "a") == "@a"
    assert directory.group("matrix", "!g") is GROUPS[0]
    assert directory.chat("matrix", "h") is None
    assert directory.person("wecom", "@a") is None


def test_an_account_that_was_bound_to_another_is_the_first_ones_no_more(one):
    directory = bound(one, (PERSON, "@a", "b"))
    assert directory.person("matrix", "@a") is PEOPLE[1]
    assert directory.account("matrix", "a") is None
    assert directory.person("matrix", "@b") is None


def test_who_has_left_the_organisation_is_nobody(one):
    directory = bound(one, (PERSON, "@x", "gone"), (CHAT, "!x", "gone"))
    assert directory.person("matrix", "@x") is None
    assert directory.group("matrix", "!x") is None


_rows = st.lists(
    st.one_of(
        st.tuples(st.just(PERSON), st.sampled_from(["@a", "@b", "@x", "@y"]), st.sampled_from("abc")),
        st.tuples(st.just(CHAT), st.sampled_from(["!g", "!x"]), st.sampled_from("gh")),
    ),
    max_size=8,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_rows)
def test_both_ways_always_agree(one, rows):
    one.run(Job(lambda unit: unit.attempt(_clear), now=NOW))
    directory = bound(one, *rows)
    for person in "abc":
        account = directory.account("matrix", person)
        assert account is None or directory.person("matrix", account).id == person
    for account in ("@a", "@b", "@x", "@y"):
        found = directory.person("matrix", account)
        assert found is None or directory.account("matrix", found.id) == account
    for group in "gh":
        chat = directory.chat("matrix", group)
        assert chat is None or directory.group("matrix", chat).id == group
    for _, native, target in rows[-1:]:
        kind_of = directory.person if native.startswith("@") else directory.group
        assert kind_of("matrix", native).id == target


def _clear(scope):
    for native in ("@a", "@b", "@x", "@y"):
        scope.place(Binding, ("matrix", PERSON, native), None)
    for native in ("!g", "!x"):
        scope.place(Binding, ("matrix", CHAT, native), None)


class Rooms:
    """A platform that makes a sender of whatever it is asked for."""

    name, receives = "matrix", True

    def chat(self, chat):
        return ("chat", chat)

    def person(self, account):
        return ("person", account)


def test_senders_follow_what_is_bound_and_know_none_where_nobody_is(one):
    senders = Senders(OFFICE, bound(one), {"matrix": Rooms()})
    assert senders("matrix:g") == ("chat", "!g")
    assert senders("matrix:@a") == ("person", "@a")
    assert senders("matrix:=!other") == ("chat", "!other")
    assert senders("matrix:=@someone") == ("person", "someone")
    assert senders("matrix:h") is None
    assert senders("matrix:@c") is None
    assert senders("matrix:g:0") is None
    assert senders("wecom:g") is None

    assert Senders(OFFICE, bound(one, (CHAT, "!new", "g")), {"matrix": Rooms()})("matrix:g") == ("chat", "!new")
