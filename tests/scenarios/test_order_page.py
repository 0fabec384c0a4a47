"""An order's file in the browser: all of it, masked as /查 masks it, and nothing that cannot be done there."""

import re
from html.parser import HTMLParser
from pathlib import Path

from tests.scenarios.house import House, opened
from tests.street import CALLER, PHONE, at, row

ADDRESS = "/orders/市/热线-260601-000001"


class Page(HTMLParser):
    """What stands on a page: its text by element, in order, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.forbidden: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.links += [value or "" for name, value in attributes if name == "href" and tag == "a"]
        self.forbidden += [name for name, _ in attributes if name.startswith("on") or name == "style"]
        self.forbidden += [tag] if tag in ("script", "style") else []

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.found.append((self._open[-1], text))

    def of(self, tag: str) -> list[str]:
        return [text for element, text in self.found if element == tag]

    def text(self) -> str:
        return "\n".join(text for _, text in self.found)


async def page(house: House, person: str, address: str = ADDRESS) -> Page:
    async with house.client.get(address, params={"person": person}) as response:
        assert response.status == 200
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        return Page(await response.text())


async def worked_on(house: House, **columns: str) -> None:
    """An order with more events than /查 shows at once, one of them taken back."""
    await house.orders(row(1, 企业名称="第三建筑公司", **columns))
    for person, text in (
        ("zhang", "/签收 1"),
        ("zhang", "/派单 1 城管科"),
        ("wang", "/接单 1"),
        ("wang", "/核查 1 现场无人施工"),
        ("wang", "/核查 1 写错的一条"),
        ("wang", "/撤回"),
        ("wang", "/反馈 1 已接通 已告知今晚停工"),
        ("sun", "/督办 1 区 6月3日"),
        ("wang", "/办结 1 解决 结果：已要求停止夜间施工 依据：现场核实"),
    ):
        assert (await house.say(person, text)).startswith("✔"), text


async def test_what_the_source_says_stands_on_it(sqlite_url: str, tmp_path: Path) -> None:
    columns = {
        "标签": "七有五性、每月一题",
        "工单性质": "主办",
        "被反映区": "海淀区",
        "被反映街乡镇": "科源街道",
        "办理结果": "已联系王工，电话13800001234",
        "回复内容": "来电人李敏，已告知",
    }
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await house.orders(row(1, **columns))
        found = await page(house, "zhang")
    fields = dict(zip(found.of("dt"), found.of("dd"), strict=True))
    assert {name: fields[name] for name in ("标签", "工单性质", "被反映区", "街乡镇")} == {
        "标签": "七有五性、每月一题",
        "工单性质": "主办",
        "被反映区": "海淀区",
        "街乡镇": "科源街道",
    }
    assert fields["来源办理结果"] == "已联系王工，电话138****1234"
    assert fields["来源回复内容"] == "来电人李*，已告知"


async def test_the_result_of_an_earlier_round_stays_on_it(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await worked_on(house)
        assert (await house.say("gao", "/评定 1 否 未解决 不满意")).startswith("✔")
        sent_back = await page(house, "zhang")
        fields = dict(zip(sent_back.of("dt"), sent_back.of("dd"), strict=True))
        assert "结果" not in fields, "this round has none yet"
        assert (fields["第1轮结果"], fields["第1轮依据"]) == ("解决 已要求停止夜间施工", "现场核实")

        for text in ("/反馈 1 已接通 再次告知", "/办结 1 部分解决 结果：已罚款 依据：噪声污染防治法"):
            assert (await house.say("wang", text)).startswith("✔"), text
        found = await page(house, "zhang")
        history = await house.privately("zhang", "/查 1 经过")
    fields = dict(zip(found.of("dt"), found.of("dd"), strict=True))
    assert (fields["结果"], fields["依据"]) == ("部分解决 已罚款", "噪声污染防治法")
    assert (fields["第1轮结果"], fields["第1轮依据"]) == ("解决 已要求停止夜间施工", "现场核实")
    for shown in (history, found.text()):
        assert "解决 已要求停止夜间施工；依据：现场核实" in shown
        assert "部分解决 已罚款；依据：噪声污染防治法" in shown


async def test_its_times_have_their_date_and_its_ended_clocks_the_order_of_the_work(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await worked_on(house)
        assert (await house.say("sun", "/督办 1 街道 今天24:00")).startswith("✔")
        found = await page(house, "zhang")
    clocks = found.of("b")[: found.of("b").index("登记")]
    ended = [kind for kind in clocks if kind not in ("评定", "街道级督办")]
    assert ended == ["签收", "派单", "响应", "办结", "超4天", "区级督办"]
    assert "街道级督办，限 2026-06-01 24:00（孙主任 2026-06-01 09:00）" in found.of("li")
    standing = [text for text in found.of("p") if "到期，" in text or "完成，" in text]
    assert standing and all(text.startswith("2026-06-") for text in standing), standing


async def test_it_holds_the_whole_order(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await worked_on(house, 主要内容=f"第一段。\n{'长' * 3000}结尾")
        found = await page(house, "zhang")

        assert [found.of("h1"), found.of("h2")] == [["热线-260601-000001"], ["工单", "时限", "经过"]]
        assert {"#1", "待评定", "一般", "来源 市"} <= set(found.of("span"))
        assert "区级督办，限 2026-06-03 18:00（孙主任 2026-06-01 09:00）" in found.of("li")
        fields = dict(zip(found.of("dt"), found.of("dd"), strict=True))
        assert fields["企业"] == "第三建筑公司"
        assert fields["承办"] == "主办 城管科，经办人 王科长"
        assert fields["结果"] == "解决 已要求停止夜间施工"
        assert fields["依据"] == "现场核实"
        assert fields["内容"].endswith("长结尾"), "not cut as in the chat"
        assert any(line.startswith("自到达") or "按导入时间计" in line for line in found.of("p"))

        told = [text for text in found.of("b") if text not in ("评定", "响应", "超4天")]
        steps = ["登记", "签收", "派单", "接单", "核查", "核查", "撤回", "反馈", "督办", "办结"]
        assert told[-len(steps) :] == steps, "every event, the oldest first"
        assert found.of("em") == ["已撤回"]
        assert len(found.of("time")) == len(steps)


async def test_nothing_on_it_is_to_be_typed_and_nothing_runs_in_it(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await worked_on(house, 标题="&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}")
        found = await page(house, "wang")
        assert not re.search(r"/[一-鿿]", found.text()), "no command"
        assert "/orders/" not in found.text()
        assert found.forbidden == []
        assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}" in found.of("dd")


async def test_it_is_masked_as_in_the_chat(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await worked_on(house)
        for person in ("zhang", "wang", "sun", "li"):
            text = (await page(house, person)).text()
            assert CALLER not in text
            assert PHONE not in text
            assert "138****1234" in text
        # Who does not work on the order learns from its page what /查 says, and no more.
        other = await page(house, "admin")
        said = await house.privately("admin", "/查 1")
        assert all(line in said for line in (other.of("dd") + other.of("p")))
        assert (other.of("dt"), other.of("time"), other.links) == (["概况", "标题"], [], [])


async def test_a_confidential_caller_stays_hidden(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        assert await house.command_line_import(row(1, 来电人="保密", 主要内容="路灯不亮")) == 0
        found = await page(house, "zhang")
        assert dict(zip(found.of("dt"), found.of("dd"), strict=True))["来电人"] == "保密"
        assert "138" not in found.text()


async def test_what_cannot_be_shown_is_a_page_for_a_browser_and_json_for_a_program(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        for headers, kind in (({"Accept": "text/html,*/*;q=0.8"}, "text/html"), ({}, "application/json")):
            async with house.client.get("/orders/市/<b>?person=zhang", headers=headers) as answer:
                assert (answer.status, answer.content_type) == (404, kind)
                text = await answer.text()
                assert "没有这件工单：请核对来源（市、区）和工单编号" in text
                assert "<b>" not in text
