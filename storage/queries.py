"""Small questions about the store as a whole."""

from datetime import datetime

import sqlalchemy as sa

from storage.columns import table
from storage.tables import Event, Head
from storage.transaction import Scope


def head(scope: Scope) -> tuple[int, str]:
    """The journal's last number and hash: what a 日报 and a backup print, so that a cut tail shows."""
    row = table(Head)
    found = scope.connection.execute(sa.select(row.c.seq, row.c.hash).where(row.c.id == 1)).one()
    return int(found.seq), str(found.hash)


def newest_event(scope: Scope) -> datetime | None:
    """When the last event was recorded; None in an empty journal."""
    event = table(Event)
    newest = sa.select(event.c.at).order_by(event.c.seq.desc()).limit(1)
    found: datetime | None = scope.connection.execute(newest).scalar_one_or_none()
    return found
