"""Pictures and files kept with an order, and exports sent in a chat"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("mark", AutoString(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "n", "part"),
    )
    op.create_table(
        "attachment_file",
        sa.Column("order_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "n", "part"),
    )
    op.create_table(
        "dropped_import",
        sa.Column("platform", AutoString(), nullable=False),
        sa.Column("message_id", AutoString(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("person", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("host", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "message_id", "part"),
    )


def downgrade() -> None:
    op.drop_table("dropped_import")
    op.drop_table("attachment_file")
    op.drop_table("attachment")
