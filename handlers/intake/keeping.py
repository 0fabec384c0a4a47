"""What of an incoming row is kept sealed, and what in the open, masked (domain, section 8)."""

from dataclasses import replace
from typing import Any, Final

from handlers.intake.orders import IncomingOrder
from handlers.office import Office
from handlers.privacy import Cleaner, mask_name, mask_phone
from storage.tables import VaultRow
from storage.transaction import Scope
from storage.vault import Personal, canonical_phone

CLOSED_AT: Final = "办结时间"
"""Among what the source says of its own handling: when it was done there."""
NOBODY: Final = Personal(name="", phone="", title="", content="", extra={})
"""What is held of an order whose personal data were erased."""


def seal(
    office: Office, scope: Scope, order: int, row: IncomingOrder, digest: str, held: Personal | None = None
) -> None:
    """Keep the raw values encrypted; blanks of a later row do not wipe what is held, nor does it bring back what was
    erased."""
    before = scope.vault(order)
    if before is not None and before["erased_at"] is not None:
        scope.place(VaultRow, (order,), {**before, "row_digest": digest})
        return
    personal = Personal(
        name=row.caller or (held.name if held else ""),
        phone=row.phone or (held.phone if held else ""),
        title=row.title_as_given or row.title or (held.title if held else ""),
        content=row.content or (held.content if held else ""),
        extra={**(held.extra if held else {}), **_raw_extra(row)},
    )
    key = None if before is None else before["wrapped_key"]
    sealed = office.store.vault.seal(order, personal, key)
    scope.place(
        VaultRow,
        (order,),
        {
            "wrapped_key": sealed.wrapped_key,
            "sealed": sealed.sealed,
            "phone_index": sealed.phone_index,
            "row_digest": digest,
            "erased_at": None,
        },
    )


def keep_fuller(row: IncomingOrder, held: Personal) -> IncomingOrder:
    """A name or number that the source masks this time is no news where the full one is held."""
    if canonical_phone(held.phone) and not canonical_phone(row.phone):
        row = replace(row, phone="")
    if mask_name(held.name) != held.name and mask_name(row.caller) == row.caller:
        row = replace(row, caller="")
    return row


def differs(row: IncomingOrder, held: Personal) -> bool:
    """Whether the row knows personal values, not blank ones, that are not the held ones."""
    pairs = ((row.caller, held.name), (row.phone, held.phone), (row.content, held.content))
    return any(new and new != old for new, old in pairs)


def open_texts(row: IncomingOrder, own: tuple[str, ...]) -> dict[str, Any]:
    """The masked columns of an order, as every group and report may see them."""
    cleaner = Cleaner(own=own, keep=(row.number,))
    masked = cleaner.clean
    return {
        "type": masked(row.type),
        "category": "->".join(masked(level) for level in row.category),
        "tags": tuple(masked(tag) for tag in row.tags),
        "title": masked(row.title),
        "content": masked(row.content),
        "district": masked(row.district),
        "street": masked(row.street),
        "community": masked(row.community),
        "place": masked(row.place),
        "nature": masked(row.nature),
        "company": masked(row.company),
        "caller": mask_name(row.caller),
        "phone": mask_phone(row.phone),
        "upstream": _upstream(row, cleaner),
    }


def own_of(row: IncomingOrder) -> tuple[str, ...]:
    return () if row.confidential else tuple(value for value in (row.caller, row.phone) if value)


def _upstream(row: IncomingOrder, cleaner: Cleaner) -> dict[str, str]:
    values = {
        "办理结果": row.result,
        "回复内容": row.reply,
        "处理受理方式": row.handling,
        "是否解决": row.solved,
        "是否满意": row.satisfied,
        "承办单位": row.department,
        **row.extra,
    }
    masked = {name: cleaner.clean(text) for name, text in values.items() if text}
    if row.closed_at:
        masked.setdefault(CLOSED_AT, row.closed_at.isoformat())
    return masked


def _raw_extra(row: IncomingOrder) -> dict[str, str]:
    named = {"详细地址": row.place, "办理结果": row.result, "回复内容": row.reply}
    return {name: text for name, text in {**row.extra, **named}.items() if text}
