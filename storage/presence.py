"""Who runs on the store just now: one expiring lease for each service, visible from any process.

Written in real time, also in a rehearsal: it is about processes, not about the office's day.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from storage.columns import table
from storage.tables import Lease
from storage.transaction import Scope

SPAN = timedelta(seconds=30)
"""How long a service that was killed is still taken for a running one."""
_PREFIX = "service:"


def announce(scope: Scope, holder: str) -> None:
    """Say that this service runs until the scope's moment + `SPAN`."""
    scope.place(Lease, (f"{_PREFIX}{holder}",), {"holder": holder, "until": scope.now + SPAN})


def withdraw(scope: Scope, holder: str) -> None:
    """Say that it has stopped; what others left behind long ago goes too."""
    lease = table(Lease)
    gone = sa.or_(lease.c.name == f"{_PREFIX}{holder}", lease.c.until <= scope.now)
    scope.execute(sa.delete(lease).where(lease.c.name.startswith(_PREFIX), gone))


def present(connection: sa.Connection, now: datetime) -> tuple[str, datetime] | None:
    """The holder (`host:…`) and the end of the longest lease of a running service; None when none runs."""
    lease = table(Lease)
    query = (
        sa.select(lease.c.holder, lease.c.until)
        .where(lease.c.name.startswith(_PREFIX), lease.c.until > now)
        .order_by(lease.c.until.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.holder, row.until)
