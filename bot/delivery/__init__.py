"""Delivery: what waits in the outbox leaves from here, within each robot's limits (design, "Nothing is sent from a
handler").

`delivery` runs it, `claims` takes and records one request, `doubts` follows up what may not have arrived, `console`
hands over what needs no network, `ledger` asks the store what may leave when.
"""

from bot.delivery.delivery import Delivery

__all__ = ["Delivery"]
