"""Bringing a store to this version's tables; alembic does it, and is only imported when there is something to do."""

from pathlib import Path

import sqlalchemy as sa

from storage import triggers
from storage.errors import StoreError

FOLDER = Path(__file__).parent
REVISIONS = tuple(sorted(path.stem.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))
"""Known revisions, oldest first; a file's name begins with its revision."""


def revision(connection: sa.Connection) -> str | None:
    """The store's revision; None for a store without tables."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()


def pending(connection: sa.Connection) -> bool:
    """Whether an upgrade is needed. Raises StoreError for a store that a newer version has written."""
    current = revision(connection)
    if current is not None and current not in REVISIONS:
        raise StoreError(
            f"数据库由更新版本的程序写成（版本 {current}），本程序只认识到 {REVISIONS[-1]}：请换回新版本程序"
        )
    return current != REVISIONS[-1]


def load() -> None:
    """Import alembic, which takes a third of a second: to be done before a lock is taken for `upgrade`."""
    import alembic.command
    import alembic.config  # noqa: F401


def upgrade(connection: sa.Connection, to: str = "head") -> None:
    """Bring the tables up to date, or to a known revision, in the connection's transaction; put the triggers back."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    triggers.install(connection)
