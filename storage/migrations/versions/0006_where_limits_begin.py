"""Where a limit is counted from, and when the source changed its own

Going back forgets it where a level was changed or an order came back: after another upgrade `jiesu verify` names those
clocks.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clock", sa.Column("origin_at", UTCDateTime(), nullable=True))
    op.add_column("orders", sa.Column("city_due_changed_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("city_due_changed_at")
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.drop_column("origin_at")
