"""The command line: `jiesu`. Errors are one Chinese line and an exit status, never a traceback."""

from bot.cli.main import main

__all__ = ["main"]
