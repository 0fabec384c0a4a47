"""The journal: append-only events, gapless overall and per order, chained by SHA-256 (domain, section 2).

The hash covers the previous hash and the canonical JSON text of the event, which holds everything: who, when, what
was said, and every changed column with its value before and after. The projections follow from it alone.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from storage.columns import canonical

GENESIS = "0" * 64
"""The hash before the first event."""


class Effect(TypedDict):
    """One changed row: table `t`, key `k`, the changed columns before (`was`) and after (`now`).

    `was` is None for a new row, `now` is None for a removed one; a new or removed row lists the columns that differ
    from their defaults.
    """

    t: str
    k: list[Any]
    was: dict[str, Any] | None
    now: dict[str, Any] | None


@dataclass(slots=True)
class Draft:
    """An event that has everything but its place in the chain. `n` is its number within the order.

    Its text is made at once: what has no canonical form fails its own command (TypeError or ValueError), and no later
    change of a value can reach it.
    """

    order_id: int | None
    n: int | None
    at: datetime
    kind: str
    actor: str
    cause: str | None
    undoes: int | None
    data: Mapping[str, Any]
    effects: list[Effect]
    _text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        told = {
            "actor": self.actor,
            "at": self.at,
            "cause": self.cause,
            "data": self.data,
            "effects": self.effects,
            "kind": self.kind,
            "n": self.n,
            "order": self.order_id,
        }
        self._text = canonical(told)

    def body(self, seq: int) -> str:
        """The event's canonical JSON text; `seq` and `undoes` sort last."""
        undoes = "null" if self.undoes is None else self.undoes
        return f'{self._text[:-1]},"seq":{seq},"undoes":{undoes}}}'


def chain(drafts: Iterable[Draft], seq: int, head: str) -> list[dict[str, Any]]:
    """Give each draft its number and hash after the event `seq` with the hash `head`; rows for the event table."""
    rows = []
    for draft in drafts:
        seq += 1
        body = draft.body(seq)
        digest = link(head, body)
        rows.append(
            {
                "seq": seq,
                "order_id": draft.order_id,
                "n": draft.n,
                "at": draft.at,
                "kind": draft.kind,
                "actor": draft.actor,
                "cause": draft.cause,
                "undoes": draft.undoes,
                "body": body,
                "previous": head,
                "hash": digest,
            }
        )
        head = digest
    return rows


def link(previous: str, body: str) -> str:
    """The hash of an event: SHA-256 over the previous hash and its body, as hex."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()
