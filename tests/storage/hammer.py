"""One of several processes that write into the same store: reads, adds one, writes, as fast as it can.

    python -m tests.storage.hammer URL INCREMENTS SEED

Prints the numbers that it was given, as JSON, once all is stored.
"""

import json
import random
import sys

from storage.store import Job, Store
from storage.tables import ConsoleMessage
from storage.transaction import Scope
from tests.conftest import KEY
from tests.storage.desk import job


def hammer(store: Store, increments: int, seed: int) -> list[int]:
    """Raise `urged` of random orders, some jobs at a time; the message numbers that were given on the way."""
    chance = random.Random(seed)
    given: list[int] = []
    while len(given) < increments:
        batch = [
            _raise_one(chance.choice((1, 2, 3))) for _ in range(min(chance.randint(1, 8), increments - len(given)))
        ]
        given += [outcome.result() for outcome in store.transact(batch)]
    return given


def _raise_one(order: int) -> Job[int]:
    def work(scope: Scope) -> int:
        held = scope.order(order)
        number = scope.next_number("message")
        held.urged += 1
        scope.record("催办", held, number=number)
        said = {"chat": "值班", "sender": "D1", "kind": "text", "text": str(number), "mentions": (), "orders": (order,)}
        scope.insert(ConsoleMessage, id=number, at=scope.now, **said)
        return number

    return job(work, order, counters=("message",))


if __name__ == "__main__":
    store = Store.open(sys.argv[1], lambda empty: KEY, rehearsal=True)
    print(json.dumps(hammer(store, int(sys.argv[2]), int(sys.argv[3]))))
    store.close()
