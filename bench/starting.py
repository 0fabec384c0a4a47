"""Start-up: seconds from exec to the first /readyz 200, and the memory that is resident then, beside the limit's."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Start(NamedTuple):
    """One start of a server."""

    seconds: float
    megabytes: float


def resident(process: int) -> float:
    """The resident memory of a process in MB (10⁶ bytes); Linux only."""
    status = Path(f"/proc/{process}/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kilobytes) * 1024 / 1e6


def markdown(starts: Mapping[str, Sequence[Start]], limit: str) -> str:
    """A table of medians; the limit is bare aiohttp and sqlite3, which import little and check nothing."""
    medians = {
        name: Start(*(statistics.median(values) for values in zip(*found, strict=True)))
        for name, found in starts.items()
    }
    lines = ["| server | start to ready | of the limit | resident | of the limit |", "|---|---|---|---|---|"]
    for name, start in medians.items():
        times, sizes = start.seconds / medians[limit].seconds, start.megabytes / medians[limit].megabytes
        lines.append(f"| {name} | {start.seconds:.2f} s | {times:.1f} | {start.megabytes:.0f} MB | {sizes:.1f} |")
    return "\n".join(lines)
