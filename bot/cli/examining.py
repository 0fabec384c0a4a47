"""`jiesu doctor`."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from bot import doctor
from bot.cli.context import out
from bot.doctor import Mark


def examine(config_file: Path | None, *, probe: bool, send: bool) -> int:
    """Print a line for each finding; exit status 1 when something is wrong, 0 when all is well or only worth a look."""
    counts: Counter[Mark] = Counter()
    for finding in doctor.examine(config_file, dict(os.environ), now=datetime.now(UTC), probe=probe, send=send):
        counts[finding.mark] += 1
        out(str(finding))
    out(f"共 {counts.total()} 项：好 {counts[Mark.GOOD]}，留意 {counts[Mark.WARNING]}，要处理 {counts[Mark.BAD]}")
    return 1 if counts[Mark.BAD] else 0
