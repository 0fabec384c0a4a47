"""What must be true once the last service has stopped, however often the others were killed."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from bot.delivery.ledger import MERGED_DIGEST, UNKNOWN_DIGEST
from bot.platforms.contract import Mention, Outgoing
from bot.platforms.wecom.webhook import WeComWebhook
from config.organisation import Organisation, load_organisation
from handlers.intake.announcing import announced
from storage.columns import table
from storage.outbox import Priority, Status
from storage.store import Store
from storage.tables import Attempt, ConsoleMessage, Event, Inbox, OrderTable, Outbox, Unannounced
from storage.verify import verify
from tests.crash.house import ORGANISATION, House
from tests.crash.stream import Stream

Row = Mapping[str, Any]
FINAL = {Status.SENT, Status.UNKNOWN, Status.SPLIT, Status.MERGED}
"""States that a message may stand in at the end; a platform that refuses nothing leaves none as failed."""
_ANNOUNCED = {"派单": "dispatched", "办结": "reported_done", "评定": "rated"}
"""Commands that call people, so that the dispatch group is told wherever they were typed."""


def audit(house: House, stream: Stream) -> Counter[str]:
    """Raise AssertionError unless nothing was lost and nothing done twice; returns how many of what there was."""
    with house.store() as store:
        counts = _check_journal(store, stream)
        _check_orders(store, stream)
        messages = _rows(store, Outbox)
        _check_notices(store, stream, messages)
        counts += _check_robots(store, house, messages)
        _check_console(store, stream, messages)
    return counts


def _check_journal(store: Store, stream: Stream) -> Counter[str]:
    """The chain is whole; each acknowledged command is in it once for every order it was carried out on."""
    with store.connect() as connection:
        assert verify(connection).problems == []
    taken = {row["message_id"]: row for row in _rows(store, Inbox)}
    events: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in _rows(store, Event):
        events[row["cause"]].append((row["kind"], row["order_id"]))
    for answer in stream.answered:
        said = answer.said
        row = taken.pop(f"{said.person}/{said.message_id}")
        assert [reply["text"] for reply in row["replies"]] == answer.replies
        kind = said.text.split()[0].removeprefix("/")
        assert sorted(events.pop(said.cause, [])) == sorted((kind, order) for order in answer.done), answer
    assert not taken, "messages were taken and never answered"
    assert set(events) <= {"api", "sweep", "import"}, "events that nobody asked for"
    return Counter(answered=len(stream.answered), carried_out=sum(len(answer.done) for answer in stream.answered))


def _check_orders(store: Store, stream: Stream) -> None:
    """Each order that the interface acknowledged is there once; short numbers are given once, without gaps."""
    orders = _rows(store, OrderTable)
    assert sorted(row["number"] for row in orders) == sorted(stream.delivered)
    assert sorted(row["id"] for row in orders) == list(range(1, len(orders) + 1))
    short = {row["number"]: row["id"] for row in orders}
    assert stream.numbers.items() <= short.items()
    registered = Counter(row["order_id"] for row in _rows(store, Event) if row["kind"] == "登记")
    assert registered == Counter(range(1, len(orders) + 1))


def _check_notices(store: Store, stream: Stream, messages: Sequence[Row]) -> None:
    """What was done is announced, once for each way out."""
    originals = [row for row in messages if row["repeat_of"] is None and row["part"] is None]
    made = Counter(
        (row["cause"], row["order_id"], row["kind"], row["endpoint"])
        for row in originals
        if row["kind"] == "new_order" or (row["cause"] or "").startswith("console:")
    )
    assert set(made.values()) <= {1}, [key for key, count in made.items() if count > 1]
    new = Counter((order, row["endpoint"]) for row in originals for order in announced(row["kind"], row["orders"]))
    ways = ("console:dispatch", "wecom:dispatch:0")
    orders = [row["id"] for row in _rows(store, OrderTable)]
    assert new == Counter((order, way) for order in orders for way in ways)
    assert not _rows(store, Unannounced)
    for answer in stream.answered:
        kind = _ANNOUNCED.get(answer.said.text.split()[0].removeprefix("/"))
        for order in answer.done if kind else ():
            assert all((answer.said.cause, order, kind, way) in made for way in ways), answer


def _check_robots(store: Store, house: House, messages: Sequence[Row]) -> Counter[str]:
    """Confirmed means arrived once; what may have arrived was repeated once, marked, or named."""
    organisation = load_organisation(ORGANISATION, {f"HOOK_{n.upper()}": r.webhook for n, r in house.robots.items()})
    attempts: defaultdict[int, list[str]] = defaultdict(list)
    for row in _rows(store, Attempt):
        attempts[row["outbox_id"]].append(row["outcome"])
    counts: Counter[str] = Counter()
    for name, robot in house.robots.items():
        mine = [row for row in messages if row["endpoint"] == f"wecom:{name}:0"]
        assert {row["state"] for row in mine} <= FINAL, Counter(row["state"] for row in mine)
        counts.update(f"{row['state']}" for row in mine)
        arrived = Counter(robot.contents)
        counts["arrived"] += arrived.total()
        sent, unknown = (_contents(organisation, mine, state) for state in (Status.SENT, Status.UNKNOWN))
        for content in {*arrived, *sent, *unknown}:
            least, most = sent[content], sent[content] + unknown[content]
            assert least <= arrived[content] <= most, (least, arrived[content], most, content)
        for row in mine:
            tried = Counter(attempts[row["id"]])
            confirmed, lost = tried[Status.SENT], tried[Status.UNKNOWN]
            expected = (0, 0) if _merged(row) else _REQUESTS[row["state"]]
            assert (confirmed, lost) == expected, (row, tried)
        _check_doubts(mine)
        counts["repeated"] += sum(row["repeat_of"] is not None for row in mine)
        counts["named"] += len({number for row in mine if row["kind"] == UNKNOWN_DIGEST for number in row["names"]})
    return counts


def _merged(row: Row) -> bool:
    """Whether it went into a digest, and so was never sent by itself."""
    return row["parent_id"] is not None and row["part"] is None


_REQUESTS = {Status.SENT: (1, 0), Status.UNKNOWN: (0, 1), Status.SPLIT: (0, 0)}
"""How often a message in this state was confirmed and left in doubt."""


def _check_doubts(messages: Sequence[Row]) -> None:
    """Of one robot: no message of unknown outcome is dropped in silence, none is repeated more than once."""
    repeats: defaultdict[int, list[Row]] = defaultdict(list)
    for row in messages:
        if row["repeat_of"] is not None:
            repeats[row["repeat_of"]].append(row)
    by_id = {row["id"]: row for row in messages}
    assert all(by_id[number]["state"] == Status.UNKNOWN for number in repeats), "a confirmed message was repeated"
    digests = [row for row in messages if row["kind"] == UNKNOWN_DIGEST]
    named = {number for row in digests if row["state"] == Status.SENT for number in row["names"]}
    for row in messages:
        if row["state"] == Status.MERGED:
            digest = by_id[row["parent_id"]]
            assert digest["state"] == Status.SENT, row
            assert row["id"] in digest["names"], row
        if row["state"] != Status.UNKNOWN or row["kind"] in (UNKNOWN_DIGEST, MERGED_DIGEST):
            continue
        again = repeats[row["id"]]
        assert len(again) <= 1, again
        assert again or row["id"] in named, row
        first = row["repeat_of"] is None
        if again:
            assert first, "a repeat was repeated"
            new = announced(row["kind"], row["orders"])
            assert row["priority"] == Priority.URGENT or new, row
            assert again[0]["text"] == re.sub(
                r"^(【#\d+】)?", lambda head: head[0] + "（可能重复）", row["text"], count=1
            )
        else:
            assert not (first and row["priority"] == Priority.URGENT), row


def _check_console(store: Store, stream: Stream, messages: Sequence[Row]) -> None:
    """In the work group everything stands exactly once."""
    shown = _rows(store, ConsoleMessage)
    assert [row["id"] for row in shown] == list(range(1, len(shown) + 1))
    for_console = [row for row in messages if row["endpoint"].startswith("console:")]
    assert {row["state"] for row in for_console} == {Status.SENT}
    handed = Counter(row["outbox_id"] for row in shown if row["outbox_id"] is not None)
    assert handed == Counter(row["id"] for row in for_console)
    said = Counter((row["sender"], row["message_id"]) for row in shown if row["kind"] == "message")
    assert said == Counter((answer.said.person, answer.said.message_id) for answer in stream.answered)
    assert sum(row["kind"] == "reply" for row in shown) == sum(len(answer.replies) for answer in stream.answered)


def _contents(organisation: Organisation, messages: Iterable[Row], state: Status) -> Counter[str]:
    """What the robot was given for the messages in this state."""
    found: Counter[str] = Counter()
    for row in messages:
        if row["state"] == state and not _merged(row):
            people = (organisation.person(person) for person in row["mentions"])
            called = tuple(Mention(one.id, one.name, one.accounts.get("wecom")) for one in people if one is not None)
            whole = Outgoing(row["id"], row["text"], called)
            parts = [whole] if row["part"] is not None else _ROBOT.parts(whole)
            assert len(parts) == 1, row
            found[parts[0].text] += 1
    return found


_ROBOT = WeComWebhook(
    None,  # type: ignore[arg-type]  # it splits texts here and sends nothing
    SecretStr("http://127.0.0.1/cgi-bin/webhook/send?key=00000000-0000-0000-0000-000000000000"),
    limits=(),
)


def _rows(store: Store, model: Any) -> list[Row]:
    stored = table(model)
    with store.connect() as connection:
        query = sa.select(stored).order_by(*stored.primary_key)
        return [dict(row) for row in connection.execute(query).mappings()]
