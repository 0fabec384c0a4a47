"""What a street office's day brings that is not as it should be: one clear Chinese line each, and nothing half done.

Files that are no tables, damaged or dressed up are in `tests/handlers/intake/test_files.py`; this is the running
program from outside. Every case is tried on one office, which must go on working afterwards.
"""

import asyncio
import io
import json
import re
from pathlib import Path

import pytest

from storage import verify
from tests.conftest import OpenStore
from tests.scenarios.house import TOKEN, House, opened
from tests.street import CALLER, at, row

EMOJI = "😡👨‍👩‍👧"
LONG = "路灯不亮。" * 20_000
BODIES: tuple[tuple[str, bytes, int, str], ...] = (
    ("nothing", b"", 400, "不是正确的 JSON"),
    ("half a body", b'[{"number": "1"', 400, "不是正确的 JSON"),
    ("nested 100,000 deep", b"[" * 100_000 + b"]" * 100_000, 400, "不是正确的 JSON"),
    ("objects in objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, "不是正确的 JSON"),
    ("not a number", b'{"number": NaN}', 400, "不是正确的 JSON"),
    ("endless", b'[{"number": Infinity}]', 400, "不是正确的 JSON"),
    ("a number of 5,000 digits", b'{"number": ' + b"9" * 5000 + b"}", 400, "不是正确的 JSON"),
    ("the same key twice", '{"工单编号":"热线-260601-000001","工单编号":"热线-260601-000002"}'.encode(), 400, "两次"),
    ("another encoding", '{"工单编号":"热线-260601-000001"}'.encode("gb18030"), 400, "UTF-8"),
    ("UTF-16", '{"工单编号":""}'.encode("utf-16"), 422, "工单编号"),
    ("a byte order mark", b'\xef\xbb\xbf{"number":""}', 422, "工单编号"),
    ("a word", '"热线-260601-000001"'.encode(), 400, "应为一件工单"),
    ("null", b"null", 400, "应为一件工单"),
    ("a list of nothing much", b'[null, 1, "x", [], {}]', 422, "errors"),
    ("more than 1 MiB", b"[" + b" " * (1 << 20) + b"]", 413, "1 MiB"),
    ("a form", b"number=1&title=2", 400, "不是正确的 JSON"),
)
ROWS: tuple[tuple[str, dict[str, object], str], ...] = (
    ("a number that Excel rounded", {"工单编号": "2.0260e+19"}, "工单编号"),
    ("a number as a float", {"工单编号": 2.026e19}, "工单编号"),
    ("no number", {"工单编号": "  "}, "工单编号"),
    ("a day that no month has", {"到达时间": "2026-02-30"}, "2026-02-30"),
    ("long ago", {"到达时间": "1900-01-01 00:00:00"}, "到达时间"),
    ("beyond the century", {"到达时间": "2199-12-31"}, "到达时间"),
    ("a value that is a list of lists", {"标题": [["a"]]}, "标题"),
    ("an object for a text", {"主要内容": {"a": 1}}, "主要内容"),
    ("100,000 characters", {"主要内容": LONG}, "32767"),
)
ODD_TEXTS = (
    "{{ 7 * 7 }}{% for x in y %} {# no #} ${x} %s {0} {name}",
    "<@all> @所有人 @all <@zhang> [点我](http://example.com) <script>alert(1)</script>",
    "/签收 1\r\n/结案 1\n【#1】已结案",
    "\u202e反过来\u202c \u200f右 \u2066隔\u2069 a\u0301\u0301\u0301",
    f"{EMOJI} \x00\x07\x1b[31m 红",
    "' OR 1=1; DROP TABLE orders; -- % _ \\",
    "a\r\nSet-Cookie: x=1\r\n\r\nHTTP/1.1 200 OK",
    "\ud83d broken \udc00",
)
COMMANDS: tuple[tuple[str, str], ...] = (
    ("/签收 " + " ".join(map(str, range(1, 10_001))), "20000"),
    ("/签收 " + " ".join(map(str, range(1, 100))), "50"),
    ("/签收 1-999999", "50"),
    ("/签收 9-1", "1-9"),
    ("/签收 #0", "短号从 1 开始"),
    ("/签收 0", "0"),
    ("/签收 -5", ""),
    ("/签收 1--5", ""),
    ("/签收 99999999999999999999", "没有工单"),
    ("/签收 #" + "9" * 5000, ""),
    ("/签收 １", "✔"),
    ("/查 %", "没有找到"),
    ("/查 _", "没有找到"),
    ("/查 100%", "没有找到"),
    ("/查 \\", "没有找到"),
    ("/查 ' OR 1=1 --", "没有找到"),
    ("/查 " + "词 " * 2000, "最多"),
    ("/查 {{ 7*7 }}", "{{ 7*7 }}"),
    ("/派单 1 派单工作群", "科室"),
    ("/派单 1 张坐席", "科室"),
    ("/派单 1 " + "科" * 5000, "科室"),
    ("/派单 1 城管科 <@all> @所有人", "✔"),
    ("/改派 1 城管科", "值班坐席改派"),
    ("/办结 1 解决 " + LONG, "字"),
    ("/列表 2026-02-30..2026-01-01", "✘"),
    ("/列表 9999-12-31..0001-01-01", "✘"),
    ("/统计 0000-00-00", "✘"),
    ("/日报 9999-12-31", "✘"),
    ("/登记 " + "工单编号：" * 2000, "✘"),
    ("/登记 {{ 7*7 }}", "✘"),
    ("/" + "签" * 5000, "✘"),
    ("/\x00", ""),
    ("/签收\r\n1", ""),
    ("//签收 1", ""),
    ("/帮助 {{ self }}", ""),
    (EMOJI, ""),
)
FOREIGN = re.compile(
    r"Traceback|Error\b|Exception|Errno|line \d|expected|invalid|not found|sqlalchemy|None\b|bytes?\b", re.IGNORECASE
)


def assert_in_chinese(answer: str) -> None:
    """A person reads it: a Chinese sentence, no traceback, nothing of the machine, and not the whole input back."""
    assert re.search("[\u4e00-\u9fff]{2}", answer), answer[:300]
    assert FOREIGN.search(answer) is None, answer[:300]
    assert "系统出错" not in answer, answer[:300]
    assert len(answer) < 3000, answer[:300]


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path):
    async with opened(sqlite_url, tmp_path, at(1)) as house:
        await house.orders(*(row(number) for number in range(1, 4)))
        yield house


