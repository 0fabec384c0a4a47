"""The command line: `jiesu`. Errors are one Chinese line and an exit status, never a traceback."""

import gc

gc.disable()  # nothing is garbage while a program is imported: looking for it took a sixth of the start
from bot.cli.main import main  # noqa: E402

gc.freeze()  # nor later: what was imported stays, and no collection walks through it again while a command waits
gc.enable()

__all__ = ["main"]
