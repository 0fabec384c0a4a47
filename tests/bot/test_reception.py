"""What comes in from chat platforms: known and unknown people, groups, repeats, answers and their way back."""

import asyncio
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.platforms.contract import Incoming, IncomingFile
from config.organisation import Organisation
from storage.columns import table
from storage.tables import AttachmentTable, Event, Inbox, Outbox, Seen
from tests.platforms.desk import GROUP_CHAT, account, opened
from tests.platforms.example_server import ExampleServer
from tests.street import CALLER, PHONE, row, sample_organisation

ROW = row()
WECOM = {
    "JIESU_WECOM__BOT_ID": "bot",
    "JIESU_WECOM__SECRET": "secret",
    "JIESU_WECOM__WS_URL": "ws://127.0.0.1:9",
}
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa7\x9a\xa0\xa0\x00\x00\x00\x00IEND\xaeB`\x82"
)
NO_DATA = ("抱歉，您不在本街道接诉即办的人员名单里，我不能为您办理。需要加入请联系系统管理员。",)


@pytest.fixture
async def server():
    async with ExampleServer() as server:
        yield server
        assert server.errors == []


@pytest.fixture
async def office(sqlite_url, tmp_path, server):
    async with opened(sqlite_url, tmp_path, server, JIESU_INTAKE__TOKEN="token") as office:
        yield office


def known_on(*platforms):
    sample = sample_organisation()
    people = [
        person.model_copy(update={"accounts": {platform: account(person.id) for platform in platforms}})
        for person in sample.people
    ]
    return Organisation(people, sample.departments, sample.patches, sample.communities, sample.groups)


async def arrives(office, *rows):
    """Orders come in, and what is told of them."""
    headers = {"Authorization": "Bearer token"}
    async with office.client.post("/api/orders", json=list(rows or [ROW]), headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    await office.settle()


def rows(office, model):
    return office.service.office.store.read(
        lambda scope: list(scope.connection.execute(sa.select(table(model)))), now=office.service.clock.now()
    )


def everything(office):
    """Every stored value, but for the vault, as one text."""
    with office.service.office.store.connect() as connection:
        names = [name for name in sa.inspect(connection).get_table_names() if name != "vault"]
        return json.dumps(
            [
                [str(value) for value in row]
                for name in names
                for row in connection.execute(sa.text(f'SELECT * FROM "{name}"'))
            ],
            ensure_ascii=False,
        )


async def test_a_command_in_a_group_is_answered_there_calls_the_person_and_answers_the_message(office, server):
    await arrives(office)
    before = len(server.sent)
    message = await office.write("zhang", "/签收 1")
    await office.settle()

    (answer,) = server.sent[before:]
    assert answer.text.startswith("✔ 【#1】已签收（张坐席")
    assert (answer.to, answer.calls, answer.answers) == (GROUP_CHAT, (account("zhang"),), message)


async def test_in_private_no_slash_is_needed_and_nobody_else_reads_the_answer(office, server):
    await arrives(office)
    before = len(server.sent)
    await office.write("zhang", "签收 1", chat=None)
    await office.settle()

    told = {message.to: message.text for message in server.sent[before:]}
    assert told[f"@{account('zhang')}"].startswith("✔ 【#1】")
    assert told[GROUP_CHAT] == "【#1】张坐席 已签收，待派单"


async def test_people_talking_in_a_group_are_left_alone_unless_they_mention_the_bot(office, server):
    assert await office.ask("zhang", "今天中午吃什么") == []
    (answer,) = await office.ask("zhang", "你好", mentioned=True)
    assert answer.startswith("张坐席，您好。")


async def test_a_repeated_message_changes_nothing_and_is_not_answered_twice(office, server):
    await arrives(office)
    told = {"id": "x1", "person": account("zhang"), "chat": GROUP_CHAT, "text": "/签收 1"}
    for _ in range(3):
        async with await server.call(office.client, told) as answer:
            assert answer.status == 200
    await office.settle()
    assert [text for text in server.texts() if text.startswith("✔")] == [server.texts()[1]]
    assert [event.kind for event in rows(office, Event)] == ["登记", "签收"]


async def test_revealed_data_reach_only_the_person_and_are_stored_nowhere(office, server):
    await arrives(office, row(主要内容=f"来电人{CALLER}，电话{PHONE}。" + "灯不亮。" * 400))
    assert "私聊" in (await office.ask("zhang", "/揭示 1 回访"))[0]
    before = len(server.sent)
    await office.write("zhang", "揭示 1 回访", chat=None)
    await office.settle()

    parts = server.sent[before:]
    assert len(parts) > 1
    assert all(part.to == f"@{account('zhang')}" for part in parts)
    assert [part.text.rsplit("\n", 1)[1] for part in parts] == [f"({n}/{len(parts)})" for n in range(1, len(parts) + 1)]
    assert PHONE in parts[0].text
    assert PHONE not in everything(office)
    assert not any(PHONE in text for text in server.texts(GROUP_CHAT))


async def test_a_quote_of_a_notice_or_an_answer_finds_its_order_and_of_a_list_asks_which(office, server):
    await arrives(office, row(1), row(2))
    first = next(message for message in server.sent if "#1】" in message.text)
    (signed, *_) = await office.ask("zhang", "/签收", quote=first.id)
    assert signed.startswith("✔ 【#1】")
    reply = next(message for message in server.sent if message.text == signed)
    assert (await office.ask("zhang", "/派单 城管科", quote=reply.id))[0].startswith("✔ 【#1】")
    await office.ask("zhang", "/签收 1 2")
    both = next(message for message in server.sent if message.text.startswith("✘ 【#1】"))
    (which,) = await office.ask("zhang", "/查", quote=both.id)
    assert which.startswith("✘ 引用的消息提到几件工单（#1、#2）")
    (unknown,) = await office.ask("zhang", "/签收", quote="somebody else's")
    assert unknown.startswith("✘ 引用的消息里没有工单")


async def test_a_picture_that_comes_with_a_quote_is_kept_with_the_order(office, server, tmp_path):
    await arrives(office)
    picture = tmp_path / "picture"
    picture.write_bytes(PNG)
    notice = server.sent[-1].id
    incoming = Incoming(
        "matrix",
        "f1",
        GROUP_CHAT,
        account("zhang"),
        "",
        quote=notice,
        files=(IncomingFile("现场.png", picture, len(PNG)),),
    )
    receive = office.service.platforms["matrix"].wiring.receive
    for _ in range(2):
        (answer,) = await receive(incoming)
        assert answer.startswith("✔ 【#1】")
    await office.settle()
    assert [message.text for message in server.sent[1:]] == [answer]
    assert [kept.name for kept in rows(office, AttachmentTable)] == ["现场.png"]


async def test_the_last_platform_somebody_wrote_on_is_remembered_over_a_restart(sqlite_url, tmp_path, server):
    people = known_on("wecom", "matrix")
    async with opened(sqlite_url, tmp_path, server, people, **WECOM) as office:
        assert office.service.office.routes.of_person("zhang") == ("wecom:@zhang",)
        await office.write("zhang", "/待办", chat=None)
        assert office.service.office.routes.of_person("zhang") == ("matrix:@zhang",)
        assert office.service.office.routes.of_person("li") == ("wecom:@li",)
    async with opened(sqlite_url, tmp_path, server, people, **WECOM) as office:
        assert office.service.office.routes.of_person("zhang") == ("matrix:@zhang",)
        assert office.service.office.routes.of_person("li") == ("wecom:@li",)


# Who is not known


@pytest.mark.parametrize("text", ["查 1", f"我叫{CALLER}，电话{PHONE}", "/揭示 1 看看", "/绑定", "", "/" * 50])
async def test_who_is_not_in_the_organisation_gets_one_polite_line_and_no_data(office, server, text):
    await arrives(office)
    before = len(server.sent)
    await server.write(office.client, "@stranger:elsewhere", text)
    await server.write(office.client, "@stranger:elsewhere", "查 1")
    await office.settle()

    assert [(message.to, message.text) for message in server.sent[before:]] == [("@@stranger:elsewhere", *NO_DATA)]
    assert all(person == "" and text == "" for person, text in [(r.person, r.text) for r in rows(office, Inbox)])
    assert PHONE not in everything(office)
    assert CALLER not in everything(office)


async def test_the_polite_line_comes_once_an_hour_and_a_repeat_gets_its_own_answer(office, server):
    told = {"id": "s1", "person": "@stranger:elsewhere", "text": "你好"}
    async with await server.call(office.client, told) as answer:
        assert answer.status == 200
    office.service.clock.move_to(office.service.clock.now() + timedelta(hours=2))
    async with await server.call(office.client, told) as answer:  # the platform repeats what it thinks was lost
        assert answer.status == 200
    await office.settle()
    assert server.texts() == list(NO_DATA)
    await server.write(office.client, "@stranger:elsewhere", "还在吗")
    await office.settle()
    assert server.texts() == list(NO_DATA) * 2
    assert len([r for r in rows(office, Seen) if r.platform.startswith("礼貌")]) == 1


async def test_a_stranger_in_a_group_is_answered_only_when_speaking_to_the_bot(office, server):
    await server.write(office.client, "@stranger:elsewhere", "/签收 1 张三 13800001234", chat=GROUP_CHAT)
    await office.settle()
    assert server.sent == []
    assert rows(office, Inbox) == []
    await server.write(office.client, "@stranger:elsewhere", "签收 1", chat=GROUP_CHAT, mentioned=True)
    await office.settle()
    assert server.texts(GROUP_CHAT) == list(NO_DATA)


async def test_a_group_without_a_purpose_takes_no_command(office, server):
    await arrives(office)
    assert await office.ask("zhang", "/签收 1", chat="!other:example.test") == []
    (line,) = await office.ask("zhang", "签收 1", chat="!other:example.test", mentioned=True)
    assert line.startswith("这个群还没有设定用途")
    assert [event.kind for event in rows(office, Event)] == ["登记"]


# What the store does not take


RUBBISH = ("\x00", "\ud800", "a\x00b\udfff", "长" * 5000, "", "=@x", "%_\\", "\u202e\u2028")


async def test_rubbish_in_any_field_is_taken_without_a_fault(database_url, tmp_path, server):
    async with opened(database_url, tmp_path, server) as office:
        for field in ("id", "chat", "person", "text", "quote"):
            for number, rubbish in enumerate(RUBBISH):
                told = {
                    "id": f"{field}{number}",
                    "chat": GROUP_CHAT,
                    "person": account("zhang"),
                    "text": "/签收 1",
                    "quote": "q",
                    "mentioned": True,
                }
                body = json.dumps(told | {field: rubbish}).encode()
                async with await server.call(office.client, body) as answer:
                    assert answer.status == 200
        assert await office.ask("zhang", "/待办", chat=None) != []
        assert not any("系统出错" in text for text in server.texts())
        assert len(rows(office, Inbox)) == 5 * len(RUBBISH) + 1


_text = st.one_of(
    st.text(st.characters(), max_size=60),
    st.sampled_from(["/签收 1", "查 1", "/绑定 ABCDEFGH", "/登记 x", "@机器人 派单 1 城管科"]),
)
_ids = st.one_of(
    st.none(), st.text(st.characters(), max_size=8), st.sampled_from([GROUP_CHAT, account("zhang"), account("admin")])
)


@st.composite
def messages(draw):
    return Incoming(
        "matrix",
        draw(st.text(st.characters(), max_size=3)),
        draw(_ids),
        draw(_ids) or "",
        draw(_text),
        quote=draw(_ids),
        quote_text=draw(st.one_of(st.none(), _text)),
        mentioned=draw(st.booleans()),
        button=draw(st.booleans()),
        reply=draw(
            st.one_of(st.none(), st.dictionaries(st.text(max_size=3), st.text(st.characters(), max_size=9), max_size=2))
        ),
    )


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(messages(), min_size=10, max_size=40))
def test_whatever_is_written_is_taken_or_ignored_and_twice_is_once(new_sqlite_url, tmp_path, written):
    async def all_of_it():
        async with ExampleServer() as server, opened(new_sqlite_url(), tmp_path, server) as office:
            receive = office.service.platforms["matrix"].wiring.receive
            first = [await receive(incoming) for incoming in written]
            stored = len(rows(office, Outbox)), len(rows(office, Event))
            again = [await receive(incoming) for incoming in written]
            assert (len(rows(office, Outbox)), len(rows(office, Event))) == stored
            assert again == first
            assert not any("系统出错" in line for lines in first for line in lines)

    asyncio.run(all_of_it())
