"""Pictures, files and exports over HTTP, as the page sends them."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.chat import dropped
from bot.console import uploads
from bot.demo_orders import write_csv
from storage import verify
from tests.conftest import OpenStore
from tests.handlers.sample_files import png
from tests.scenarios.house import House, opened
from tests.street import CALLER, PHONE, assert_no_personal_data, at, row


async def send(house: House, person: str, *files: tuple[str, bytes], **fields: Any) -> tuple[int, dict[str, Any]]:
    """Post files as a person; status and answer."""
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in {"person": person, "group": "dispatch", **fields}.items():
        form.add_field(name, str(value))
    for name, data in files:
        form.add_field("file", io.BytesIO(data), filename=name, content_type="application/octet-stream")
    async with house.client.post("/console/files", data=form) as response:
        return response.status, await response.json()


async def said(house: House, group: str, words: str) -> str:
    """The first message of the bot in a chat that has these words, once it is there."""
    for _ in range(200):
        for message in await house.messages(group):
            if message["from"] == "bot" and words in message["text"]:
                return str(message["text"])
        await asyncio.sleep(0.05)
    raise AssertionError(f"{words} was not said: {await house.messages(group)}")


def export(folder: Path, *rows: dict[str, str]) -> bytes:
    path = folder / "rows.csv"
    write_csv(rows, path)
    return path.read_bytes()


async def test_a_picture_with_a_quote(database_url: str, tmp_path: Path, open_store: OpenStore) -> None:
    async with opened(database_url, tmp_path, at(1, "09:00")) as house:
        await house.orders(row(1))
        (notice,) = await house.notices()
        status, first = await send(house, "zhang", (f"{CALLER}家.png", png()), quote=notice["id"], message_id="m1")

        assert status == 200
        assert first["replies"][0]["text"].startswith("✔ 【#1】已存入 1 个附件")
        assert (await send(house, "zhang", ("x.png", png()), quote=notice["id"], message_id="m1"))[1] == first
        assert "张**家.png · PNG 图片" in await house.say("zhang", "/查 1")
        (message,) = [item for item in await house.messages() if item.get("message_id") == "m1"]
        assert message["text"].startswith("附件：张")
        assert message["quote"] == notice["id"]
    store = open_store(database_url)
    with store.connect() as connection:
        assert verify.verify(connection).problems == []
    assert_no_personal_data(store, [CALLER, PHONE])


async def test_an_export_sent_in_private_is_imported(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path, at(1, "09:00")) as house:
        days = ("2026-06-01", "2026-06-01", "2026-02-30")
        data = export(tmp_path, *(row(number, 到达时间=day) for number, day in enumerate(days, start=1)))

        status, answer = await send(house, "zhang", ("今日导出.csv", data), group="@zhang", message_id="i1")
        assert status == 200
        assert answer["replies"][0]["text"].startswith("收到 今日导出.csv，正在导入")
        result = await said(house, "@zhang", "导入完成")
        assert result.splitlines()[-1] == "新增 2 未变 0 变更 0 拒绝 1"
        assert any("第 4 行" in line for line in result.splitlines())

        assert (await send(house, "zhang", ("今日导出.csv", data), group="@zhang", message_id="i1"))[1] == answer
        await send(house, "zhang", ("又一次.csv", data), group="@zhang")
        assert (await said(house, "@zhang", "又一次.csv 导入完成")).endswith("新增 0 未变 2 变更 0 拒绝 1")
        assert len([item for item in await house.messages("@zhang") if "导入完成" in item["text"]]) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/统计", "【统计】2026-06-01"),
        ("统计", "【统计】2026-06-01"),
        ("/统级", "不认识 /统级。是否想用"),
        ("/派单", "用法：/派单"),
        ("/定时", "不认识 /定时"),
        ("今天上午的", None),
    ],
)
async def test_a_command_beside_an_export_is_carried_out_too(
    database_url: str, tmp_path: Path, text: str, words: str | None
) -> None:
    async with opened(database_url, tmp_path, at(1, "09:00")) as house:
        data = export(tmp_path, row(1))
        _, answer = await send(house, "zhang", ("今日.csv", data), group="@zhang", message_id="i1", text=text)

        first, *others = (reply["text"] for reply in answer["replies"])
        assert first.startswith("收到 今日.csv，正在导入")
        assert [words in other for other in others if words] == ([True] if words else [])
        assert len(others) == bool(words)
        await said(house, "@zhang", "导入完成")
        again = await send(house, "zhang", ("今日.csv", data), group="@zhang", message_id="i1", text=text)
        assert again[1] == answer


@pytest.mark.parametrize(
    "name",
    ["..", ".", "/", "𠀀" * 80 + ".csv", "长" * 300, "a\\b.csv"],
    ids=["above", "here", "root", "four bytes", "long", "path"],
)
async def test_an_export_under_any_name_is_imported(sqlite_url: str, tmp_path: Path, name: str) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await send(house, "zhang", (name, export(tmp_path, row(1))), group="@zhang")
        assert (await said(house, "@zhang", "新增")).endswith("新增 1 未变 0 变更 0 拒绝 0")
        await send(house, "zhang", (name, "姓名,年龄\n李四,30\n".encode()), group="@zhang")
        refused = await said(house, "@zhang", "没有导入：")
        assert refused.partition("没有导入：")[2].startswith("认不出表头")
        _, answer = await send(house, "zhang", (name, png()), group="@zhang", text="1 现场")
        assert "已存入 1 个附件" in answer["replies"][0]["text"]


async def test_a_command_that_changes_something_beside_an_export_does_it_once(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path, at(1, "09:00")) as house:
        data, text = (
            export(tmp_path, row(1)),
            f"/登记 工单编号：热线-260601-000009\n来电人：{CALLER}\n电话：{PHONE}\n主要内容：路灯坏了",
        )
        for _ in range(2):
            _, answer = await send(house, "zhang", ("今日.csv", data), group="@zhang", message_id="i1", text=text)
        assert [reply["text"][:2] for reply in answer["replies"]] == ["收到", "✔ "]
        await said(house, "@zhang", "导入完成")
        assert "没有工单 #3" in await house.say("zhang", "/查 3")
        (message,) = [item for item in await house.messages("@zhang") if item.get("message_id") == "i1"]
        assert message["text"] == "附件：今日.csv\n/登记 …"


async def test_a_mistyped_command_beside_a_picture_is_told(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await house.orders(row(1))
        (notice,) = await house.notices()
        _, answer = await send(house, "zhang", ("a.png", png()), quote=notice["id"], text="/签受")
        stored, mistyped = (reply["text"] for reply in answer["replies"])
        assert "已存入 1 个附件" in stored
        assert "是否想用 /签收" in mistyped
        _, answer = await send(house, "zhang", ("a.png", png()), group="@zhang", text="1 现场照片")
        assert len(answer["replies"]) == 1


@pytest.mark.parametrize(
    ("person", "name", "data", "words"),
    [
        ("wang", "导出.csv", b"a,b\n", "导入工单由值班坐席操作"),
        ("zhang", "现场.png", png(), "要存到工单，请引用那件工单的消息再发"),
        ("zhang", "organisation.toml", b"[[people]]\n", "这里收工单表格（.xls .xlsx .csv）"),
        ("zhang", "空.csv", b"", "文件是空的"),
    ],
)
async def test_what_is_not_imported(
    sqlite_url: str, tmp_path: Path, person: str, name: str, data: bytes, words: str
) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        _, answer = await send(house, person, (name, data), group=f"@{person}")

        (reply,) = answer["replies"]
        assert reply["text"].startswith("✘")
        assert words in reply["text"]
        assert "\n" not in reply["text"]


async def test_a_program_named_as_a_table_is_called_one(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        _, answer = await send(house, "zhang", ("工单.xlsx", b"MZ\x90" + bytes(64)), group="@zhang")

        text = answer["replies"][0]["text"]
        assert "这是程序，不是能导入的表格" in text
        assert "要存到工单" not in text  # no order takes it either


async def test_a_table_that_is_none_is_told_at_its_end(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await send(house, "zhang", ("别的表.csv", "姓名,年龄\n李四,30\n".encode()), group="@zhang")

        assert (await said(house, "@zhang", "别的表.csv 没有导入")).endswith("新增 0 未变 0 变更 0 拒绝 0")


async def test_a_file_in_a_group_needs_an_order(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        _, answer = await send(house, "zhang", ("导出.csv", export(tmp_path, row(1))))

        assert "要导入工单，请在与我的私聊里发表格" in answer["replies"][0]["text"]
        assert "没有工单 #1" in await house.say("zhang", "/查 1")


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"person": "nobody"}, 404), ({"group": "nowhere"}, 404), ({"group": "@li"}, 403), ({"quote": "x"}, 400)],
)
async def test_who_says_what_where_is_settled_first(
    sqlite_url: str, tmp_path: Path, fields: dict[str, str], status: int
) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        assert (await send(house, **{"person": "zhang", **fields}))[0] == status  # type: ignore[arg-type]
        form = {"person": "zhang", **fields}
        assert (await send(house, form.pop("person"), ("a.png", png()), **form))[0] == status
        assert await house.messages() == []


async def test_too_large_is_refused_early_and_alone(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await house.orders(row(1))
        _, answer = await send(house, "zhang", ("大.png", bytes(11 << 20)), ("小.png", png()), text="1")
        assert "✘ 大.png：超过 10 MB，不收" in answer["replies"][0]["text"]
        assert "小.png · PNG 图片" in answer["replies"][0]["text"]

        monkeypatch.setattr(uploads, "MAX_BYTES", 0)
        status, answer = await send(house, "zhang", ("大.png", bytes(2 << 20)), text="1")
        assert (status, answer) == (413, {"error": "文件太大：一次的文件合起来要小于 200 MB，请分几次发"})


@pytest.mark.parametrize("group", ["dispatch", "@zhang"])
async def test_a_body_that_does_not_say_its_length_keeps_to_the_same_limit(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    """Whether the limit is passed by one file or by several; what comes after it is not waited for."""
    monkeypatch.setattr(uploads, "MAX_BYTES", 2 << 20)
    block = bytes(256 * 1024)

    async def body(each: int, boundary: str) -> AsyncIterator[bytes]:
        for name, value in (("person", "zhang"), ("group", group), ("text", "1" if group == "dispatch" else "")):
            yield f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for number in range(40):
            if number % each == 0:
                disposition = f'form-data; name="file"; filename="{number}.csv"'
                yield f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
            yield block
            if number % each == each - 1:
                yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await house.orders(row(1))
        before = _everything(tmp_path)
        for each in (40, 4):
            async with house.client.post("/console/files", data=body(each, "x"), headers=headers) as response:
                assert (response.status, await response.json()) == (
                    413,
                    {"error": "文件太大：一次的文件合起来要小于 200 MB，请分几次发"},
                )
        assert "附件" not in await house.say("zhang", "/查 1")
        assert _everything(tmp_path) == before


def _everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def _tables(folder: Path) -> list[Path]:
    return list(folder.glob("**/*.csv"))


async def test_an_export_over_the_limit_is_refused_in_a_private_chat_and_nothing_of_it_is_kept(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (uploads, dropped):
        monkeypatch.setattr(module, "MAX_BYTES", 1000)
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        _, answer = await send(house, "zhang", ("大.csv", b"x" * 1001), ("小.csv", b"x"), group="@zhang")
        large, small = (reply["text"] for reply in answer["replies"])
        assert large.startswith("✘ 大.csv：文件太大，只收小于 200 MB 的")
        assert "200 MB" not in small
    assert not _tables(tmp_path)


async def test_a_body_that_breaks_off(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        async with house.client.post("/console/files", data=b"--x\r\nbroken", headers=headers) as response:
            assert response.status == 400


async def test_an_import_that_died_is_told_at_the_next_start(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path, at(1, "09:00")) as house:
        dropped = house.service.router.dropped
        dropped._stopping.set()  # as if the process ended just after the answer
        await send(house, "zhang", ("今日导出.csv", export(tmp_path, row(1))), group="@zhang")
    async with opened(database_url, tmp_path, at(1, "09:10")) as house:
        assert "请再发一次" in await said(house, "@zhang", "今日导出.csv 没有导完")
    async with opened(database_url, tmp_path, at(1, "09:20")) as house:
        assert len([item for item in await house.messages("@zhang") if "没有导完" in item["text"]]) == 1


async def test_the_orders_page_gives_its_files_to_whom_it_may(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        await house.orders(row(1))
        await send(house, "zhang", ("现场<b>.png", png()), ("说明.txt", "已处理".encode()), text="1")
        base = "/orders/市/热线-260601-000001"
        async with house.client.get(f"{base}?person=zhang") as page:
            text = await page.text()
        assert "现场_b_.png" in text
        assert CALLER not in text

        async with house.client.get(f"{base}/attachments/2-1?person=gao") as response:
            assert (response.status, await response.read()) == (200, png())
            assert response.headers["Content-Type"] == "image/png"
            assert response.headers["Content-Disposition"].startswith("inline;")
            assert "sandbox" in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cache-Control"] == "no-store"
        async with house.client.get(f"{base}/attachments/2-2?person=gao") as response:
            assert response.headers["Content-Disposition"].startswith("attachment;")
        assert "打开附件" in await house.say("zhang", "/查 1")
        for path, headers, status in (
            ("/attachments/2-1?person=sun", {}, 403),
            ("/attachments/2-1", {}, 404),
            ("/attachments/2-9?person=gao", {}, 403),
            ("/attachments/x?person=gao", {}, 404),
            ("/attachments/2-1?person=gao", {"Sec-Fetch-Site": "cross-site"}, 403),
            ("/attachments/2-1?person=gao", {"Host": "elsewhere.test"}, 403),
        ):
            async with house.client.get(base + path, headers=headers) as response:
                assert response.status == status, path
