"""A whole office on WeCom: commands by the bot's WebSocket, alerts by a group robot, replicas that take over."""

import asyncio
import contextlib
import re
from collections import Counter
from datetime import timedelta

import pytest
from pydantic import SecretStr

from bot.desk import Desk
from bot.leases import Leases
from bot.platforms.contract import Action, Outgoing, Wiring
from bot.platforms.posting import webhook_session
from bot.platforms.wecom import connect
from bot.platforms.wecom.chat import BotChat
from bot.platforms.wecom.socket import Socket
from bot.service import open_office, running
from config.organisation import Organisation
from config.settings import load_settings
from storage.outbox import Priority
from storage.tables import Attempt
from tests.bot.delivery_desk import ROBOT, HandClock, house
from tests.conftest import KEY
from tests.platforms.wecom_gateway import BOT, SECRET, FakeGateway
from tests.platforms.wecom_server import FakeWeCom
from tests.street import at, row, sample_organisation

CHAT = "wr-dispatch"
REGISTER = "/登记\n" + "\n".join(f"{name}：{value}" for name, value in row(1).items() if value)


@pytest.fixture
async def gateway():
    async with FakeGateway() as gateway:
        yield gateway
        assert gateway.errors == []


def organisation():
    sample = sample_organisation()
    people = [person.model_copy(update={"accounts": {"wecom": person.id}}) for person in sample.people]
    groups = [
        group.model_copy(update={"chats": {"wecom": CHAT} if group.id == "dispatch" else {}, "robots": ()})
        for group in sample.groups
    ]
    return Organisation(people, sample.departments, sample.patches, sample.communities, groups)


def environ(gateway, folder, **more):
    return {
        "JIESU_DATA_DIR": str(folder),
        "JIESU_WECOM__BOT_ID": BOT,
        "JIESU_WECOM__SECRET": SECRET,
        "JIESU_WECOM__WS_URL": gateway.url,
        **more,
    }


@contextlib.asynccontextmanager
async def office_on(gateway, url, folder):
    settings = load_settings(
        None,
        environ(
            gateway,
            folder,
            JIESU_DATABASE_URL=url,
            JIESU_CLOCK__START=at(1).isoformat(),
            JIESU_CLOCK__SPEED="0",
            JIESU_VAULT__KEY=KEY.hex(),
        ),
    )
    office = open_office(settings, organisation(), live=True)
    try:
        async with running(office) as service:
            async with asyncio.timeout(10):
                await gateway.subscribed.wait()
            yield service
    finally:
        office.store.close()


async def test_a_morning_on_wecom(gateway, database_url, tmp_path):
    async with office_on(gateway, database_url, tmp_path) as service:

        async def ask(person, text, chat=CHAT, **more):
            before = len(gateway.said)
            await gateway.say(text, person, chat, **more)
            await gateway.until(lambda: len(gateway.said) > before)
            await service.delivery.drain()
            return gateway.said[before:]

        (*_, told) = await ask("zhang", REGISTER)
        assert any(one.command == "aibot_respond_msg" for one in gateway.said)
        chat = service.platforms["wecom"].chat(CHAT)
        _, card = chat.parts(Outgoing(1000, "【#1】 新工单", actions=(Action("签收", "/签收 1"),)))
        await chat.send(card)
        await gateway.press(gateway.said[-1].content["task_id"], "/签收 1", "who-is-this")
        await gateway.until(lambda: gateway.said[-1].kind == "markdown")
        assert gateway.updates == [], "who is none of ours changes nothing"
        await gateway.press(gateway.said[-2].content["task_id"], "/签收 1", "zhang")
        await gateway.until(lambda: gateway.updates != [] and "已签收" in str(gateway.said[-1].content))
        (update,) = gateway.updates
        assert re.match("✔ .*已签收（张", update["template_card"]["main_title"]["title"])
        assert "<@zhang>" in gateway.said[-1].content

        quote = {"msgtype": "text", "text": {"content": "【#1】 新工单\n桃花巷"}}
        answers = await ask("zhang", "派单 城管科", quote=quote, msgid="CAIQ-dispatch")
        assert any("城管科" in one.content for one in answers)
        count = len(gateway.said)
        await gateway.say("派单 城管科", "zhang", CHAT, quote=quote, msgid="CAIQ-dispatch")

        (answer,) = await ask("zhang", "待办", None)
        assert (answer.chat, answer.command) == ("zhang", "aibot_respond_msg")
        (stranger,) = await ask("who-is-this", "待办", None)
        assert len(gateway.said) == count + 2, "the repeated message did nothing"
        assert "【#" not in stranger.content and told.content