async def post(house: House, body: bytes, kind: str = "application/json") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
    async with house.client.post("/api/orders", data=io.BytesIO(body), headers=headers) as response:
        return response.status, await response.text()


async def test_bodies_that_are_no_orders(house: House) -> None:
    wrong = []
    for what, body, status, words in BODIES:
        answered, answer = await asyncio.wait_for(post(house, body), 10)
        if (answered, words in answer) != (status, True):
            wrong.append((what, answered, answer[:200]))
        assert_in_chinese(answer.replace("errors", "").replace("error", ""))
    assert wrong == []
    assert await post(house, b"\x00\xff\xfe", "multipart/form-data") == await post(house, b"\x00\xff\xfe")


async def test_rows_that_are_none(house: House) -> None:
    wrong = []
    for number, (what, values, words) in enumerate(ROWS, 100):
        status, answer = await house.orders(row(number) | values)
        told = json.dumps(answer, ensure_ascii=False)
        if status != 422 or words not in told or CALLER in told:
            wrong.append((what, status, told[:200]))
    assert wrong == []
    assert "没有工单" in await house.say("zhang", "/查 #4")


async def test_a_body_that_never_ends_is_cut_off_at_the_limit(house: House) -> None:
    async def endless():
        while True:
            yield b" " * 65536

    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with house.client.post("/api/orders", data=endless(), headers=headers) as response:
        assert response.status == 413
        assert "1 MiB" in await response.text()


