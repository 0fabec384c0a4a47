"""The bot by WebSocket, against a gateway that the official client has checked."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from loguru import logger
from pydantic import SecretStr

from bot.platforms import taking
from bot.platforms.contract import Action, Mention, Outcome, Outgoing, OutgoingFile, Table, Wiring
from bot.platforms.posting import webhook_session
from bot.platforms.taking import MOST_OF_ONE
from bot.platforms.wecom import cards, connect
from bot.platforms.wecom.chat import BotChat
from bot.platforms.wecom.socket import KICKED, LONGEST, Socket
from config.settings import load_settings
from tests.platforms.official_wecom import WSClient, WSClientOptions
from tests.platforms.wecom_gateway import BOT, SECRET, FakeGateway

ZHANG = Mention("zhang", "张三", "zhangsan")
LI = Mention("li", "李四")
SIGN = Action("签收", "/签收 12")
DISPATCH = Action("派单", "/派单 12", (("城管科", "chengguan"), ("平安办", "pingan")))


@pytest.fixture
async def gateway():
    async with FakeGateway() as gateway:
        yield gateway
        assert gateway.errors == []


async def eventually(condition):
    """Wait for something that our own tasks bring about, for a moment."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody is told when it happens
            await asyncio.sleep(0.005)


class Bot:
    """Our side: the platform with its socket running, and what it received."""

    def __init__(self, platform, received, pauses):
        self.platform = platform
        self.received = received
        self.pauses = pauses
        self.replies = ["✔ 【#12】 已签收（张三 12:00）\n派单时限：今天 12:30"]
        self.offers = ()
        self.arrived = asyncio.Event()

    async def receive(self, incoming):
        files = [file.path.read_bytes() for file in incoming.files]
        self.received.append((incoming, files))
        self.arrived.set()
        return self.replies

    async def offered(self, incoming):
        assert incoming.button
        return self.offers

    async def next(self):
        async with asyncio.timeout(10):
            await self.arrived.wait()
        self.arrived.clear()
        return self.received[-1][0]


@contextlib.asynccontextmanager
async def bot_on(gateway, tmp_path, features="markdown_v2,template_card", **environ):
    variables = {
        "JIESU_DATA_DIR": str(tmp_path),
        "JIESU_WECOM__BOT_ID": BOT,
        "JIESU_WECOM__SECRET": SECRET,
        "JIESU_WECOM__WS_URL": gateway.url,
        "JIESU_WECOM__FEATURES": features,
    }
    bot = Bot(None, [], [])

    async def lead(name, work):
        assert name == "socket:wecom"
        await work()

    async def rest(span):
        bot.pauses.append(span)
        await asyncio.sleep(0)

    async with webhook_session() as session:
        settings = load_settings(None, variables | environ)
        wiring = Wiring(settings, session, bot.receive, None, lead, lambda: datetime.now(UTC), offered=bot.offered)
        bot.platform = connect(wiring)
        bot.platform._socket._rest = rest
        task = asyncio.create_task(bot.platform.run())
        try:
            async with asyncio.timeout(10):
                await gateway.subscribed.wait()
            await eventually(lambda: bot.platform._socket.ready)
            yield bot
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def bot(gateway, tmp_path):
    async with bot_on(gateway, tmp_path) as bot:
        yield bot


# The gateway itself, asked by the official client


