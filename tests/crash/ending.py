"""How every story of a crash ends: the service comes back for good, and the books are checked."""

import logging
import re
from collections import Counter
from datetime import timedelta

from tests.crash.audit import audit
from tests.crash.house import House
from tests.crash.stream import Stream

AT_LEAST, AT_MOST = 3, 40
"""Moves of five minutes: so many that a digest of doubts which was itself cut off is sent again, and an end."""
_WAITING = re.compile(r'^jiesu_outbox_messages\{state="(?:pending|retry|sending)"\} ([1-9].*)$', re.MULTILINE)


async def settle(house: House, stream: Stream) -> Counter[str]:
    """Answer what is still asked, deliver what waits, ask everything again, stop, and check.

    The clock stands and is moved on through every due moment, so that nothing here depends on the machine's speed.
    """
    await house.start(standing=True)
    assert await house.ready(), house.log()
    await stream.finish()
    for moves in range(1, AT_MOST):
        await house.move(timedelta(minutes=5))
        if moves >= AT_LEAST and not await _waiting(house):
            break
    else:
        raise AssertionError(f"the outbox never empties: {await _waiting(house)}")
    first = {answer.said: answer.body for answer in stream.answered}
    again = {answer.said: answer.body for answer in await stream.ask_again()}
    assert again == first
    await house.terminate()
    counts = audit(house, stream)
    counts["retries"] = stream.retries
    starts = sorted(house.starts)
    logging.getLogger("crash").info(
        "%s; start to ready %.2f s median, %.2f s longest", dict(counts), starts[len(starts) // 2], starts[-1]
    )
    return counts


async def _waiting(house: House) -> list[str]:
    async with house.http.get(f"{house.base}/metrics") as response:
        return _WAITING.findall(await response.text())
