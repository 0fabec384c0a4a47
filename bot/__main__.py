"""`python -m bot` is `jiesu`."""

from bot.cli import main

main()
