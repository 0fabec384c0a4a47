"""/绑定: an administrator's one-time code binds whoever gives it, and nobody else."""

import asyncio
import re
from datetime import timedelta

import pytest

from bot.platforms.contract import Incoming
from config.organisation import Organisation
from handlers.binding import LETTERS, code_text
from storage.tables import Binding, BindingCode, Event, Outbox
from storage.verify import verify
from tests.bot.test_reception import everything, rows
from tests.platforms.desk import GROUP_CHAT, account, opened, organisation
from tests.platforms.example_server import ExampleServer
from tests.street import sample_organisation

NEW, OTHER = "@new:example.test", "@other:example.test"
CHAT = "!new:example.test"


@pytest.fixture
async def server():
    async with ExampleServer() as server:
        yield server
        assert server.errors == []


def only(*people: str) -> Organisation:
    """The sample office, where only these people and the dispatch group are known on the platform."""
    known = organisation()
    return Organisation(
        [p if p.id in people else p.model_copy(update={"accounts": {}}) for p in known.people],
        known.departments,
        known.patches,
        known.communities,
        known.groups,
    )


@pytest.fixture
async def office(database_url, tmp_path, server):
    async with opened(database_url, tmp_path, server, only("admin", "li")) as office:
        yield office


async def code_for(office, what: str) -> str:
    (answer,) = await office.ask("admin", f"/绑定 {what}", chat=None)
    (code,) = re.findall(rf"一次码：([{LETTERS}]{{8}})\n", answer)
    return code


async def says(office, who: str, text: str, **more) -> str:
    """Somebody unknown writes; what they read then."""
    before = len(office.server.sent)
    await office.server.write(office.client, who, text, **more)
    await office.settle()
    to = more.get("chat") or f"@{who}"
    return "\n".join(message.text for message in office.server.sent[before:] if message.to == to)


async def test_a_person_gives_the_code_and_is_known_from_then_on(office, server):
    code = await code_for(office, "人 张坐席")
    assert (
        await says(office, NEW, "待办")
        == "抱歉，您不在本街道接诉即办的人员名单里，我不能为您办理。需要加入请联系系统管理员。"
    )
    typed = f"/绑定 {code[:4].lower()}-{code[4:]}"
    assert await says(office, NEW, typed) == "已绑定：您是张坐席。直接发命令，不用加斜杠；发 帮助 看能用的命令"
    assert "待办" in await says(office, NEW, "待办")

    assert office.service.office.routes.of_person("zhang") == ("matrix:@zhang",)
    assert "已绑定：张坐席，Matrix。不是您安排的，请发 /绑定 解除" in server.texts(f"@{account('admin')}")
    issued, bound = (event for event in rows(office, Event) if "绑定" in event.kind)
    assert (issued.kind, issued.actor, bound.kind) == ("发绑定码", "admin", "绑定")
    assert '"by":"admin"' in bound.body
    assert '"target":"zhang"' in bound.body
    with office.service.office.store.connect() as connection:
        assert verify(connection).problems == []


async def test_the_code_itself_is_stored_nowhere(office, server):
    code = await code_for(office, "人 张坐席")
    await says(office, NEW, f"/绑定 {code}")
    assert code not in everything(office)
    assert code.lower() not in everything(office)


async def test_a_group_is_bound_by_a_code_that_is_given_in_it(office, server):
    code = await code_for(office, "群 督办")
    assert await says(office, NEW, f"/绑定 {code}") == "这个一次码是绑定群“督办群（督办）”的：请在那个群里 @我 再发一次"
    answer = await says(office, NEW, f"绑定 {code}", chat=CHAT, mentioned=True)
    assert answer == "已绑定：这个群是督办群（督办）。在这里 @我 发命令，/帮助 看能用的命令"
    assert "matrix:supervision" in office.service.office.routes.of_group(
        office.service.office.organisation.group("supervision")
    )
    assert await says(office, account("li"), "/待办", chat=CHAT) != ""


