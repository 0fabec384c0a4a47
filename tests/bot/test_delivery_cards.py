"""Cards: a notice offers the next step by one tap, and shows later who did it."""

from datetime import timedelta

import pytest

from bot.platforms.contract import Answer, Limit, Outcome
from handlers import notices
from handlers.notices import Audience
from handlers.states import State
from storage.outbox import Priority, Status
from tests.bot.delivery_desk import ROBOT, HandClock, house
from tests.platforms import wecom_server as fake
from tests.platforms.wecom_server import FakeWeCom


class Board:
    """A chat in which sent messages can be replaced; it refuses to replace what it never took."""

    avoid, edits, ready = (), True, True
    limits = (Limit(18, timedelta(minutes=1)),)

    def __init__(self):
        self.messages, self.said, self.answers = {}, [], []

    def parts(self, message):
        return [message]

    async def send(self, message):
        if self.answers:
            return self.answers.pop(0)
        remote = message.edits or f"m{len(self.messages) + 1}"
        if message.edits is not None and message.edits not in self.messages:
            return Answer(Outcome.PERMANENT, "没有这条消息")
        self.messages[remote] = message
        self.said.append(message)
        return Answer(Outcome.SENT, "收到", 200, 0, remote=remote)


@pytest.fixture
async def one(store):
    clock = HandClock()
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as process:
        process.board = process.senders[ROBOT] = Board()
        process.wecom = wecom
        await process.order(1, State.AWAITING_SIGNATURE)
        yield process


async def tell(process, kind="new_order", text="【#1】新工单\n下一步：/签收 1", number=1):
    def work(scope):
        audience, order = Audience((notices.DISPATCH,)), scope.order(number)
        notices.post(process.office, scope, audience, kind=kind, priority=Priority.NOTICE, text=text, order=order)

    await process.change(work)


async def become(process, state, **values):
    def work(scope):
        order = scope.order(1)
        order.state = state
        for name, value in values.items():
            setattr(order, name, value)
        scope.record("签收", order)

    await process.change(work)


def labels(message):
    return [action.label for action in message.actions]


async def test_a_new_order_can_be_signed_by_one_tap_and_shows_then_who_did(one):
    await tell(one)
    await one.through()
    sent = one.board.messages["m1"]
    assert [(action.label, action.command) for action in sent.actions] == [("签收", "/签收 1")]
    await become(one, State.AWAITING_DISPATCH, signed_by="zhang", signed_at=one.clock.at)
    await one.through()
    edited = one.board.messages["m1"]
    assert edited.edits == "m1"
    assert edited.text == "【#1】新工单\n已签收 张三 08:30\n现在：待派单"
    assert edited.mentions == ()
    await one.through()
    assert len(one.board.said) == 2, "nothing is changed twice"


async def test_a_step_that_was_taken_back_is_offered_again(one):
    await tell(one)
    await one.through()
    await become(one, State.AWAITING_DISPATCH)
    await one.through()
    await become(one, State.AWAITING_SIGNATURE)
    await one.through()
    assert labels(one.board.messages["m1"]) == ["签收"]


async def test_changes_wait_as_one_behind_everything_else(one):
    await tell(one)
    await one.through()
    one.board.limits = (Limit(2, timedelta(minutes=1)),)
    await one.queue("甲", Priority.REPORT)
    await one.delivery.drain()
    await become(one, State.AWAITING_DISPATCH)
    await one.delivery.drain()
    await become(one, State.HANDLING)
    await one.queue("乙", Priority.REPORT)
    await one.delivery.drain()
    (waiting,) = one.rows(kind="card_update")
    assert waiting.text.endswith("现在：办理中")
    await one.through()
    assert [message.text.splitlines()[0] for message in one.board.said] == ["【#1】新工单", "甲", "乙", "【#1】新工单"]


async def test_an_older_card_of_the_order_loses_its_buttons_and_is_left_alone_then(one):
    await tell(one)
    await tell(one, "upstream_change", "【#1】来源有变更")
    await one.through()
    await become(one, State.RETURNING)
    await one.through()
    assert [labels(message) for message in one.board.messages.values()] == [[], []]
    await become(one, State.AWAITING_SIGNATURE)
    await one.through()
    assert [labels(message) for message in one.board.messages.values()] == [[], ["签收"]]


async def test_a_card_that_cannot_be_changed_is_in_nobodys_way(one):
    await tell(one)
    await one.through()
    del one.board.messages["m1"]
    await become(one, State.AWAITING_DISPATCH)
    await one.through()
    assert [row.state for row in one.rows()] == [Status.SENT, Status.CANCELLED]


async def test_a_change_in_doubt_is_made_once_more_and_named_nowhere(one):
    await tell(one)
    await one.through()
    one.board.answers = [Answer(Outcome.UNKNOWN, "断了")] * 2
    await become(one, State.AWAITING_DISPATCH)
    await one.through()
    assert one.board.messages["m1"].text.endswith("现在：待派单")
    assert [row.kind for row in one.rows()] == ["new_order", "card_update"]
    one.board.answers = [Answer(Outcome.UNKNOWN, "断了")] * 99
    await become(one, State.HANDLING)
    await one.through()
    assert one.rows()[-1].state == Status.CANCELLED


async def test_when_the_order_has_ended_its_card_is_final(one):
    await tell(one)
    await one.through()
    await become(one, State.CLOSED)
    await one.through()
    assert "已结案" in one.board.messages["m1"].text
    assert one.rows()[0].shown is None


async def test_what_cannot_be_changed_is_not_followed(one):
    one.restart("one")
    await tell(one)
    one.wecom.then(fake.cut_answer(len(fake.whole_answer())))
    await one.through()
    assert one.rows()[0].shown is None
    await become(one, State.AWAITING_DISPATCH)
    await one.through()
    assert len(one.wecom.contents) == 1


async def test_a_group_that_reads_plain_text_is_offered_nothing(one):
    group = one.office.organisation.groups[0].model_copy(update={"text_only": True})

    def work(scope):
        notices.post_to(
            one.office,
            scope,
            group,
            (),
            kind="new_order",
            priority=Priority.NOTICE,
            text="【#1】",
            order=scope.order(1),
        )

    await one.change(work)
    assert (one.rows()[0].content, one.rows()[0].shown) == (None, None)
