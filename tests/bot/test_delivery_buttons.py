"""Buttons that a platform can only send as a message of their own: they repeat the text, and go after all texts."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.platforms.contract import Answer, Outcome
from bot.platforms.wecom.chat import BotChat
from handlers.states import State
from storage import robots
from storage.columns import table
from storage.outbox import Priority, Status
from storage.tables import OrderTable
from tests.bot.delivery_desk import ROBOT, HandClock, house, shown
from tests.platforms.wecom_server import FakeWeCom

MINUTE = timedelta(minutes=1)
CHAT = "wecom:dispatch"


class Line:
    """The bot's connection; the platform takes whatever it is given."""

    ready = True

    def __init__(self, clock):
        self.clock, self.said, self.answers = clock, [], []

    async def ask(self, command, body, request=None):
        kind = body["msgtype"]
        self.said.append((kind, self.clock.at, body[kind].get("content", "")))
        return self.answers.pop(0) if self.answers else Answer(Outcome.SENT, "已送达", 200, 0)


@pytest.fixture
async def office(store):
    clock = HandClock()
    async with house(store, clock) as process:
        process.line = Line(clock)
        process.senders[CHAT] = BotChat(process.line, "wr1", 2, ("template_card",))
        yield process


async def tell(process, number, priority=Priority.URGENT, **values):
    content = {"actions": [{"label": "签收", "command": f"/签收 {number}"}]}
    text = f"【#{number}】新工单"
    await process.queue(text, priority, endpoints=[CHAT], order=number, content=content, **values)


async def test_twenty_urgent_texts_go_within_the_first_minute_and_their_cards_after_them(office):
    for number in range(1, 21):
        await tell(office, number)
    begin = office.clock.at
    await office.through()
    texts = [(at, text) for kind, at, text in office.line.said if kind == "markdown"]
    assert [text for _, text in texts] == [f"【#{number}】新工单" for number in range(1, 21)]
    assert {at for at, _ in texts} == {begin}
    assert [kind for kind, _, _ in office.line.said[20:]] == ["template_card"] * 20


async def test_an_answer_waits_for_no_card_and_a_card_goes_when_nothing_else_waits(office):
    for number in range(1, 16):
        await tell(office, number)
    await office.delivery.drain()
    assert len(office.line.said) == 22
    await office.queue("✔ 已签收", Priority.REPLY, kind="reply", endpoints=[CHAT])
    await office.through()
    kinds = [kind for kind, _, _ in office.line.said]
    assert (kinds[15:22], kinds[22], kinds[23:]) == (["template_card"] * 7, "markdown", ["template_card"] * 8)


async def test_buttons_in_doubt_do_not_repeat_their_text_which_has_arrived(office):
    office.line.answers = [Answer(Outcome.SENT, "已送达", 200, 0), Answer(Outcome.UNKNOWN, "没有回音")]
    await office.order(1, State.AWAITING_SIGNATURE)  # nobody has signed it: its notice would be repeated
    await tell(office, 1, Priority.NOTICE, kind="new_order")
    await office.through()
    assert [kind for kind, _, _ in office.line.said] == ["markdown", "template_card"]


async def test_a_notice_with_a_button_is_not_said_to_have_been_too_long(office):
    await tell(office, 1)
    await office.through()
    (whole,) = office.rows(state=Status.SPLIT)
    assert whole.detail == "分成 2 条发送"
    assert "\n分成几条发送（太长，或按钮另发一条）：1 条" in shown(office)


def buttons(process):
    return [(row.state, row.detour_at) for row in process.rows(priority=int(Priority.EDIT))]


def robots_failing(process):
    return process.store.read(robots.failing, now=process.clock.now())


async def test_buttons_whose_way_goes_do_not_bring_their_notices_a_second_time(store):
    clock = HandClock()
    async with FakeWeCom(now=clock.now) as robot, house(store, clock, robot) as office:
        office.line = Line(clock)
        office.senders[CHAT] = BotChat(office.line, "wr1", 2, ("template_card",))
        for number in range(1, 21):
            await tell(office, number)
        await office.delivery.drain()
        assert [kind for kind, _, _ in office.line.said].count("markdown") == 20
        del office.senders[CHAT]
        await office.through(5 * MINUTE)
        assert office.senders[ROBOT] is not None
        assert robot.contents == []
        assert {state for state, _ in buttons(office)} == {Status.SENT, Status.CANCELLED}


async def test_buttons_without_any_way_are_not_said_to_be_lost(office):
    for number in range(1, 21):
        await tell(office, number)
    await office.delivery.drain()
    del office.senders[CHAT]
    await office.through(timedelta(days=2))
    assert {state for state, _ in buttons(office)} == {Status.SENT, Status.CANCELLED}
    assert office.rows(kind="not_delivered") == []
    assert office.rows(state=Status.FAILED) == []


async def test_refused_buttons_alarm_nobody_for_their_text_arrived(office):
    office.line.answers = [Answer(Outcome.SENT, "已送达", 200, 0), Answer(Outcome.PERMANENT, "不支持", 200, 40008)]
    await tell(office, 1)
    await office.through(timedelta(hours=1))
    assert buttons(office) == [(Status.CANCELLED, None)]
    assert office.rows(kind="not_delivered") == []
    assert office.rows(kind="robot_failing") == []
    assert robots_failing(office) == {}


async def test_buttons_of_a_step_that_is_over_are_not_sent(office):
    for number in range(1, 22):
        await office.order(number, State.AWAITING_SIGNATURE)
        await tell(office, number, shown=State.AWAITING_SIGNATURE)
    await office.delivery.drain()
    assert len(office.line.said) == 22, "the limit is used up: twenty-one texts, one card"
    orders = table(OrderTable)
    signed = sa.update(orders).where(orders.c.id > 2).values(state=State.AWAITING_DISPATCH)
    await office.change(lambda scope: scope.execute(signed))
    await office.through()
    assert [kind for kind, _, _ in office.line.said[21:]] == ["template_card"] * 2
    assert [state for state, _ in buttons(office)] == [Status.SENT] * 2 + [Status.CANCELLED] * 19