async def test_a_persons_code_in_a_group_is_spoilt_because_all_have_read_it(office):
    code = await code_for(office, "人 张坐席")
    assert "已经作废" in await says(office, NEW, f"/绑定 {code}", chat=CHAT)
    assert "一次码不对" in await says(office, NEW, f"/绑定 {code}")
    assert rows(office, Binding) == []


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (timedelta(), "15分钟内有效"),
        (timedelta(milliseconds=300), "15分钟内有效"),
        (timedelta(seconds=59), "15分钟内有效"),
        (timedelta(minutes=1), "14分钟内有效"),
        (timedelta(minutes=14, seconds=59), "1分钟内有效"),
        (timedelta(minutes=15), "过了期"),
    ],
)
async def test_a_code_says_how_long_it_is_good_for_rounded_up(office, age, told):
    await code_for(office, "人 张坐席")
    (reference,) = (row.content["reveal"] for row in rows(office, Outbox) if "reveal" in (row.content or {}))
    whole, now = office.service.office, office.service.clock.now() + age
    assert told in whole.store.read(lambda scope: code_text(whole, scope, reference), now=now)


async def test_a_code_works_once_and_for_a_quarter_of_an_hour(office):
    used, late = await code_for(office, "人 张坐席"), await code_for(office, "人 张坐席")
    assert (await says(office, NEW, f"/绑定 {used}")).startswith("已绑定")
    assert "一次码不对、过了期或已经用过" in await says(office, OTHER, f"/绑定 {used}")
    clock = office.service.clock
    clock.move_to(clock.now() + timedelta(minutes=15))
    assert "一次码不对、过了期或已经用过" in await says(office, OTHER, f"/绑定 {late}")
    assert [row.native for row in rows(office, Binding)] == [NEW]
    await code_for(office, "人 张坐席")
    assert len(rows(office, BindingCode)) == 1  # what ran out is cleared away


async def test_the_same_message_again_binds_nothing_twice_and_counts_no_second_try(office, server):
    code = await code_for(office, "人 张坐席")
    told = {"id": "x1", "person": NEW, "text": f"/绑定 {code}"}
    wrong = {"id": "x2", "person": OTHER, "text": "/绑定 WRONGWRX"}
    for _ in range(6):
        for each in (told, wrong):
            async with await server.call(office.client, each) as answer:
                assert answer.status == 200
    await office.settle()
    assert len([event for event in rows(office, Event) if event.kind == "绑定"]) == 1
    assert len([text for text in server.texts(f"@{NEW}") if text.startswith("已绑定")]) == 1
    assert len(server.texts(f"@{OTHER}")) == 1
    assert "一次码不对" in await says(office, OTHER, "/绑定 WRONGWRX")


async def test_five_wrong_tries_lock_the_account_for_an_hour_and_no_other(office):
    code = await code_for(office, "人 张坐席")
    for number in range(5):
        assert "一次码不对" in await says(office, OTHER, f"/绑定 WRONG{number}")
    assert await says(office, OTHER, f"/绑定 {code}") == "一次码试错了 5 次，请 1小时后再试"
    clock = office.service.clock
    clock.move_to(clock.now() + timedelta(minutes=59))
    assert "请 1分钟后再试" in await says(office, OTHER, f"/绑定 {code}")
    clock.move_to(clock.now() + timedelta(minutes=1))
    fresh = await code_for(office, "人 张坐席")
    assert (await says(office, OTHER, f"/绑定 {fresh}")).startswith("已绑定")


async def test_an_account_has_one_person_and_a_chat_one_group(office):
    code = await code_for(office, "人 张坐席")
    assert await says(office, account("li"), f"/绑定 {code}") == "这个账号已经是李坐席：请系统管理员先解除原来的绑定"
    chat = await code_for(office, "群 督办群")
    answer = await says(office, NEW, f"/绑定 {chat}", chat=GROUP_CHAT)
    assert answer.startswith("这个群已经是派单工作群（派单）")
    assert rows(office, Binding) == []
    assert (await says(office, NEW, f"/绑定 {code}")).startswith("已绑定")  # it was not spoilt


