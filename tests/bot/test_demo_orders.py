"""A generated day reads like a day's work and repeats itself for a seed."""

import re
from collections import Counter
from datetime import date, datetime

from bot.demo_orders import COLUMNS, generate_day, write_csv

DAY = date(2026, 6, 1)
COMMUNITIES = ["科源社区", "柳荫社区", "望春社区"]


def day(count=100, seed=7, when=DAY):
    return generate_day(when, count, seed, COMMUNITIES, "学院路街道")


def test_the_same_seed_gives_the_same_day_and_another_seed_another():
    assert day() == day()
    assert day(seed=8) != day()
    assert not {row["工单编号"] for row in day(1000)} & {row["工单编号"] for row in day(1000, seed=8)}


def test_rows_have_the_export_shape_and_come_in_order_within_the_day():
    rows = day()
    assert all(tuple(row) == COLUMNS for row in rows)
    assert all(re.fullmatch(r"热线-260601-\d{6}", row["工单编号"]) for row in rows)
    times = [datetime.strptime(row["到达时间"], "%Y-%m-%d %H:%M:%S") for row in rows]  # noqa: DTZ007
    assert times == sorted(times)
    assert {time.date() for time in times} == {DAY}
    assert all(row["办结时间"] == "" for row in rows)


def test_a_day_is_varied():
    rows = day(60)
    assert len({re.sub(r"\d+", "", row["主要内容"])[:40] for row in rows}) >= 40
    assert {row["村/社区"] for row in rows} == set(COMMUNITIES)
    rows = day(1000)
    levels = Counter(row["紧急程度"] for row in rows)
    assert 0 < levels["紧急"] < 300
    assert 0 < sum(row["来电人"] == "保密" for row in rows) < 200
    hours = Counter(row["到达时间"][11:13] for row in rows)
    assert hours["09"] > hours["13"] > hours["03"]


def test_urgent_orders_say_so_in_the_citys_words():
    assert all(("2小时内回复市中心" in row["主要内容"]) == (row["紧急程度"] == "紧急") for row in day(300))


def test_no_phone_could_be_real_and_some_texts_hold_the_callers_own_data():
    rows = day(500)
    text = "\n".join("\n".join(row.values()) for row in rows)
    assert all(number.startswith("1380000") for number in re.findall(r"(?<!\d)1\d{10}(?!\d)", text))
    own = [row for row in rows if row["来电人"] in row["主要内容"] and row["来电人电话/账号"] in row["主要内容"]]
    assert 20 < len(own) < 200
    assert all("{" not in row["主要内容"] + row["标题"] for row in rows)


def test_heating_is_complained_about_in_the_cold_months_only():
    def cold(when):
        return any("室内温度不达标" in row["标题"] for row in day(200, when=when))

    assert cold(date(2026, 12, 1))
    assert not cold(DAY)


def test_no_rows_is_a_header_alone(tmp_path):
    write_csv([], tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n"
