"""Small questions about the store as a whole."""

import sqlalchemy as sa

from storage.columns import table
from storage.tables import Head
from storage.transaction import Scope


def head(scope: Scope) -> tuple[int, str]:
    """The journal's last number and hash: what a 日报 and a backup print, so that a cut tail shows."""
    row = table(Head)
    found = scope.connection.execute(sa.select(row.c.seq, row.c.hash).where(row.c.id == 1)).one()
    return int(found.seq), str(found.hash)
