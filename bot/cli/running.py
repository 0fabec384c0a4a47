"""`jiesu run`: the service."""

import asyncio
import faulthandler

from bot import logs
from bot.cli.context import Context, say
from bot.doctor.ways_out import lacking, mute
from bot.routes import Endpoints
from bot.service import open_office


def run_service(context: Context) -> None:
    """Check, open, serve until told to stop. Raises ConfigError and StoreError before anything is served."""
    from bot.web.app import serve

    organisation = context.organisation()
    for finding in lacking(organisation):
        say(str(finding))
    logs.configure()
    # A watchdog ends what hangs by SIGABRT: the log then shows where each thread stood, without any values.
    faulthandler.enable()
    office = open_office(context.settings, organisation, live=True)
    assert isinstance(office.routes, Endpoints)
    for finding in mute(office.routes, organisation):
        say(str(finding))
    try:
        asyncio.run(serve(office, lambda address: say(f"接诉即办已启动：{address}")))
    finally:
        office.store.close()
