"""A day of invented hotline orders in the shape of the city's export, for the rehearsal and for tests.

Nothing here is copied from a real order: names are 张三 李四 …, phones are 1380000xxxx, places are put together. Some
texts hold the caller's own name, phone and door number, so that a rehearsal shows the masking at work.
"""

import csv
import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Final

COLUMNS: Final = (
    *("工单编号", "工单类型", "问题分类", "标签", "标题", "主要内容", "工单状态", "来电人", "来电人电话/账号"),
    *("被反映区", "被反映街乡镇", "办理结果", "回复内容", "处理受理方式", "办结时间", "企业名称", "是否解决"),
    *("是否满意", "工单性质", "村/社区", "小区点位", "到达时间", "紧急程度"),
)
"""The 21 columns of real exports and two that other sources add (domain, section 9)."""


def generate_day(
    day: date, count: int, seed: int, communities: Sequence[str], street: str, district: str = "海淀区"
) -> list[dict[str, str]]:
    """Invent the orders that reach a street on one day, in order of arrival.

    The same arguments give the same orders; no clock is read.

    Args:
        day: the day in Asia/Shanghai; 到达时间 is local, `YYYY-MM-DD HH:MM:SS`, between 00:00 and 24:00 of it.
        count: how many; the numbers of two seeds of one day differ as long as it is at most 1,000.
        seed: another seed is another day.
        communities: names of 社区, at least one; busier ones first.
        street: the street's name, such as 学院路街道.
        district: the district's name.

    Returns:
        Rows with exactly `COLUMNS` as keys, blanks as "".
    """
    dice = random.Random(f"{day.isoformat()}/{seed}")  # noqa: S311 - a rehearsal, not a secret
    arrivals = sorted(_arrival(dice, day) for _ in range(count))
    first = seed % 900 * 1000 + 1000
    weights = [1 / (place + 2) for place in range(len(communities))]
    cold = day.month in _HEATING_MONTHS
    # Every subject comes once before any comes twice, so that a day of forty orders has forty of them.
    deck: list[_Subject] = []
    rows = []
    for index, at in enumerate(arrivals):
        if not deck:
            deck = [subject for subject in _subjects() if cold or not subject.heating]
            dice.shuffle(deck)
        community = dice.choices(communities, weights)[0]
        number = f"热线-{day:%y%m%d}-{first + index:06d}"
        rows.append(_order(dice, deck.pop(), number, at, community) | {"被反映街乡镇": street, "被反映区": district})
    return [{column: row.get(column, "") for column in COLUMNS} for row in rows]


def write_csv(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Write rows as the city's .csv: UTF-8 with BOM, header first, CRLF."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else list(COLUMNS))
        writer.writeheader()
        writer.writerows(rows)


_HEATING_MONTHS: Final = frozenset({11, 12, 1, 2, 3})

# How many of a hundred calls come in each hour: the morning, the return from lunch, the evening at home.
_HOURS: Final = (1, 1, 0.5, 0.5, 0.5, 1, 2, 4, 9, 11, 10, 7, 4, 5, 8, 8, 7, 5, 4, 5, 5, 4, 2, 1.5)
_NAMES: Final = ("张三", "李四", "王五", "赵六", "钱七", "孙八", "周九", "吴十", "郑小一", "冯小二", "陈小三", "褚小四")
_ESTATES: Final = (
    *("科源小区", "柳荫家园", "望春园", "和平里小区", "育新花园"),
    *("东里小区", "静淑苑", "石油大院", "翠微南里", "清河苑"),
)
_OPENINGS: Final = ("市民反映，", "来电人表示，", "市民来电反映，", "诉求人称，", "居民反映，")
_URGENT_END: Final = "2小时内回复市中心"
_ENDINGS: Final = ("", "", "", "注：请及时向来电人反馈办理情况。", "来电人要求尽快处理并回复。", "望相关部门核实处理。")
_TYPES: Final = ("诉求", "诉求", "投诉", "求助")


@dataclass(frozen=True, slots=True)
class _Subject:
    """One kind of order: class, title, text with places to fill in, and what else it needs."""

    category: str
    title: str
    content: str
    tags: str = "七有五性"
    type: str = ""
    company: str = ""
    urgent: bool = False
    heating: bool = False


@cache
def _subjects() -> tuple[_Subject, ...]:
    text = Path(__file__).with_name("demo_subjects.toml").read_text(encoding="utf-8")
    return tuple(_Subject(**subject) for subject in tomllib.loads(text)["subject"])


def _arrival(dice: random.Random, day: date) -> datetime:
    hour = dice.choices(range(24), _HOURS)[0]
    return datetime.combine(day, time(hour, dice.randrange(60), dice.randrange(60)))


def _order(dice: random.Random, subject: _Subject, number: str, at: datetime, community: str) -> dict[str, str]:
    estate, building = dice.choice(_ESTATES), dice.randint(1, 28)
    name, phone = dice.choice(_NAMES), f"1380000{dice.randrange(10_000):04d}"
    place = estate if subject.type == "控烟" else f"{estate}{building}号楼"
    happened = at - timedelta(minutes=dice.randint(20, 600))
    content = dice.choice(_OPENINGS) + subject.content.format(
        place=place,
        community=community,
        floor=dice.randint(1, 18),
        time=f"{happened.day}日{happened.hour}时许",
        months=dice.randint(2, 11),
        people=dice.randint(3, 40),
    )
    who = dice.random()
    confidential = who < 0.08
    tells = not confidential and who < 0.25  # the caller's own data stand in the text too
    if tells:
        door = f"{dice.randint(1, 4)}单元{dice.randint(1, 18)}0{dice.randint(1, 4)}室"
        content += f"来电人{name}，住{estate}{building}号楼{door}，联系电话{phone}。"
    content += _URGENT_END if subject.urgent else dice.choice(_ENDINGS)
    shown = phone if who < 0.6 else "138××××"
    return {
        "工单编号": number,
        "工单类型": subject.type or dice.choice(_TYPES),
        "问题分类": subject.category,
        "标签": subject.tags,
        "标题": subject.title.format(place=estate, community=community)
        + ("#微信服务号#" if dice.random() < 0.1 else ""),
        "主要内容": content,
        "工单状态": "已转派" if dice.random() < 0.5 else "",
        "来电人": "保密" if confidential else name if tells or dice.random() < 0.5 else f"{name[0]}某",
        "来电人电话/账号": "保密" if confidential else shown,
        "处理受理方式": dice.choice(("电话", "系统转派", "系统转派")),
        "企业名称": subject.company,
        "工单性质": "协办" if dice.random() < 0.1 else "主办",
        "村/社区": community,
        "小区点位": place,
        "到达时间": f"{at:%Y-%m-%d %H:%M:%S}",
        "紧急程度": "紧急" if subject.urgent else dice.choice(("", "", "一般")),
    }