async def test_an_order_goes_its_main_road_by_one_card(gateway, database_url, tmp_path):
    async with office_on(gateway, database_url, tmp_path):

        async def card_after(person, key, chosen=None):
            before = len(gateway.updates)
            await gateway.press(task, key, person, chosen=chosen)
            await gateway.until(lambda: len(gateway.updates) > before)
            return gateway.updates[-1]["template_card"]

        async def refused(person, key, words, chosen=None):
            before, changes = len(gateway.said), len(gateway.updates)
            await gateway.press(task, key, person, chosen=chosen)
            await gateway.until(
                lambda: any(
                    one.content.startswith("✘") and words in one.content and f"<@{person}>" in one.content
                    for one in gateway.said[before:]
                )
            )
            assert len(gateway.updates) == changes, "the card is left to others"

        await gateway.say("待办", "zhang", CHAT)  # only then may the bot begin something there
        await gateway.say(REGISTER, "zhang", None)
        await gateway.until(lambda: any(one.kind == "template_card" for one in gateway.said))
        (first,) = (one.content for one in gateway.said if one.kind == "template_card")
        task = first["task_id"]
        assert [button["key"] for button in first["button_list"]] == ["/签收 1"]

        signed = await card_after("zhang", "/签收 1")
        assert signed["card_type"] == "button_interaction" and "已签收" in signed["main_title"]["title"]
        assert [button["key"] for button in signed["button_list"]] == ["/派单 1"]
        options = {option["text"]: option["id"] for option in signed["button_selection"]["option_list"]}
        assert "城管科" in options

        await refused("li", "/签收 1", "张坐席 已于 09:00 签收")  # still shown the old button
        await refused("zhang", "/派单 1", "科室")  # nothing was chosen
        await refused("qian", "/派单 1", "派单", options["城管科"])  # may not

        dispatched = await card_after("zhang", "/派单 1", options["城管科"])
        assert dispatched["card_type"] == "text_notice" and "城管科" in str(dispatched)
        assert gateway.refused == []


async def test_what_is_for_a_chat_where_nobody_spoke_to_the_bot_waits_until_somebody_does(store, gateway, session):
    clock = HandClock()

    async def take(body, request):
        pass

    line = Socket(session, gateway.url, BOT, SecretStr(SECRET), take)
    connecting = asyncio.create_task(line.run())
    async with house(store, clock) as office, asyncio.timeout(20):
        office.senders["wecom:@zhang"] = BotChat(line, "zhangsan", 1, ())
        await gateway.subscribed.wait()
        while not line.ready:  # noqa: ASYNC110 - nobody is told when it happens
            await asyncio.sleep(0.005)
        await office.queue("【#5】 请办理", endpoints=["wecom:@zhang"], audience="@zhang")
        await office.through(timedelta(hours=1))
        (waiting,) = office.rows(audience="@zhang")
        assert waiting.state == "retry"
        assert "先在那里跟机器人说一句话" in waiting.detail

        await gateway.say("你好", "zhangsan", None)
        await office.through(timedelta(minutes=6))
        assert [one.content for one in gateway.said] == ["【#5】 请办理"]
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)


