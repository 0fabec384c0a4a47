"""Reminders that are left to a digest are marked"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SOME = sa.text("put_off IS NOT NULL")


def upgrade() -> None:
    op.add_column("reminder", sa.Column("put_off", AutoString(), nullable=True))
    op.create_index(
        "ix_reminder_put_off", "reminder", ["put_off"], sqlite_where=_SOME, postgresql_where=_SOME, unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_reminder_put_off", table_name="reminder")
    with op.batch_alter_table("reminder", schema=None) as batch_op:
        batch_op.drop_column("put_off")