async def test_the_gateway_is_one_to_the_official_client(gateway):
    client = WSClient(WSClientOptions(bot_id=BOT, secret=SECRET, ws_url=gateway.url, heartbeat_interval=20))
    frames = asyncio.Queue()
    client.on("message.text", frames.put_nowait)
    client.on("event.template_card_event", frames.put_nowait)
    await client.connect()
    async with asyncio.timeout(10):
        await gateway.subscribed.wait()
        await gateway.say("/查 12")
        frame = await frames.get()
        assert frame["body"]["text"]["content"] == "@助手 /查 12"
        await client.reply_stream(frame, "s1", "答", finish=True)
        with pytest.raises(RuntimeError, match="846608"):
            await client.reply_stream(frame, "s1", "答", finish=True)
        with pytest.raises(RuntimeError, match="40058"):
            await client.reply_stream(frame, "s2", "答" * 7000, finish=True)
        await client.send_message("wr-dispatch", {"msgtype": "markdown", "markdown": {"content": "通知"}})
        with pytest.raises(RuntimeError, match="846604"):
            await client.send_message("wr-unknown", {"msgtype": "markdown", "markdown": {"content": "通知"}})
        card = {"card_type": "button_interaction", "main_title": {"title": "工单"}, "task_id": "T1"}
        card["button_list"] = [{"text": "签收", "key": "/签收 12"}]
        await client.send_message("wr-dispatch", {"msgtype": "template_card", "template_card": card})
        await gateway.press("T1", "/签收 12")
        press = await frames.get()
        with pytest.raises(RuntimeError, match="846605"):
            await client.reply_stream(press, "s3", "答", finish=True)
        after = {"card_type": "text_notice", "main_title": {"title": "已签收"}, "task_id": "T1"}
        await client.update_template_card(press, after | {"card_action": {"type": 1, "url": "https://x.example"}})
        await gateway.until(lambda: gateway.pings > 0)
    client.disconnect()
    await client._ws_manager._async_disconnect()
    assert [one.kind for one in gateway.said] == ["stream", "markdown", "template_card"]


async def test_the_gateway_lets_in_whom_it_knows(gateway, tmp_path):
    errors = []
    client = WSClient(WSClientOptions(bot_id=BOT, secret="wrong", ws_url=gateway.url))
    known = asyncio.Event()
    client.on("error", lambda error: (errors.append(str(error)), known.set()))
    await client.connect()
    async with asyncio.timeout(10):
        await known.wait()
    client.disconnect()
    await client._ws_manager._async_disconnect()
    assert "853000" in errors[0]


# Messages and answers


async def test_a_question_is_answered_where_it_was_asked(gateway, bot):
    request = await gateway.say("/查 12", quote={"msgtype": "text", "text": {"content": "【#12】"}})
    incoming = await bot.next()
    assert (incoming.chat, incoming.account, incoming.quote_text) == ("wr-dispatch", "zhangsan", "【#12】")
    assert (incoming.mentioned, incoming.reply) == (True, {"req_id": request})

    chat = bot.platform.chat("wr-dispatch")
    for key in (1, 2):
        (part,) = chat.parts(Outgoing(key, "【#12】 待派单", (ZHANG, LI), reply=incoming.reply))
        assert (await chat.send(part)).outcome is Outcome.SENT

    assert [(one.command, one.content) for one in gateway.said] == [
        ("aibot_respond_msg", "【#12】 待派单\n@李四\n<@zhangsan>"),
        ("aibot_send_msg", "【#12】 待派单\n@李四\n<@zhangsan>"),
    ]


async def test_an_answer_to_a_question_long_gone_goes_out_by_itself(gateway, bot):
    await gateway.say("/查 12")
    chat = bot.platform.chat("wr-dispatch")

    assert (await chat.send(Outgoing(1, "答", reply={"req_id": "R-of-another-life"}))).outcome is Outcome.SENT
    assert gateway.refused == [846605]
    assert [one.command for one in gateway.said] == ["aibot_send_msg"]


async def test_what_is_private_goes_to_the_single_chat(gateway, bot):
    await gateway.say("待办", chat=None)
    incoming = await bot.next()
    assert (incoming.chat, incoming.mentioned) == (None, False)

    assert (await bot.platform.person("zhangsan").send(Outgoing(1, "您的电话是…"))).outcome is Outcome.SENT
    assert (await bot.platform.person("nobody").send(Outgoing(2, "x"))).outcome is Outcome.CLOSED
    assert [one.chat for one in gateway.said] == ["zhangsan"]


async def test_a_text_calls_nobody_and_has_no_markup_of_its_own(gateway, bot):
    await gateway.say("/查 12")
    await bot.platform.chat("wr-dispatch").send(
        Outgoing(1, "来电人说 <@wangqing> @all **急** [看](https://evil.example)")
    )

    assert gateway.said[0].content == "来电人说 <＠wangqing> ＠all ＊＊急＊＊ [看］(https://evil.example)"


