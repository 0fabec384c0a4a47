"""Delivery: what waits in the outbox leaves from here, within each robot's limits (design, "Nothing is sent from a
handler").

`delivery` runs it, `claims` takes and records one request, `asking` makes it, `unmade` lets fail what none can be
made of, `quotas` says when and `sharing` who first, `doubts` follows up what may not have arrived, `detours` names by
another way what will not, `standstill` finds what waits too long for that, `rerouting` moves what nobody sends,
`ways` knows which ways work, `watch` gives the alarm, `console` hands over what needs no network, `ledger` reads the
outbox.
"""

from bot.delivery.delivery import Delivery

__all__ = ["Delivery"]
