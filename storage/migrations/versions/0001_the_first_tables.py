"""The first tables"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from storage.columns import JsonText

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=False),
        sa.Column("endpoint", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("outcome", AutoString(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("detail", AutoString(), nullable=False),
        sa.Column("pause_until", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index("ix_attempt_endpoint_at", ["endpoint", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_attempt_outbox_id"), ["outbox_id"], unique=False)

    op.create_table(
        "clock",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("basis", AutoString(), nullable=False),
        sa.Column("rule_version", AutoString(), nullable=False),
        sa.Column("calendar_version", AutoString(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("met_at", UTCDateTime(), nullable=True),
        sa.Column("cancelled_at", UTCDateTime(), nullable=True),
        sa.Column("cancel_reason", AutoString(), nullable=False),
        sa.Column("superseded_at", UTCDateTime(), nullable=True),
        sa.Column("breached_at", UTCDateTime(), nullable=True),
        sa.Column("late_seconds", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("order_id", "kind", "generation"),
    )
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.create_index("ix_clock_breached_at", ["breached_at"], unique=False)

    op.create_table(
        "close_item",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("item", AutoString(), nullable=False),
        sa.Column("text", AutoString(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "generation", "item"),
    )
    op.create_table(
        "console_message",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("chat", AutoString(), nullable=False),
        sa.Column("sender", AutoString(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mentions", JsonText(), nullable=False),
        sa.Column("orders", JsonText(), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("quote", sa.Integer(), nullable=True),
        sa.Column("message_id", AutoString(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("console_message", schema=None) as batch_op:
        batch_op.create_index("ix_console_message_chat", ["chat", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_console_message_outbox_id"), ["outbox_id"], unique=False)

    op.create_table(
        "contact",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("department", AutoString(), nullable=True),
        sa.Column("word_from", AutoString(), nullable=True),
        sa.Column("channel", AutoString(), nullable=False),
        sa.Column("text", AutoString(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "n"),
    )
    op.create_table(
        "counter",
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "dispatch",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("department", AutoString(), nullable=False),
        sa.Column("role", AutoString(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("note", AutoString(), nullable=False),
        sa.Column("superseded_at", UTCDateTime(), nullable=True),
        sa.Column("superseded_reason", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "n", "department"),
    )
    op.create_table(
        "evaluation",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("origin", AutoString(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("responded", sa.Boolean(), nullable=True),
        sa.Column("solved", AutoString(), nullable=False),
        sa.Column("satisfied", AutoString(), nullable=False),
        sa.Column("recording", AutoString(), nullable=False),
        sa.Column("note", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "n", "origin"),
    )
    with op.batch_alter_table("evaluation", schema=None) as batch_op:
        batch_op.create_index("ix_evaluation_at", ["at"], unique=False)

    op.create_table(
        "event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("actor", AutoString(), nullable=False),
        sa.Column("cause", AutoString(), nullable=True),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", AutoString(), nullable=False),
        sa.Column("hash", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("order_id", "n"),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_actor_seq", ["actor", "seq"], unique=False)
        batch_op.create_index("ix_event_kind_at", ["kind", "at"], unique=False)
        batch_op.create_index("ix_event_undoes", ["undoes"], unique=False)

    op.create_table(
        "fact",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("value", AutoString(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.Column("cleared_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("order_id", "name"),
    )
    op.create_table(
        "inbox",
        sa.Column("platform", AutoString(), nullable=False),
        sa.Column("message_id", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("chat", AutoString(), nullable=False),
        sa.Column("person", AutoString(), nullable=False),
        sa.Column("text", AutoString(), nullable=False),
        sa.Column("replies", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "message_id"),
    )
    op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "lease",
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("holder", AutoString(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "meta",
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("value", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", AutoString(), nullable=False),
        sa.Column("number", AutoString(), nullable=False),
        sa.Column("type", AutoString(), nullable=False),
        sa.Column("category", AutoString(), nullable=False),
        sa.Column("tags", JsonText(), nullable=False),
        sa.Column("title", AutoString(), nullable=False),
        sa.Column("content", AutoString(), nullable=False),
        sa.Column("level", AutoString(), nullable=False),
        sa.Column("reported_at", UTCDateTime(), nullable=True),
        sa.Column("arrived_at", UTCDateTime(), nullable=True),
        sa.Column("imported_at", UTCDateTime(), nullable=False),
        sa.Column("city_due_at", UTCDateTime(), nullable=True),
        sa.Column("district", AutoString(), nullable=False),
        sa.Column("street", AutoString(), nullable=False),
        sa.Column("community", AutoString(), nullable=False),
        sa.Column("place", AutoString(), nullable=False),
        sa.Column("nature", AutoString(), nullable=False),
        sa.Column("company", AutoString(), nullable=False),
        sa.Column("caller", AutoString(), nullable=False),
        sa.Column("phone", AutoString(), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("upstream_status", AutoString(), nullable=False),
        sa.Column("upstream", JsonText(), nullable=False),
        sa.Column("history", sa.Boolean(), nullable=False),
        sa.Column("counted_at", UTCDateTime(), nullable=True),
        sa.Column("state", AutoString(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=True),
        sa.Column("stay", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("dispatches", sa.Integer(), nullable=False),
        sa.Column("department", AutoString(), nullable=True),
        sa.Column("assisting", JsonText(), nullable=False),
        sa.Column("handler", AutoString(), nullable=True),
        sa.Column("signed_at", UTCDateTime(), nullable=True),
        sa.Column("signed_by", AutoString(), nullable=True),
        sa.Column("returned_at", UTCDateTime(), nullable=True),
        sa.Column("return_kind", AutoString(), nullable=False),
        sa.Column("return_unit", AutoString(), nullable=False),
        sa.Column("dispatched_at", UTCDateTime(), nullable=True),
        sa.Column("dispatched_by", AutoString(), nullable=True),
        sa.Column("accepted_at", UTCDateTime(), nullable=True),
        sa.Column("phoned_at", UTCDateTime(), nullable=True),
        sa.Column("first_contact_at", UTCDateTime(), nullable=True),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("unreachable", sa.Integer(), nullable=False),
        sa.Column("reported_done_at", UTCDateTime(), nullable=True),
        sa.Column("outcome", AutoString(), nullable=False),
        sa.Column("result", AutoString(), nullable=False),
        sa.Column("evaluated_at", UTCDateTime(), nullable=True),
        sa.Column("rated_by", AutoString(), nullable=True),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("urged", sa.Integer(), nullable=False),
        sa.Column("urged_at", UTCDateTime(), nullable=True),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("mismatch", AutoString(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "number"),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_community"), ["community"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_counted_at"), ["counted_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_department"), ["department"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_handler"), ["handler"], unique=False)
        batch_op.create_index("ix_orders_number", ["number"], unique=False)
        batch_op.create_index("ix_orders_open", ["open", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_state"), ["state"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("endpoint", AutoString(), nullable=False),
        sa.Column("audience", AutoString(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mentions", JsonText(), nullable=False),
        sa.Column("cause", AutoString(), nullable=True),
        sa.Column("state", AutoString(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UTCDateTime(), nullable=False),
        sa.Column("sent_at", UTCDateTime(), nullable=True),
        sa.Column("detail", AutoString(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("part", sa.Integer(), nullable=True),
        sa.Column("repeat_of", sa.Integer(), nullable=True),
        sa.Column("told_at", UTCDateTime(), nullable=True),
        sa.Column("names", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_cause", ["cause"], unique=False)
        batch_op.create_index("ix_outbox_due", ["state", "next_at"], unique=False)
        batch_op.create_index("ix_outbox_endpoint", ["endpoint", "state"], unique=False)
        batch_op.create_index("ix_outbox_order", ["order_id"], unique=False)

    op.create_table(
        "remark",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("text", AutoString(), nullable=False),
        sa.Column("data", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "n"),
    )
    op.create_table(
        "reminder",
        sa.Column("order_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("step", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "kind", "generation", "step"),
    )
    op.create_table(
        "slot",
        sa.Column("job", AutoString(), nullable=False),
        sa.Column("slot", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("holder", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("job", "slot"),
    )
    op.create_table(
        "stay",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("state", AutoString(), nullable=False),
        sa.Column("department", AutoString(), nullable=True),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("order_id", "n"),
    )
    with op.batch_alter_table("stay", schema=None) as batch_op:
        batch_op.create_index("ix_stay_until", ["until"], unique=False)

    op.create_table(
        "timer",
        sa.Column("order_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("next_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "kind", "generation"),
    )
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_timer_next_at"), ["next_at"], unique=False)

    op.create_table(
        "unannounced",
        sa.Column("order_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("data", JsonText(), nullable=False),
        sa.Column("batch", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "kind"),
    )
    with op.batch_alter_table("unannounced", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unannounced_batch"), ["batch"], unique=False)

    op.create_table(
        "vault",
        sa.Column("order_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", AutoString(), nullable=True),
        sa.Column("row_digest", AutoString(), nullable=True),
        sa.Column("erased_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("order_id"),
    )
    with op.batch_alter_table("vault", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_vault_phone_index"), ["phone_index"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("vault", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_vault_phone_index"))

    op.drop_table("vault")
    with op.batch_alter_table("unannounced", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_unannounced_batch"))

    op.drop_table("unannounced")
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_timer_next_at"))

    op.drop_table("timer")
    with op.batch_alter_table("stay", schema=None) as batch_op:
        batch_op.drop_index("ix_stay_until")

    op.drop_table("stay")
    op.drop_table("slot")
    op.drop_table("reminder")
    op.drop_table("remark")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_order")
        batch_op.drop_index("ix_outbox_endpoint")
        batch_op.drop_index("ix_outbox_due")
        batch_op.drop_index("ix_outbox_cause")

    op.drop_table("outbox")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_state"))
        batch_op.drop_index("ix_orders_open")
        batch_op.drop_index("ix_orders_number")
        batch_op.drop_index(batch_op.f("ix_orders_handler"))
        batch_op.drop_index(batch_op.f("ix_orders_department"))
        batch_op.drop_index(batch_op.f("ix_orders_counted_at"))
        batch_op.drop_index(batch_op.f("ix_orders_community"))

    op.drop_table("orders")
    op.drop_table("meta")
    op.drop_table("lease")
    op.drop_table("journal_head")
    op.drop_table("inbox")
    op.drop_table("fact")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("ix_event_undoes")
        batch_op.drop_index("ix_event_kind_at")
        batch_op.drop_index("ix_event_actor_seq")

    op.drop_table("event")
    with op.batch_alter_table("evaluation", schema=None) as batch_op:
        batch_op.drop_index("ix_evaluation_at")

    op.drop_table("evaluation")
    op.drop_table("dispatch")
    op.drop_table("counter")
    op.drop_table("contact")
    with op.batch_alter_table("console_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_console_message_outbox_id"))
        batch_op.drop_index("ix_console_message_chat")

    op.drop_table("console_message")
    op.drop_table("close_item")
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.drop_index("ix_clock_breached_at")

    op.drop_table("clock")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attempt_outbox_id"))
        batch_op.drop_index("ix_attempt_endpoint_at")

    op.drop_table("attempt")
