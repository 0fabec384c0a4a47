"""删除: a caller's data go by destroying the order's key; its history stays verifiable (domain, section 8).

There is no command for it yet. Whoever calls `erase` writes the ledger afterwards (`bot/ledger.py`): a restore of an
older backup applies the deletion again from there.
"""

from datetime import datetime

from storage import erasures
from storage.erasures import Erasures
from storage.tables import Attachment, AttachmentFile, Order, VaultRow
from storage.transaction import Scope
from storage.vault import Vault

EVENT = "删除"


def erase(scope: Scope, order: Order, *, reason: str = "", before: datetime | None = None) -> bool:
    """Destroy the key, the sealed texts and files, the blind index and the row's digest of an order, and record it.

    The tombstone `erased_at` stays, so that no later import brings the data back. Texts outside the vault are masked
    already and stay as they are. `before` is when it was erased first, where a restore does it again. False when
    nothing was left to destroy.
    """
    held = scope.vault(order.id)
    if held is not None and held["erased_at"] is not None:
        return False
    for kept in scope.rows(Attachment, order.id):
        scope.place(AttachmentFile, (order.id, kept.n, kept.part), None)
    blank = {"wrapped_key": None, "sealed": None, "phone_index": None, "row_digest": None}
    scope.place(VaultRow, (order.id,), {**blank, "erased_at": scope.now})
    scope.record(EVENT, order, reason=reason, first_erased_at=before)
    return True


def reapply(scope: Scope, vault: Vault, erased: Erasures) -> int:
    """Erase again every order of this store that the ledger calls erased; returns how many that were."""
    count = 0
    for number, at in erasures.standing(scope.connection, vault, erased).items():
        order = scope.order(number)
        if order is not None:
            count += erase(scope, order, reason="恢复备份后重新删除", before=at)
    return count