async def test_long_texts_tables_and_markdown(gateway, bot):
    await gateway.say("/统计")
    chat = bot.platform.chat("wr-dispatch")
    table = Table(("科室", "件数"), (("城管科", "3"),))
    messages = [
        Outgoing(1, "【#12】 长\n" + "居民反映路灯不亮。\n" * 1000, (ZHANG,)),
        Outgoing(2, "统计\n城管科 3", markdown="**统计**", table=table),
        Outgoing(3, "统计\n城管科 3", markdown="**统计**", table=table, plain=True),
    ]
    for message in messages:
        for part in chat.parts(message):
            assert (await chat.send(part)).outcome is Outcome.SENT

    contents = [one.content for one in gateway.said]
    assert len(contents) == 4
    assert contents[0].endswith("(1/2)\n<@zhangsan>") and contents[1].startswith("【#12】（续）")
    assert contents[2] == "**统计**\n\n| 科室 | 件数 |\n| --- | --- |\n| 城管科 | 3 |"
    assert contents[3] == "统计\n城管科 3"


async def test_a_picture_and_a_file_follow_in_pieces(gateway, bot):
    await gateway.say("/日报")
    chat = bot.platform.chat("wr-dispatch")
    data = bytes(range(256)) * 5000
    for file in (OutgoingFile("日报.png", "image/png", b"\x89PNG"), OutgoingFile("周报.xlsx", "application/zip", data)):
        for part in chat.parts(Outgoing(1, "【报表】\n全文", file=file)):
            assert (await chat.send(part)).outcome is Outcome.SENT

    assert [one.kind for one in gateway.said] == ["markdown", "image", "markdown", "file"]
    assert (gateway.said[1].content, gateway.said[3].content) == (b"\x89PNG", data)
    assert len(chat.parts(Outgoing(1, "x", file=file, plain=True))) == 1


@pytest.mark.parametrize("behaviours", [(-1,), (0, 40006), (0, 0, 45009), ("hang",), (0, "cut_after")], ids=str)
async def test_a_failed_upload_leaves_nothing_in_the_chat(gateway, bot, behaviours):
    await gateway.say("/日报")
    bot.platform._socket._answered = 0.2
    gateway.then(*behaviours)
    file = OutgoingFile("周报.xlsx", "application/zip", b"123456")

    answer = await bot.platform.chat("wr-dispatch").send(Outgoing(1, "周报", file=file))

    assert answer.outcome in (Outcome.RETRY, Outcome.RETRY_AFTER, Outcome.PERMANENT)
    assert gateway.said == []


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (45009, Outcome.RETRY_AFTER),
        (-1, Outcome.RETRY),
        (7654321, Outcome.UNKNOWN),
        ("cut_after", Outcome.UNKNOWN),
        ("cut", Outcome.UNKNOWN),
        ("hang", Outcome.UNKNOWN),
    ],
)
async def test_what_becomes_of_a_frame(gateway, bot, behaviour, outcome):
    await gateway.say("/查 12")
    bot.platform._socket._answered = 0.2
    gateway.then(behaviour)

    answer = await bot.platform.chat("wr-dispatch").send(Outgoing(1, "通知"))

    assert answer.outcome is outcome
    assert answer.bucket == ("wecom:wr-dispatch" if behaviour == 45009 else None)
    assert len(gateway.said) == (behaviour in ("cut_after", "hang"))


async def test_without_a_connection_nothing_is_lost_and_nothing_sent(tmp_path):
    async with webhook_session() as session:
        line = Socket(session, "ws://127.0.0.1:1", BOT, SecretStr(SECRET), None)
        chat = BotChat(line, "wr1", 2, ())
        assert not chat.ready
        reply = {"req_id": "R1"}
        assert (await chat.send(Outgoing(1, "通知", reply=reply))).outcome is Outcome.RETRY
        assert list(chat._answered) == []
        assert SECRET not in repr(vars(line))


# Cards


