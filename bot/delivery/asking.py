"""One request to a platform: made in time or not at all, and whatever happens it has an answer."""

import asyncio
import time
from datetime import timedelta

from loguru import logger

from bot.delivery.claims import Claim
from bot.platforms.contract import Answer, Outcome, Sender

LATEST = timedelta(seconds=10)
"""A request is not begun later than this after its claim; with `LONGEST` it ends before the lease does."""
LONGEST = timedelta(seconds=15)
"""No request may take longer, whatever its sender does."""


async def ask(sender: Sender, claimed: Claim, asked: float) -> Answer:
    """Send what was claimed at `asked` (`time.monotonic`). Raises nothing but a cancellation."""
    if time.monotonic() - asked > LATEST.total_seconds():
        return Answer(Outcome.RETRY, "本机太忙，轮到时已过时，没有发出，稍后自动重试")
    try:
        async with asyncio.timeout(LONGEST.total_seconds()):
            return await sender.send(claimed.message)
    except TimeoutError:
        return Answer(Outcome.UNKNOWN, "等待超时，这条消息可能已经送到")
    except Exception as error:  # noqa: BLE001 - a sender's fault must not stop the others, nor leak an address
        name = type(error).__name__
        logger.bind(outbox=claimed.message.key, endpoint=claimed.endpoint).error("a sender raised {}", name)
        return Answer(Outcome.UNKNOWN, f"本程序出错（{name}），这条消息可能已经送到；请报告给维护人员")
