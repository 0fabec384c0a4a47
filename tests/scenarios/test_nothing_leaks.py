"""Generated texts full of personal data, sent through every way in, come out of no way out (domain, section 8)."""

import io
import json
from collections.abc import Iterator
from itertools import count

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loguru import logger
from sqlmodel import SQLModel

from bot import logs
from handlers.reports.daily import daily, render
from storage.store import Store
from storage.tables import VaultRow
from tests.handlers.personal_data import PersonalText, personal_texts
from tests.street import Street, at, row

NUMBERS = count(1)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(personal_texts(), min_size=3, max_size=3))
def test_generated_personal_data_comes_out_nowhere(store: Store, texts: list[PersonalText]) -> None:
    told, typed, logged = texts
    street = Street(store, now=at(1))
    number = next(NUMBERS)
    caller = {"来电人": told.own[0], "来电人电话/账号": told.own[1]}
    order = street.import_rows(row(number, 标题=told.text[:60], 主要内容=told.text, **caller))[0].order.id
    # What staff type names this caller, so the second text's secrets are those any text may hold, and the caller's.
    words = typed.text.replace("\n", " ")
    replies = [
        street.say("zhang", f"/签收 {order}"),
        street.say("zhang", f"/核查 {order} {words} {told.text}"),
        street.say("zhang", f"/派单 {order} 城管科 {words}"),
        street.say("zhang", f"/电话 {order} 王科长 {words}"),
        street.say("wang", f"/接单 {order} {words}"),
        street.say("zhang", words),
        street.say("zhang", f"/查 {order}"),
        street.say("zhang", f"/待办 {words}"),
        street.say("zhang", "/列表"),
        street.say("zhang", f"/登记 {told.text}"),
    ]
    known = [text for text in (told, typed, logged) if not _caller_only(text, told)]
    for output in {*replies, *_rows(store), *_reports(street), _log(logged)}:
        assert [leak for text in known for leak in text.leaks(output)] == [], output


def _caller_only(text: PersonalText, told: PersonalText) -> bool:
    """A name is hidden where the caller is known; another text's caller is a word like any other there."""
    return text is not told and any(secret.kind == "姓名" for secret in text.secrets)


def _rows(store: Store) -> Iterator[str]:
    """Every value of every table but the vault."""
    with store.connect() as connection:
        for stored in SQLModel.metadata.sorted_tables:
            if stored.name != VaultRow.__tablename__:
                for values in connection.execute(sa.select(stored)):
                    yield from (json.dumps(value, ensure_ascii=False, default=str) for value in values if value)


def _reports(street: Street) -> Iterator[str]:
    report = street.store.read(lambda scope: daily(street.office, scope, at(1).date()), now=street.now)
    yield from (str(render(report, ending)) for ending in (".json", ".csv", ".md"))


def _log(text: PersonalText) -> str:
    """What a careless log line about it would write."""
    written = io.StringIO()
    stream, logs.sys.stderr = logs.sys.stderr, written
    try:
        logs.configure()
        logger.warning("could not read {}", text.text)
    finally:
        logs.sys.stderr = stream
        logger.remove()
    return written.getvalue()