async def test_a_message_that_is_no_message(house: House) -> None:
    bodies = (b"", b"[]", b"1", b'{"person": NaN}', b"[" * 100_000, b'{"person": "zhang", "person": "li"}')
    for body in bodies:
        async with house.client.post("/console/messages", data=io.BytesIO(body)) as response:
            assert 400 <= response.status < 500
            assert_in_chinese((await response.text()).replace("error", ""))
    for quote in (-1, 1.5, "x", True, [1], "9" * 40):
        status, answer = await house.post("zhang", "/签收", quote=quote)
        assert (status, answer["error"]) == (400, "quote 应为一条消息的 id")
    assert (await house.post("zhang", LONG + "字"))[0] == 413


async def test_half_a_character_in_any_field_is_no_fault(house: House) -> None:
    """In a text it is replaced; an id is refused, for two ids would become one."""
    good = {"person": "zhang", "group": "dispatch", "text": "/查 1", "quote": "1", "message_id": "m"}
    for name, value in good.items():
        for broken in (f"{value}\ud800", f"\udfff{value}", f"{value}\x00"):
            async with house.client.post("/console/messages", json={**good, name: broken}) as response:
                answer = await response.text()
            assert response.status == (200 if name == "text" else 404 if name in ("person", "group") else 400), answer
            assert_in_chinese(answer.replace("message_id", "").replace("error", ""))
    for name in row(1):
        status, answer = await house.orders(row(9) | {name: f"{row(9)[name]}\ud800"})
        assert status == 200, answer
    async with house.client.post("/console/clock", json={"now": "2026-06-01T10:00:00\ud800"}) as response:
        assert response.status == 400


@pytest.mark.parametrize("name", ["person", "group", "text", "quote", "message_id"])
@pytest.mark.parametrize("broken", [b"\xed\xa0\x80", b"\xff", b"\x00"])
async def test_half_a_character_beside_files(house: House, name: str, broken: bytes) -> None:
    fields = {"person": b"zhang", "group": b"dispatch", "text": b"1", "message_id": b"m"}
    fields[name] = fields.get(name, b"") + broken
    parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n'.encode() + fields[key] for key in fields]
    parts.append(b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nabc\r\n--x--\r\n')
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with house.client.post("/console/files", data=b"\r\n".join(parts), headers=headers) as response:
        answer = await response.text()
    assert response.status == (200 if name == "text" else 404 if name in ("person", "group") else 400), answer


async def test_commands_nobody_meant(house: House, open_store: OpenStore, sqlite_url: str) -> None:
    wrong = []
    for text, words in COMMANDS:
        status, answer = await asyncio.wait_for(house.post("zhang", text), 10)
        said = "\n".join(reply["text"] for reply in answer.get("replies", ())) or answer.get("error", "")
        if status >= 500 or words not in said:
            wrong.append((text[:60], status, said[:200]))
        if said:
            assert_in_chinese(re.sub(r"\{\{.*?\}\}|' OR.*?--|message_id|Errno", "", said))
    assert wrong == [], "\n".join(map(str, wrong))
    with open_store(sqlite_url).connect() as connection:
        assert verify.verify(connection).problems == []


async def test_odd_texts_of_citizens_neither_command_nor_call_nor_render(house: House) -> None:
    for number, text in enumerate(ODD_TEXTS, 10):
        status, answer = await house.orders(row(number, 标题=text[:100] or "无", 主要内容=text, 小区点位=text))
        assert status == 200, answer
    for number in range(4, 4 + len(ODD_TEXTS)):
        assert (await house.say("zhang", f"/签收 #{number}")).startswith("✔")
        assert (await house.say("zhang", f"/派单 #{number} 城管科 请看 {ODD_TEXTS[number - 4]}")).startswith("✔")
    seen = [item for group in ("dispatch", "chengguan") for item in await house.notices(group)]
    assert len([item for item in seen if item["mentions"] == ["wang", "qian"]]) >= len(ODD_TEXTS)
    for item in seen:
        assert "49" not in item["text"].replace("{{ 7 * 7 }}", ""), "a template in a citizen's text was rendered"
        assert not re.search("[@<>\x00-\x08\x1b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", item["text"]), item["text"]
        assert not re.search(r"^\s*/(签收|结案) 1$", item["text"], re.MULTILINE)
        assert set(item["mentions"]) <= {"zhang", "li", "zhao", "wang", "qian"}
