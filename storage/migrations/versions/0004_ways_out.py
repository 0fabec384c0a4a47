"""Ways out: messages to be named by another way, limits that endpoints share"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "draw",
        sa.Column("bucket", AutoString(), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "outbox_id", "at"),
    )
    with op.batch_alter_table("draw", schema=None) as batch_op:
        batch_op.create_index("ix_draw_bucket_at", ["bucket", "at"], unique=False)

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("detour_at", UTCDateTime(), nullable=True))
        batch_op.create_index("ix_outbox_detour_at", ["detour_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_detour_at")
        batch_op.drop_column("detour_at")

    with op.batch_alter_table("draw", schema=None) as batch_op:
        batch_op.drop_index("ix_draw_bucket_at")

    op.drop_table("draw")