async def sent_card(gateway, bot, *actions):
    await gateway.say("/查 12")
    await bot.next()
    chat = bot.platform.chat("wr-dispatch")
    for part in chat.parts(Outgoing(7, "【#12】 新工单\n桃花巷路灯不亮", (ZHANG,), actions=actions)):
        assert (await chat.send(part)).outcome is Outcome.SENT
    text, card = gateway.said[-2:]
    assert (text.kind, card.kind) == ("markdown", "template_card")
    return card.content


@pytest.mark.parametrize(
    ("secret", "away", "told"),
    [
        ("wrong", False, "企业微信不让机器人登录（错误码 853000），请核对 JIESU_WECOM__BOT_ID 和 JIESU_WECOM__SECRET"),
        (SECRET, True, "连不上（ClientConnectorError），请检查网络、防火墙和 JIESU_WECOM__WS_URL"),
    ],
)
async def test_why_there_is_no_connection_is_told_with_the_setting_to_mend(gateway, secret, away, told):
    tried = asyncio.Event()

    async def rest(span):
        tried.set()
        await asyncio.Event().wait()

    async def take(body, request):
        raise AssertionError("nothing comes in")

    async with webhook_session() as session:
        url = "ws://127.0.0.1:1" if away else gateway.url
        socket = Socket(session, url, BOT, SecretStr(secret), take, rest=rest)
        task = asyncio.create_task(socket.run())
        async with asyncio.timeout(10):
            await tried.wait()
        assert (socket.ready, socket.reason) == (False, told)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_connection_that_stands_has_no_reason(bot):
    assert bot.platform.connected and bot.platform.reason == ""


async def test_a_button_is_its_command_and_the_card_shows_who_did_it(gateway, bot):
    card = await sent_card(gateway, bot, SIGN, DISPATCH)
    assert card["main_title"]["title"] == "【#12】 新工单"
    assert [(button["text"], button["key"]) for button in card["button_list"]] == [
        ("签收", "/签收 12"),
        ("派单", "/派单 12"),
    ]
    assert [option["text"] for option in card["button_selection"]["option_list"]] == ["城管科", "平安办"]

    await gateway.press(card["task_id"], "/签收 12")
    incoming = await bot.next()
    await gateway.until(lambda: gateway.updates != [])

    assert (incoming.text, incoming.button, incoming.account, incoming.chat) == (
        "/签收 12",
        True,
        "zhangsan",
        "wr-dispatch",
    )
    assert incoming.reply is None
    (update,) = gateway.updates
    assert "userids" not in update
    assert update["template_card"]["main_title"]["title"] == "✔ 【#12】 已签收（张三 12:00）"


async def test_a_choice_is_appended_to_its_command(gateway, bot):
    card = await sent_card(gateway, bot, SIGN, DISPATCH)
    await gateway.press(card["task_id"], "/派单 12", chosen="pingan")

    assert (await bot.next()).text == "/派单 12 pingan"


async def test_a_pressed_card_goes_on_to_the_next_step_under_its_task_id(gateway, bot):
    card = await sent_card(gateway, bot, SIGN)
    bot.offers = (DISPATCH,)
    await gateway.press(card["task_id"], "/签收 12")
    await gateway.until(lambda: len(gateway.updates) == 1)
    bot.offers = ()
    await gateway.press(card["task_id"], "/派单 12", chosen="pingan")
    await gateway.until(lambda: len(gateway.updates) == 2)

    assert bot.received[-1][0].text == "/派单 12 pingan"
    moved, over = (update["template_card"] for update in gateway.updates)
    assert moved["task_id"] == over["task_id"] == card["task_id"]
    assert moved["main_title"]["title"] == "✔ 【#12】 已签收（张三 12:00）"
    assert [button["key"] for button in moved["button_list"]] == ["/派单 12"]
    assert moved["button_selection"]["question_key"] == "/派单 12"
    assert [option["id"] for option in moved["button_selection"]["option_list"]] == ["chengguan", "pingan"]
    assert (over["card_type"], "button_list" in over) == ("text_notice", False)
    assert gateway.refused == []


