"""`make bench`: what is promised of speed, each beside its limit in the same run.

Durable commands over HTTP and the start, ours beside bare aiohttp with raw sqlite3 writing the same rows; a large
import beside calamine and raw sqlite3, and commands while one comes in; `/统计` over a million orders beside its bare
SQL.

Rounds alternate between the two, so that a machine whose speed drifts slows both; medians are printed. The result is
Markdown, ready for `docs/benchmarks.md`.
"""

import argparse
import os
import platform
import statistics
import sys
from dataclasses import dataclass

from bench import asking, beside, importing, servers, starting
from bench.load import Figures, drive

CONNECTIONS = (1, 32)


@dataclass(frozen=True)
class Row:
    """Medians of the rounds of one server at one number of connections."""

    name: str
    connections: int
    rate: float
    p50: float
    p99: float


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--seconds", type=float, default=5.0, help="each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000, help="of the import; 0 leaves it out")
    parser.add_argument("--beside", type=int, default=100_000, help="rows of the imports beside commands; 0: none")
    parser.add_argument("--live", type=float, default=0.1, help="share of their orders that are not finished yet")
    parser.add_argument("--orders", type=int, default=1_000_000, help="under /统计; 0 leaves it out")
    options = parser.parse_args()
    if options.rounds:
        _commands(options.rounds, options.seconds)
    if options.orders:
        print(f"\n{asking.markdown(asking.measure(options.orders), options.orders)}", flush=True)
    if options.rows:
        print(f"\n{importing.measure(options.rows, options.live)}", flush=True)
    if options.beside:
        print(f"\n{beside.measure(options.beside, options.live)}", flush=True)


def _commands(rounds: int, seconds: float) -> None:
    figures: dict[tuple[str, int], list[Figures]] = {}
    starts: dict[str, list[starting.Start]] = {}
    with servers.seeded() as store:
        for round_ in range(rounds):
            for connections in CONNECTIONS:
                for name, start in servers.SERVERS.items():
                    with start(store) as server:
                        found = drive(server.address, server.orders, connections, seconds)
                    figures.setdefault((name, connections), []).append(found)
                    starts.setdefault(name, []).append(server.start)
                    print(f"round {round_ + 1}: {name} {connections} {found}", file=sys.stderr)
    rows = [_median(name, connections, found) for (name, connections), found in figures.items()]
    print(_markdown(rows, seconds, rounds))
    print(f"\n{starting.markdown(starts, servers.LIMIT)}", flush=True)


def _median(name: str, connections: int, found: list[Figures]) -> Row:
    def middle(values: list[float]) -> float:
        return statistics.median(values)

    return Row(
        name,
        connections,
        middle([one.rate for one in found]),
        middle([one.p50 for one in found]),
        middle([one.p99 for one in found]),
    )


def _markdown(rows: list[Row], seconds: float, rounds: int) -> str:
    limit = {row.connections: row.rate for row in rows if row.name == servers.LIMIT}
    lines = [
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {rounds} rounds of {seconds:g} s, medians.",
        "",
        "| server | connections | commands/s | p50 | p99 | of the limit |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row.connections, row.name != servers.LIMIT)):
        share = row.rate / limit[row.connections]
        lines.append(
            f"| {row.name} | {row.connections} | {row.rate:,.0f} | {row.p50:.1f} ms | {row.p99:.1f} ms | {share:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
