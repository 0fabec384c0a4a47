"""A store full of unsigned orders, made by the program's own intake."""

from datetime import datetime
from pathlib import Path

from bot.service import open_office
from config.organisation import Organisation
from config.settings import ClockSettings, Settings
from handlers.intake.orders import IncomingOrder, RejectedRow
from handlers.intake.register import take_in
from handlers.intake.rows import from_mapping
from storage.store import Job

CHUNK = 500


def fill(folder: Path, orders: int, now: datetime) -> None:
    """Take in `orders` orders as a takeover, so that no notice competes with the commands that are measured."""
    settings = Settings(data_dir=folder, clock=ClockSettings(start=now, speed=0))
    office = open_office(settings, Organisation(), live=True)
    try:
        for start in range(0, orders, CHUNK):
            rows = [_row(number) for number in range(start, min(start + CHUNK, orders))]
            office.store.run(
                Job(
                    lambda unit, rows=rows: unit.attempt(
                        lambda scope: take_in(office, scope, rows, origin="导入", takeover=True)
                    ),
                    now=now,
                    cause="bench",
                    counters=("order",),
                )
            )
    finally:
        office.store.close()


def _row(number: int) -> IncomingOrder:
    row = from_mapping(
        {
            "工单编号": f"热线-260601-{number:06d}",
            "工单类型": "诉求",
            "问题分类": "城市管理->市政设施->路灯",
            "标题": f"反映第 {number} 盏路灯不亮",
            "主要内容": "市民反映，小区外道路路灯不亮，晚归居民不敢走，要求尽快维修。",
            "来电人": "张三",
            "来电人电话/账号": f"1380000{number % 10_000:04d}",
            "村/社区": "科源社区",
            "到达时间": "2026-06-01 07:59:00",
        },
        number,
    )
    if isinstance(row, RejectedRow):
        raise TypeError(row.line)
    return row