async def test_a_card_that_is_slow_to_change_keeps_nobody_from_going_on(gateway, bot):
    card = await sent_card(gateway, bot, SIGN)
    asked, let = asyncio.Event(), asyncio.Event()
    ask = bot.platform._socket.ask

    async def slow(command, *more):
        if command == "aibot_respond_update_msg":
            asked.set()
            await let.wait()
        return await ask(command, *more)

    bot.platform._socket.ask = slow
    await gateway.press(card["task_id"], "/签收 12")
    assert (await bot.next()).text == "/签收 12"
    await asked.wait()
    await gateway.say("/查 12")
    assert "/查 12" in (await bot.next()).text
    let.set()
    await gateway.until(lambda: gateway.updates != [])


@pytest.mark.parametrize("reply", ["✘ 【#12】 已经签收", "您不在本单位的人员里"])
async def test_a_press_that_does_nothing_leaves_the_card_to_others(gateway, bot, reply):
    card = await sent_card(gateway, bot, SIGN)
    bot.replies = [reply]
    await gateway.press(card["task_id"], "/签收 12")
    first = await bot.next()
    await gateway.press(card["task_id"], "/签收 12", person="lisi")
    second = await bot.next()

    assert first.message_id != second.message_id
    assert gateway.updates == []


async def test_a_button_of_another_time_is_refused_politely_for_who_pressed_it(gateway, bot):
    await gateway.press("some-old-card", "done")
    await gateway.until(lambda: gateway.updates != [])

    assert bot.received == []
    (update,) = gateway.updates
    assert update["userids"] == ["zhangsan"]
    assert "失效" in update["template_card"]["main_title"]["title"]


async def test_pressed_cards_and_messages_of_a_full_minute_keep_to_the_conversations_limit(gateway, bot):
    for number in range(10):
        await gateway.press(f"old-{number}", "done")
    (minute, _) = bot.platform.chat("wr-dispatch").limits
    await gateway.until(lambda: len(gateway.updates) == 6)
    for number in range(minute.count):
        assert (await bot.platform.chat("wr-dispatch").send(Outgoing(number, "通知"))).outcome is Outcome.SENT

    assert (len(gateway.updates), gateway.refused) == (6, [])


def test_changes_of_cards_are_counted_for_each_conversation_by_minute_and_hour():
    now = [0.0]
    changes = cards.Changes(lambda: now[0])
    assert [changes.take("a") for _ in range(7)] == [True] * 6 + [False]
    assert changes.take("b")
    taken = 6
    for minute in range(1, 60):
        now[0] = 60.0 * minute
        taken += sum(changes.take("a") for _ in range(7))
    assert taken == 50
    now[0] = 3600.0
    assert [changes.take("a") for _ in range(7)] == [True] * 6 + [False]


async def test_there_are_no_cards_where_they_are_not_shown(gateway, bot, tmp_path):
    message = Outgoing(7, "【#12】 新工单", actions=(SIGN,))
    assert len(bot.platform.chat("wr1").parts(replace(message, plain=True))) == 1
    async with webhook_session() as session:
        line = Socket(session, gateway.url, BOT, SecretStr(SECRET), None)
        assert [part.actions for part in BotChat(line, "wr1", 2, ("markdown_v2",)).parts(message)] == [()]


# The line


async def test_a_line_that_is_sent_elsewhere_is_not_followed(session, elsewhere):
    rested = asyncio.Event()

    async def rest(span):
        rested.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(Socket(session, elsewhere.url, BOT, SecretStr(SECRET), None, rest=rest).run())
    async with asyncio.timeout(10):
        await rested.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert (elsewhere.sent_on, elsewhere.asked) == (1, [])


async def test_a_line_that_is_cut_between_frames_is_opened_again(gateway, bot):
    await gateway.say("/签收 12")
    first = await bot.next()
    gateway.subscribed.clear()
    gateway.cut()
    async with asyncio.timeout(10):
        await gateway.subscribed.wait()
    again = {"msgid": first.message_id}
    await gateway.say("/签收 12", **again)

    assert (await bot.next()).message_id == first.message_id
    assert gateway.connections == 2
    assert len(bot.pauses) == 1 and bot.pauses[0] < timedelta(seconds=2)