async def test_one_replica_holds_the_connection_and_another_takes_over(gateway, new_url, open_store, tmp_path):
    url = new_url()

    class Asking(Leases):
        """Tells when it has asked for the lease a few times."""

        async def _take(self, name):
            asks[self._holder] += 1
            if asks[self._holder] == 3:
                asked[self._holder].set()
            return await super()._take(name)

    async def nothing(incoming):
        return []

    asks = Counter()
    asked = {"one": asyncio.Event(), "two": asyncio.Event()}

    @contextlib.asynccontextmanager
    async def replica(name):
        desk = Desk(open_store(url))
        async with webhook_session() as session:
            settings = load_settings(None, environ(gateway, tmp_path))
            lead = Asking(desk, name, timedelta(seconds=0.05))
            platform = connect(Wiring(settings, session, nothing, None, lead, None))
            task = asyncio.create_task(platform.run())
            try:
                yield platform
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await desk.close()

    async with contextlib.AsyncExitStack() as second_stack:
        async with replica("one") as first, asyncio.timeout(20):
            await gateway.subscribed.wait()
            second = await second_stack.enter_async_context(replica("two"))
            await gateway.say("/查 1")
            await asked["two"].wait()
            assert (first.chat(CHAT).ready, second.chat(CHAT).ready, gateway.connections) == (True, False, 1)
            gateway.subscribed.clear()
        async with asyncio.timeout(20):
            await gateway.subscribed.wait()
        assert gateway.connections == 2
        assert not first.chat(CHAT).ready


async def test_twenty_alerts_in_ten_seconds_all_reach_the_group_within_its_limit(store):
    clock = HandClock()
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as office:
        for number in range(1, 21):
            await office.queue(f"【#{number}】 紧急：请立即签收", Priority.URGENT, mentions=("zhang",))
            clock.at += timedelta(seconds=0.5)
            await office.delivery.drain()
        await office.through()

        told = [re.findall(r"【#(\d+)】", content) for content in wecom.contents]
        assert sorted(int(number) for numbers in told for number in numbers) == list(range(1, 21))
        assert (wecom.refused, wecom.errors) == ([], [])
        assert all(outcome == "sent" for outcome in office.attempts())
        assert len(office.rows(Attempt)) == len(wecom.messages)
        assert clock.at <= wecom.messages[0].at + timedelta(seconds=70)


async def test_what_a_chat_says_by_the_groups_robot_counts_against_the_robots_limit(store, session):
    clock = HandClock()
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as office:
        settings = load_settings(None, {"JIESU_WECOM__TOKEN": "t", "JIESU_WECOM__ENCODING_AES_KEY": "A" * 43})
        platform = connect(Wiring(settings, session, None, None, None, clock.now))
        chat, robot = platform.chat(CHAT), platform.robot(office.office.organisation.groups[0].robots[0])
        chat.beside = lambda: robot
        office.senders |= {ROBOT: robot, "wecom:dispatch": chat}
        for number in range(18):
            await office.queue(f"【#{number}】 紧急", Priority.URGENT)
        for number in range(8):
            await office.queue(f"答复 {number}", Priority.REPLY, kind="reply", endpoints=["wecom:dispatch"])
        begin = clock.at
        await office.delivery.drain()
        assert (len(wecom.messages), clock.at) == (18, begin)
        await office.through()
        assert (len(wecom.messages), wecom.refused) == (26, [])
        assert wecom.key not in str(robot.limits)


async def test_twenty_ordinary_notices_merge_and_each_order_is_named_once(store):
    clock = HandClock()
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as office:
        for number in range(1, 21):
            await office.queue(f"【#{number}】 已接单")
            clock.at += timedelta(seconds=0.5)
            await office.delivery.drain()
        await office.through()

        told = [number for content in wecom.contents for number in re.findall(r"【?#(\d+)】?", content)]
        assert sorted(map(int, told)) == list(range(1, 21))
        assert wecom.refused == []
