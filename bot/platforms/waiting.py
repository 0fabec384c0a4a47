"""How long to wait before a request that was certainly not delivered is made again.

The growth is tenacity's; nothing sleeps here. Delivery stores the next moment in the outbox row, so that a restart
neither forgets the pause nor starts it anew. There is no last attempt: an ordinary failure of the line is never a
reason to give a notice up.
"""

from datetime import timedelta
from random import Random

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_base, wait_exponential

FIRST_PAUSE = timedelta(seconds=1)
"""★ The shortest pause, after the first failed attempt."""
LONGEST_PAUSE = timedelta(minutes=10)
"""★ No pause is longer."""
JITTER = 0.25
"""★ Up to this share is added at random, so that robots which failed together do not come back together."""

_GROWTH: wait_base = wait_exponential(
    multiplier=FIRST_PAUSE.total_seconds(), exp_base=2, max=LONGEST_PAUSE.total_seconds() / (1 + JITTER)
)
_RETRYING = Retrying(wait=_GROWTH)


def pause(attempt: int, random: Random) -> timedelta:
    """The pause after failed attempt number `attempt` (from 1): about 1, 2, 4 … seconds, at most `LONGEST_PAUSE`.

    Raises ValueError for an attempt below 1.
    """
    if attempt < 1:
        raise ValueError(f"attempt {attempt}: the first one is 1")
    state = RetryCallState(retry_object=_RETRYING, fn=None, args=(), kwargs={})
    state.attempt_number = attempt
    return timedelta(seconds=_GROWTH(state) * random.uniform(1, 1 + JITTER))
