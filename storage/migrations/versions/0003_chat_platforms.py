"""Chat platforms"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from storage.columns import JsonText

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "binding",
        sa.Column("platform", AutoString(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("native", AutoString(), nullable=False),
        sa.Column("target", AutoString(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "kind", "native"),
    )
    op.create_table(
        "binding_code",
        sa.Column("digest", AutoString(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("target", AutoString(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "seen",
        sa.Column("platform", AutoString(), nullable=False),
        sa.Column("nonce", AutoString(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "nonce"),
    )
    with op.batch_alter_table("seen", schema=None) as batch_op:
        batch_op.create_index("ix_seen_at", ["at"], unique=False)

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("orders", JsonText(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("content", JsonText(), nullable=True))
        batch_op.add_column(sa.Column("remote_id", AutoString(), nullable=True))
        batch_op.add_column(sa.Column("shown", AutoString(), nullable=True))
        batch_op.create_index("ix_outbox_remote", ["remote_id"], unique=False)
        batch_op.create_index("ix_outbox_shown", ["shown"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_shown")
        batch_op.drop_index("ix_outbox_remote")
        batch_op.drop_column("shown")
        batch_op.drop_column("remote_id")
        batch_op.drop_column("content")
        batch_op.drop_column("orders")

    with op.batch_alter_table("seen", schema=None) as batch_op:
        batch_op.drop_index("ix_seen_at")

    op.drop_table("seen")
    op.drop_table("binding_code")
    op.drop_table("binding")
