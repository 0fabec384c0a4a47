"""`jiesu demo`: a rehearsal in a throw-away folder; nothing leaves the machine."""

import asyncio
import random
import socket
import tempfile
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path

from bot import logs
from bot.cli.context import out
from bot.cli.starting import SAMPLES
from bot.clock import Clock
from bot.demo_orders import generate_day, write_csv
from bot.service import Service, open_office
from config.organisation import Organisation, load_organisation
from config.settings import ClockSettings, Console, Http, Settings
from config.shanghai import at_time, day_of
from handlers.intake.files import read_table
from handlers.intake.orders import IncomingOrder
from handlers.intake.register import take_in
from handlers.intake.rows import read_rows
from storage.store import Job

STREET = "桃花街道"
OPENING = time(8, 30)
ORDERS = 80
_BEFORE = 5
_POLL = 0.5


def run_demo(port: int, speed: float) -> None:
    """Serve a rehearsal day on generated orders until stopped; the folder is removed at the end."""
    from bot.web.app import serve

    logs.configure("WARNING")
    with tempfile.TemporaryDirectory(prefix="jiesu-demo-") as folder:
        organisation = load_organisation(SAMPLES / "organisation.toml", {})
        start = at_time(day_of(datetime.now().astimezone()), OPENING)
        settings = Settings(
            data_dir=Path(folder),
            http=Http(port=_free(port)),
            console=Console(enabled=True),
            clock=ClockSettings(start=start, speed=speed),
        )
        office = open_office(settings, organisation, live=True)
        rows = _exported_day(start, organisation, office.rules(start).title_noise, Path(folder) / "今日工单.csv")
        try:
            asyncio.run(serve(office, partial(_greet, speed), partial(_feed, rows, start)))
        finally:
            office.store.close()


def _exported_day(
    start: datetime, organisation: Organisation, noise: tuple[str, ...], file: Path
) -> list[IncomingOrder]:
    """A day of orders that went through a real export file, in order of arrival; what came in the night is left out."""
    communities = [community.name for community in organisation.communities]
    write_csv(generate_day(day_of(start), ORDERS, random.SystemRandom().randrange(1000), communities, STREET), file)
    since = start - timedelta(minutes=40)
    with read_table(file) as table:
        rows = [row for row in read_rows(table, noise=noise) if isinstance(row, IncomingOrder)]
    return [row for row in rows if row.arrived_at is not None and row.arrived_at >= since]


async def _feed(rows: Sequence[IncomingOrder], start: datetime, service: Service) -> None:
    """Hand each order in when the rehearsal's clock reaches its arrival; the first few are there at once."""
    first = [row for row in rows if row.arrived_at is not None and row.arrived_at <= start][-_BEFORE:]
    for row in first:
        await _hand_in(service, row)
    for row in rows:
        if row.arrived_at is not None and row.arrived_at > start:
            await _wait_for(service.clock, row.arrived_at)
            await _hand_in(service, row)


async def _hand_in(service: Service, row: IncomingOrder) -> None:
    office = service.office
    await service.desk.run(
        Job(
            lambda unit: unit.attempt(lambda scope: take_in(office, scope, [row], origin="导入")),
            now=service.clock.now(),
            cause="demo",
        )
    )


async def _wait_for(clock: Clock, moment: datetime) -> None:
    while clock.now() < moment:  # noqa: ASYNC110 - the clock is a rehearsal's, nothing wakes us at its moments
        await asyncio.sleep(_POLL)


def _free(port: int) -> int:
    """The port if it is free, else any free one: a demo should start."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    return port


def _greet(speed: float, address: str) -> None:
    pace = "时间停住" if speed == 0 else f"时间加快 {speed:g} 倍"
    out(
        f"""
接诉即办 · 演练：{STREET}的一天（样例人员，生成的工单，{pace}）
  打开  {address}

试两件事：
  1. 在“派单工作群”里发  /签收 1  ，再发  /派单 1 城管科
  2. 左上角换成“王科长”，发  /接单 1  ；随时可发  /帮助  和  /统计

数据在临时文件夹里，退出即删；没有任何内容离开本机。按 Ctrl+C 结束。
"""
    )