async def test_a_new_account_takes_the_place_of_the_old_one_even_of_the_files(office):
    """A lost telephone: whoever has it is nobody any more, and nothing private goes there."""
    code = await code_for(office, "人 李坐席")
    assert (await says(office, NEW, f"/绑定 {code}")).startswith("已绑定：您是李坐席")
    assert "抱歉" in await says(office, account("li"), "待办")
    directory = office.service.office.routes.directory
    assert directory.account("matrix", "li") == NEW
    assert directory.person("matrix", account("li")) is None
    code = await code_for(office, "人 李坐席")
    assert "原来绑定的不再有效" in await says(office, OTHER, f"/绑定 {code}")
    assert [row.native for row in rows(office, Binding)] == [OTHER]


async def test_a_binding_is_undone(office):
    await says(office, NEW, f"/绑定 {await code_for(office, '人 张坐席')}")
    (answer,) = await office.ask("admin", "/绑定 解除 人 张坐席 Matrix", chat=None)
    assert answer.startswith("✔ 已解除：张坐席，Matrix")
    assert "抱歉" in await says(office, NEW, "待办")
    (answer,) = await office.ask("admin", "/绑定 解除 人 张坐席", chat=None)
    assert answer.startswith("✘ 张坐席没有用一次码绑定过")
    assert [event.kind for event in rows(office, Event)][-1] == "解除绑定"


async def test_what_is_bound_and_for_administrators_what_is_missing(office):
    assert (await office.ask("li", "/绑定", chat=None)) == [
        f"李坐席，您绑定的账号：\n  Matrix：{account('li')}（组织文件）"
    ]
    await says(office, NEW, f"/绑定 {await code_for(office, '人 张坐席')}")
    assert f"Matrix：{NEW}（09:00 绑定）" in await says(office, NEW, "/绑定")
    (answer,) = await office.ask("admin", "/绑定", chat=None)
    total = len(sample_organisation().people)
    assert f"Matrix：{total} 人，未绑定 {total - 3}：" in answer
    assert re.search(r"个群，未绑定 \d+：.*督办群", answer)


@pytest.mark.parametrize(
    ("who", "text", "answer"),
    [
        ("li", "/绑定 人 张坐席", "✘ 发一次码、解除绑定由系统管理员操作"),
        ("li", "/绑定 解除 人 张坐席", "✘ 发一次码、解除绑定由系统管理员操作"),
        ("admin", "/绑定 人", "✘ 缺少姓名"),
        ("admin", "/绑定 人 王五五", "✘ 没有叫“王五五”的人"),
        ("admin", "/绑定 群 不存在的群", "✘ 组织文件里没有叫“不存在的群”或作此用途的群"),
        ("admin", "/绑定 群 科室", "✘ “科室”是几个群"),
        ("admin", "/绑定 解除", "✘ 缺少要解除的"),
    ],
)
async def test_refusals_say_what_to_do(sqlite_url, tmp_path, server, who, text, answer):
    async with opened(sqlite_url, tmp_path, server, only("admin", "li")) as office:
        (said,) = await office.ask(who, text, chat=None)
        assert said.startswith(answer)


async def test_no_code_is_shown_in_a_group(office):
    (answer,) = await office.ask("admin", "/绑定 人 张坐席")
    assert "私聊" in answer
    assert rows(office, BindingCode) == []


async def test_two_at_once_with_one_code_only_one_is_bound(office, server):
    code = await code_for(office, "人 张坐席")
    receive = office.service.platforms["matrix"].wiring.receive
    said = await asyncio.gather(
        *(receive(Incoming("matrix", f"x{n}", None, f"@n{n}:example.test", f"/绑定 {code}")) for n in range(8))
    )
    assert sum(line.startswith("已绑定") for (line,) in said) == 1
    assert len(rows(office, Binding)) == 1
