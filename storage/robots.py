"""Endpoints that fail: since when, what the last answer was, and whether somebody was told.

A row per endpoint, written with the answer that began or ended the streak, so a restart or a second replica changes
nothing.
"""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from storage.columns import table
from storage.tables import Attempt, Slot
from storage.transaction import Scope

_FAILING: Final = "robot_failing"
_ALARM: Final = "robot_alarm"
_TOLD: Final = "robot_told"
ALARMS: Final = ("robot_failing", "robot_works")
"""The kinds of the messages that tell of robots."""
NO_LINE: Final = "没有连上平台"
_HEARD: Final = "heard"
_SLOT, _ATTEMPT = table(Slot), table(Attempt)


def note(scope: Scope, endpoint: str, *, works: bool) -> None:
    """An answer came: the streak of failures of its endpoint goes on, begins or ends."""
    row = sa.select(_SLOT.c.at).where(_SLOT.c.job == _FAILING, _SLOT.c.slot == endpoint)
    known = scope.connection.execute(row).first() is not None
    if works and known:
        scope.place(Slot, (_FAILING, endpoint), None)
    elif not works and not known:
        scope.place(Slot, (_FAILING, endpoint), {"at": scope.now, "holder": ""})


def failing(scope: Scope) -> dict[str, datetime]:
    """Endpoint → since when every request to it failed."""
    return _rows(scope, _FAILING)


def alarmed(scope: Scope) -> dict[str, datetime]:
    """Endpoints whose failure is known → since when they fail."""
    return _rows(scope, _ALARM)


def heard(scope: Scope) -> set[str]:
    """Those of `alarmed` of which there was a way to tell somebody."""
    query = sa.select(_SLOT.c.slot).where(_SLOT.c.job == _ALARM, _SLOT.c.holder == _HEARD)
    return set(scope.connection.execute(query).scalars())


def alarm(scope: Scope, endpoint: str, since: datetime, *, heard: bool) -> None:
    """Note that the alarm was given; whoever of the replicas is second fails on the key and is replayed."""
    scope.insert(Slot, job=_ALARM, slot=endpoint, at=since, holder=_HEARD if heard else "")
    scope.place(Slot, (_TOLD, endpoint), {"at": scope.now, "holder": ""})


def alarm_again(scope: Scope, endpoint: str, since: datetime, *, heard: bool) -> None:
    """Note that the alarm was given once more: of two replicas one finds that the other has changed it."""
    if heard:
        scope.place(Slot, (_ALARM, endpoint), {"at": since, "holder": _HEARD})
    scope.place(Slot, (_TOLD, endpoint), {"at": scope.now, "holder": ""})


def told(scope: Scope) -> dict[str, datetime]:
    """Endpoint → when its alarm was given last."""
    return _rows(scope, _TOLD)


def clear(scope: Scope, endpoint: str) -> None:
    """The endpoint works again, or is no more."""
    for job in (_ALARM, _TOLD, _FAILING):
        scope.place(Slot, (job, endpoint), None)


def last_error(scope: Scope, endpoint: str) -> tuple[str, str] | None:
    """Outcome and line of the newest request to an endpoint that has ended; None where there is none."""
    query = (
        sa.select(_ATTEMPT.c.outcome, _ATTEMPT.c.detail, _ATTEMPT.c.code)
        .where(_ATTEMPT.c.endpoint == endpoint, _ATTEMPT.c.ended_at.is_not(None))
        .order_by(_ATTEMPT.c.at.desc(), _ATTEMPT.c.id.desc())
        .limit(1)
    )
    row = scope.connection.execute(query).first()
    return None if row is None else (row.outcome, coded(row.detail, row.code))


def coded(detail: str, code: int | None) -> str:
    """An answer's line with the platform's own number, where it gave one and the line does not say it."""
    return detail if code is None or str(code) in detail else f"{detail}（错误码 {code}）"


def _rows(scope: Scope, job: str) -> dict[str, datetime]:
    query = sa.select(_SLOT.c.slot, _SLOT.c.at).where(_SLOT.c.job == job).order_by(_SLOT.c.slot)
    return {row.slot: row.at for row in scope.connection.execute(query)}
