"""The client: commands over kept connections, each its own order, every answer checked."""

import asyncio
import multiprocessing
import statistics
import time
from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True)
class Figures:
    """Commands a second, and milliseconds from request to durable answer."""

    rate: float
    p50: float
    p99: float
    commands: int


def drive(address: str, orders: int, connections: int, seconds: float) -> Figures:
    """Sign orders 1..`orders`, each once, for at most `seconds`, from a process of its own.

    Raises RuntimeError when an answer is not ✔: a fast refusal is no result.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (address, orders, connections, seconds))


def _run(address: str, orders: int, connections: int, seconds: float) -> Figures:
    return asyncio.run(_drive(address, orders, connections, seconds))


async def _drive(address: str, orders: int, connections: int, seconds: float) -> Figures:
    numbers = iter(range(1, orders + 1))
    took: list[float] = []
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(20):
            await sign(session, address, next(numbers))
        begun = time.perf_counter()
        ends = begun + seconds

        async def worker() -> None:
            for number in numbers:
                start = time.perf_counter()
                if start >= ends:
                    return
                await sign(session, address, number)
                took.append(time.perf_counter() - start)

        await asyncio.gather(*(worker() for _ in range(connections)))
        wall = time.perf_counter() - begun
    cuts = statistics.quantiles(took, n=100)
    return Figures(len(took) / wall, cuts[49] * 1000, cuts[98] * 1000, len(took))


async def sign(session: aiohttp.ClientSession, address: str, number: int) -> None:
    """Sign one order; raises RuntimeError when the answer is not ✔."""
    body = {"person": "zhang", "group": "dispatch", "text": f"/签收 #{number}", "message_id": f"m{number}"}
    async with session.post(f"{address}/console/messages", json=body) as response:
        answer = await response.json()
        text = answer["replies"][0]["text"] if response.status == 200 else str(answer)
        if not text.startswith("✔"):
            raise RuntimeError(text)