async def test_who_is_ended_by_another_replica_does_not_fight(gateway, bot, tmp_path):
    async with bot_on(gateway, tmp_path) as other:
        await eventually(lambda: KICKED in bot.pauses)
        assert not bot.platform.chat("wr1").ready
        assert other.platform.chat("wr1").ready
        assert (gateway.connections, bot.pauses, other.pauses) == (2, [KICKED], [])
        await gateway.say("/查 12")
        await other.next()
        assert bot.received == []


async def test_two_pings_without_an_answer_end_the_line(gateway, tmp_path):
    async with bot_on(gateway, tmp_path) as bot:
        bot.platform._socket._ping = 0.02
        gateway.answers_pings = False
        gateway.subscribed.clear()
        gateway.cut()
        await gateway.until(lambda: gateway.pings == 2)
        await eventually(lambda: gateway.connections > 2)


async def test_a_bot_that_is_not_let_in_tries_again_ever_more_slowly(gateway, tmp_path, monkeypatch):
    gateway.then(*[-5] * 8)
    async with bot_on(gateway, tmp_path) as bot:
        pauses = [pause.total_seconds() for pause in bot.pauses]

    assert gateway.connections == 9
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST.total_seconds()


@pytest.mark.parametrize(
    "data",
    [
        "",
        "x",
        "[]",
        "null",
        "1" * 5000,
        "[" * 5000,
        b"\xff\xfe",
        '{"cmd":"aibot_msg_callback"}',
        '{"headers":[]}',
        '{"headers":{"req_id":{}},"errcode":0}',
        '{"cmd":"aibot_msg_callback","headers":{"req_id":1},"body":{"msgid":{}}}',
        '{"cmd":"aibot_event_callback","body":{"msgtype":"event","event":[]}}',
        '{"cmd":"new_thing","body":{}}',
    ],
    ids=lambda data: str(data[:40]),
)
async def test_no_frame_is_a_fault(gateway, bot, data):
    await gateway.send_raw(data)
    await gateway.say("/查 12")

    assert (await bot.next()).text == "@助手 /查 12"
    assert gateway.connections == 1


async def test_what_was_taken_is_stored_before_the_end(gateway, tmp_path):
    async with bot_on(gateway, tmp_path) as bot:
        stored = asyncio.Event()
        begun = asyncio.Event()

        async def slow(incoming):
            begun.set()
            await asyncio.sleep(0.05)
            stored.set()
            return []

        object.__setattr__(bot.platform._wiring, "receive", slow)
        await gateway.say("/签收 12")
        async with asyncio.timeout(10):
            await begun.wait()
    assert stored.is_set()


async def test_what_is_lost_for_want_of_room_is_named_in_the_log_for_nothing_brings_it_again(bot):
    let, told = asyncio.Event(), []

    async def slow(incoming):
        await let.wait()
        return []

    object.__setattr__(bot.platform._wiring, "receive", slow)
    said = {"chattype": "single", "from": {"userid": "zhangsan"}, "msgtype": "text", "text": {"content": "/待办"}}
    sink = logger.add(lambda line: told.append(line.record["message"]), level="ERROR")
    try:
        for number in range(MOST_OF_ONE + 1):
            await bot.platform._take_frame(said | {"msgid": f"M{number}"}, f"r{number}")
    finally:
        logger.remove(sink)
        let.set()
    (line,) = told
    assert f"message M{MOST_OF_ONE} is lost" in line


async def test_a_press_that_is_given_up_is_named_in_the_log(bot, monkeypatch):
    told, begun = [], asyncio.Event()

    async def never(incoming):
        begun.set()
        await asyncio.Event().wait()

    object.__setattr__(bot.platform._wiring, "receive", never)
    monkeypatch.setattr(taking, "GRACE", timedelta(0))
    event = {"eventtype": "template_card_event", "template_card_event": {"task_id": "T1", "event_key": "/签收 12"}}
    body = {"msgid": "P1", "chattype": "single", "from": {"userid": "zhangsan"}, "msgtype": "event", "event": event}
    await bot.platform._take_frame(body, "r1")
    sink = logger.add(lambda line: told.append(line.record["message"]), level="ERROR")
    try:
        await bot.platform._taking.stop()
    finally:
        logger.remove(sink)
    (line,) = told
    assert line.startswith("message press-")
