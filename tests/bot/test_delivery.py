import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr

from bot.platforms.contract import Answer, Limit, Outcome
from bot.platforms.matrix.api import Api
from bot.platforms.matrix.sender import MatrixRoom
from handlers.states import State
from storage import failpoints, outbox
from storage.errors import StoreUnavailable
from storage.outbox import Priority, Status
from storage.tables import Attempt, Outbox
from tests.bot.delivery_desk import ROBOT, SECOND, SECOND_KEY, house
from tests.platforms import wecom_server as fake
from tests.platforms.matrix_server import BOT, BOT_TOKEN, FakeMatrix
from tests.platforms.wecom_server import FakeWeCom

SINGLY = Priority.REPORT
"""What is never merged with others."""
MINUTE = timedelta(minutes=1)


class Killed(Exception):
    """The process ends here."""


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's or the fake's
            await asyncio.sleep(0.001)


@pytest.fixture
async def wecom(clock):
    async with FakeWeCom(now=clock.now) as server:
        yield server
        assert server.errors == []


@pytest.fixture
async def one(store, clock, wecom):
    async with house(store, clock, wecom) as process:
        yield process


@pytest.fixture
def killed_at(monkeypatch):
    """Ends the process at a named place, the first time it is passed."""
    monkeypatch.setattr(failpoints, "_armed", {})

    def arm(point):
        def die():
            failpoints._armed.clear()
            raise Killed

        failpoints.arm(point, die)

    return arm


async def test_a_notice_is_sent_once_and_its_answer_is_kept(one, wecom):
    await one.queue("【#1】新工单", order=1, mentions=("zhang",))
    await one.through()
    assert wecom.contents == ["【#1】新工单"]
    assert wecom.messages[0].mentioned == ("zhangsan",)
    (row,) = one.rows()
    assert (row.state, row.code, row.attempts, row.sent_at) == (Status.SENT, 0, 1, one.clock.at)
    assert one.attempts() == ["sent"]


async def test_people_without_an_account_are_named_and_strangers_are_left_out(one, wecom):
    await one.queue("【#1】请签收", mentions=("zhang", "li", "nobody"))
    await one.through()
    assert wecom.contents == ["【#1】请签收\n@李四"]
    assert wecom.messages[0].mentioned == ("zhangsan",)


async def test_the_most_urgent_goes_first_and_then_the_oldest(one, wecom):
    for text, priority in (("甲", Priority.REPORT), ("乙", Priority.NOTICE), ("丙", Priority.NOTICE)):
        await one.queue(text, priority)
    await one.queue("急", Priority.URGENT)
    await one.queue("答", Priority.REPLY)
    await one.through()
    assert wecom.contents == ["急", "答", "乙", "丙", "甲"]


async def test_a_burst_arrives_whole_within_the_robots_limit(one, wecom):
    texts = [f"【#{number}】" for number in range(1, 46)]
    for text in texts:
        await one.queue(text, SINGLY)
    begin = one.clock.at
    await one.delivery.drain()
    assert len(wecom.contents) == 18
    assert await one.delivery.next_due() == begin + MINUTE
    await one.through()
    assert wecom.contents == texts
    assert wecom.refused == []
    assert one.clock.at == begin + 2 * MINUTE


async def test_a_slow_request_counts_from_its_end(one, clock, wecom):
    """The platform may have counted it just then."""
    sender = one.senders[ROBOT]
    post = sender.send

    async def slow(message):
        answer = await post(message)
        clock.at += timedelta(seconds=3)
        return answer

    sender.send = slow
    for number in range(40):
        await one.queue(str(number), SINGLY)
    await one.through()
    ends = [row.ended_at for row in one.rows(Attempt)]
    begins = [row.at for row in one.rows(Attempt)]
    assert len(ends) == 40
    assert all(begin - end >= MINUTE for begin, end in zip(begins[18:], ends, strict=False))


async def test_an_urgent_message_overtakes_what_waits_for_the_limit(one, wecom):
    for number in range(30):
        await one.queue(str(number), SINGLY)
    await one.delivery.drain()
    await one.queue("急", Priority.URGENT)
    await one.through()
    assert wecom.contents[18] == "急"


async def test_a_restart_does_not_forget_the_limit(one, wecom):
    for number in range(30):
        await one.queue(str(number), SINGLY)
    await one.delivery.drain()
    one.clock.at += timedelta(seconds=31)
    one.restart("two")
    await one.delivery.drain()
    assert len(wecom.contents) == 18
    await one.through()
    assert len(wecom.contents) == 30
    assert wecom.refused == []


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (fake.errcode(-1), "retry"),
        (fake.errcode(45009), "retry_after"),
        (fake.status(429, retry_after=7), "retry_after"),
        (fake.status(503), "retry"),
    ],
)
async def test_what_was_certainly_not_delivered_is_sent_again_later(one, wecom, trouble, outcome):
    wecom.then(trouble)
    await one.queue("【#1】")
    await one.delivery.drain()
    assert one.states() == [Status.RETRY]
    assert one.attempts() == [outcome]
    assert wecom.contents == []
    await one.through()
    assert wecom.contents == ["【#1】"]
    assert one.states() == [Status.SENT]


async def test_a_refused_connection_is_tried_again_without_end_and_without_haste(one, wecom):
    port = wecom.port
    await wecom.stop()
    for number in range(3):
        await one.queue(str(number))
    await one.through(timedelta(minutes=15))
    assert set(one.states()) <= {Status.RETRY, Status.PENDING}
    assert 25 < len(one.attempts()) < 40
    await wecom.start(port)
    await one.queue("急", Priority.URGENT)
    await one.through(timedelta(seconds=45))
    assert wecom.contents == ["急", "0", "1", "2"], "what waited for the line does not wait longer than the line"


async def test_a_platform_in_trouble_is_asked_less_and_less(one, wecom):
    wecom.then(*[fake.errcode(-1)] * 1000)
    await one.queue("【#1】")
    await one.through(timedelta(hours=1))
    assert 10 < len(one.attempts()) < 20


async def test_a_short_trouble_does_not_change_the_order(one, wecom):
    wecom.then(fake.errcode(-1), fake.errcode(-1), fake.errcode(-1))
    for text in "甲乙丙":
        await one.queue(text)
    await one.through()
    assert wecom.contents == ["甲", "乙", "丙"]


async def test_one_message_that_always_fails_does_not_hold_up_the_others(one, wecom):
    sender = one.senders[ROBOT]
    post = sender.send

    async def send(message):
        return Answer(Outcome.RETRY, "忙", 200, -1) if message.text == "甲" else await post(message)

    sender.send = send
    for text in "甲乙丙":
        await one.queue(text)
    await one.through(timedelta(minutes=3))
    assert wecom.contents == ["乙", "丙"]
    assert one.states() == [Status.RETRY, Status.SENT, Status.SENT]


async def test_a_pause_that_the_platform_asks_for_holds_for_the_whole_robot_and_over_a_restart(one, wecom):
    wecom.then(fake.status(429, retry_after=120))
    await one.queue("甲")
    await one.delivery.drain()
    begin = one.clock.at
    one.clock.at += timedelta(seconds=60)
    one.restart("two")
    await one.queue("急", Priority.URGENT)
    await one.delivery.drain()
    assert wecom.requests == 1
    await one.through()
    assert wecom.contents == ["急", "甲"]
    assert one.clock.at == begin + timedelta(seconds=120)


async def test_a_refusal_for_good_is_kept_and_shown_and_not_repeated(one, wecom):
    wecom.then(fake.errcode(40058))
    await one.queue("【#1】")
    await one.queue("【#2】")
    await one.through()
    assert one.states() == [Status.FAILED, Status.SENT, Status.SENT]
    assert "拒收" in one.rows()[0].detail
    assert wecom.requests == 3, "the refusal is named, and nothing more"
    assert one.store.read(outbox.counts, now=one.clock.at) == {"failed": 1, "sent": 2}


UNCLEAR = [
    fake.garbage(),
    fake.garbage(record=True),
    fake.errcode(77777),
    fake.status(500, record=True),
    fake.hang(record=True),
    fake.cut_before_reading(),
    fake.cut_after_reading(record=True),
    fake.cut_answer(40),
]


@pytest.mark.parametrize("trouble", UNCLEAR)
async def test_an_ordinary_notice_that_may_have_arrived_is_named_once_and_never_repeated(one, wecom, trouble):
    one.patience = timedelta(seconds=0.2)
    one.restart("one")
    wecom.then(trouble)
    await one.queue("【#1】已派单\n第二行", order=1)
    await one.delivery.drain()
    assert one.states() == [Status.UNKNOWN]
    await one.through()
    first, digest = one.rows()
    assert first.state == Status.UNKNOWN
    assert (digest.kind, digest.state, digest.audience, digest.names) == ("unknown_digest", "sent", "dispatch", (1,))
    assert digest.text == "以下通知可能没有送到，请在系统中核对：\n【#1】已派单（06-01 08:30）"
    assert wecom.contents[-1] == digest.text
    assert wecom.contents.count("【#1】已派单\n第二行") == int(trouble.record)


async def test_doubtful_notices_are_named_together(one, wecom):
    wecom.then(*[fake.garbage()] * 18)
    for number in range(1, 19):
        await one.queue(f"【#{number}】")
    await one.through()
    digests = [row for row in one.rows() if row.kind == "unknown_digest"]
    assert [number for row in digests for number in row.names] == list(range(1, 19))
    assert len(digests) <= 3
    assert all(row.told_at is not None for row in one.rows(state="unknown"))


async def test_a_digest_that_may_not_have_arrived_is_followed_by_another(one, wecom):
    wecom.then(fake.garbage(), fake.garbage())
    await one.queue("【#1】")
    begin = one.clock.at
    await one.through()
    assert one.states() == [Status.UNKNOWN, Status.UNKNOWN, Status.SENT]
    assert len(wecom.contents) == 1
    assert one.clock.at >= begin + timedelta(minutes=11)


async def test_a_robot_that_never_makes_sense_gets_a_digest_now_and_then_and_no_more(one, wecom):
    wecom.then(*[fake.garbage()] * 1000)
    for number in range(1, 4):
        await one.queue(f"【#{number}】")
    await one.through(timedelta(hours=1))
    assert 8 <= wecom.requests <= 12


async def test_an_urgent_message_is_sent_once_more_and_says_so(one, wecom):
    wecom.then(fake.cut_after_reading(record=True))
    await one.queue("【#7】紧急工单", Priority.URGENT, order=7, mentions=("zhang",))
    await one.through()
    assert wecom.contents == ["【#7】紧急工单", "【#7】（可能重复）紧急工单"]
    assert [message.mentioned for message in wecom.messages] == [("zhangsan",)] * 2
    first, second = one.rows()
    assert (first.state, second.state, second.repeat_of, second.order_id) == ("unknown", "sent", first.id, 7)


async def test_a_text_without_a_number_is_marked_at_its_beginning(one, wecom):
    wecom.then(fake.garbage())
    await one.queue("系统状态不符", Priority.URGENT)
    await one.through()
    assert wecom.contents == ["（可能重复）系统状态不符"]


async def test_a_repeat_is_not_repeated_but_named(one, wecom):
    wecom.then(fake.garbage(), fake.garbage())
    await one.queue("【#7】紧急工单", Priority.URGENT)
    await one.through()
    assert [(row.kind, row.state) for row in one.rows()] == [
        ("notice", "unknown"),
        ("notice", "unknown"),
        ("unknown_digest", "sent"),
    ]
    assert one.rows()[2].names == (2,)


@pytest.mark.parametrize(("state", "sent"), [(State.AWAITING_SIGNATURE, True), (State.AWAITING_DISPATCH, False)])
async def test_a_new_order_is_announced_once_more_while_nobody_has_signed_it(one, wecom, state, sent):
    await one.order(7, state)
    wecom.then(fake.garbage())
    await one.queue("【#7】新工单", kind="new_order", order=7)
    await one.through()
    assert ("【#7】（可能重复）新工单" in wecom.contents) is sent


async def test_a_process_that_ends_before_it_takes_a_message_loses_nothing(one, wecom, killed_at):
    killed_at("delivery.before_sending")
    await one.queue("【#1】")
    with pytest.raises(Killed):
        await one.delivery.drain()
    one.restart("two")
    await one.through()
    assert wecom.contents == ["【#1】"]
    assert one.states() == [Status.SENT]


@pytest.mark.parametrize("point", ["delivery.before_request", "delivery.after_answer"])
@pytest.mark.parametrize("priority", [Priority.NOTICE, Priority.URGENT])
async def test_a_request_that_a_dead_process_began_is_of_unknown_outcome(one, wecom, killed_at, point, priority):
    killed_at(point)
    await one.queue("【#1】", priority)
    with pytest.raises(Killed):
        await one.delivery.drain()
    assert one.states() == [Status.SENDING]
    one.restart("two")
    await one.delivery.drain()
    assert one.states() == [Status.SENDING], "the dead process's lease still runs"
    await one.through()
    assert one.states() == [Status.UNKNOWN, Status.SENT]
    arrived = int(point == "delivery.after_answer")
    assert wecom.contents.count("【#1】") == arrived
    assert wecom.contents.count("【#1】（可能重复）") == int(priority == Priority.URGENT)


@pytest.mark.parametrize("point", ["delivery.before_request", "delivery.after_answer"])
@pytest.mark.parametrize("late", [False, True])
async def test_where_the_platform_takes_a_message_once_a_dead_process_leaves_no_doubt(one, killed_at, point, late):
    async with FakeMatrix(now=one.clock.now) as server:
        room = server.room("work", BOT)
        token = SecretStr(BOT_TOKEN)

        async def where():
            return room

        def matrix():
            return MatrixRoom(Api(one.session, server.url, token), where, (Limit(10, MINUTE),))

        one.senders[ROBOT] = matrix()
        killed_at(point)
        await one.queue("【#1】", Priority.URGENT)
        with pytest.raises(Killed):
            await one.delivery.drain()
        one.restart("two")
        one.senders[ROBOT] = matrix()
        one.clock.at += matrix().takes_once if late else timedelta()
        await one.through()
        arrived = ["【#1】"] if not late or point == "delivery.after_answer" else []
        assert [content["body"] for content in server.said(room)] == [
            *arrived,
            *(["【#1】（可能重复）"] if late else []),
        ]
        assert one.states() == ([Status.UNKNOWN, Status.SENT] if late else [Status.SENT])


async def test_a_process_that_ends_after_recording_sends_nothing_again(one, wecom, killed_at):
    killed_at("delivery.after_recorded")
    await one.queue("【#1】", Priority.URGENT)
    with pytest.raises(Killed):
        await one.delivery.drain()
    one.restart("two")
    await one.through()
    assert wecom.contents == ["【#1】"]
    assert one.states() == [Status.SENT]


async def test_a_clean_stop_leaves_the_robot_to_the_next_process_at_once(one, wecom):
    await one.queue("甲")
    await one.delivery.drain()
    await one.delivery.stop()
    assert await one.delivery.next_due() is None
    one.restart("two")
    await one.queue("乙")
    await one.delivery.drain()
    assert wecom.contents == ["甲", "乙"]


async def test_two_processes_share_a_robot_without_doubling_or_exceeding_its_limit(
    database_url, open_store, clock, wecom
):
    first, second = open_store(database_url), open_store(database_url)
    async with house(first, clock, wecom, holder="a") as a, house(second, clock, wecom, holder="b") as b:
        texts = [f"【#{number}】" for number in range(1, 61)]
        for text in texts:
            await a.queue(text, SINGLY)
        while any(state != Status.SENT for state in a.states()):
            await asyncio.gather(a.delivery.drain(), b.delivery.drain())
            clock.at += timedelta(seconds=5)
        assert wecom.contents == texts
        assert wecom.refused == []
        assert len(a.attempts()) == 60


async def test_another_process_takes_over_when_the_first_is_gone(database_url, open_store, clock, wecom):
    first, second = open_store(database_url), open_store(database_url)
    async with house(first, clock, wecom, holder="a") as a, house(second, clock, wecom, holder="b") as b:
        await a.queue("甲")
        await a.delivery.drain()
        await a.queue("乙")
        await b.delivery.drain()
        assert wecom.contents == ["甲"]
        assert await b.delivery.next_due() == clock.at + timedelta(seconds=30)
        await b.through()
        assert wecom.contents == ["甲", "乙"]


async def test_an_answer_that_comes_after_the_outcome_was_given_up_settles_it(database_url, open_store, clock, wecom):
    """A process froze in the middle of a request; another one has queued the repeat when it wakes."""
    first, second = open_store(database_url), open_store(database_url)
    async with house(first, clock, wecom, holder="a") as a, house(second, clock, wecom, holder="b") as b:
        await a.queue("【#1】", Priority.URGENT)
        sender, thawed = a.senders[ROBOT], asyncio.Event()
        post = sender.send

        async def freeze(message):
            await thawed.wait()
            return await post(message)

        sender.send = freeze
        frozen = asyncio.create_task(a.delivery.step())
        await until(lambda: a.states() == [Status.SENDING])
        clock.at += timedelta(seconds=31)
        wecom.then(fake.status(429, retry_after=60))
        await b.delivery.drain()
        assert a.states() == [Status.UNKNOWN, Status.RETRY]
        thawed.set()
        await frozen
        assert a.states() == [Status.SENT, Status.CANCELLED]
        await b.through()
        assert wecom.contents == ["【#1】"]


async def test_a_long_text_goes_in_parts_that_call_people_once(one, wecom):
    text = "【#5】长通知\n" + "一二三四五六七八九十" * 150
    await one.queue(text, mentions=("zhang", "li"))
    await one.queue("后来的")
    await one.through()
    *parts, later = wecom.contents
    assert later == "后来的", "the parts stand in the place of the whole"
    assert [part.splitlines()[-1] for part in parts] == ["(1/3)", "(2/3)", "(3/3)"]
    assert all(part.startswith("【#5】") for part in parts)
    assert [message.mentioned for message in wecom.messages] == [("zhangsan",), (), (), ()]
    assert sum(part.count("@李四") for part in parts) == 1
    whole = one.rows()[0]
    assert whole.state == Status.SPLIT
    assert [(row.parent_id, row.part, row.state) for row in one.rows()[2:]] == [(1, n, "sent") for n in (1, 2, 3)]


async def test_only_the_part_in_doubt_is_sent_again(one, wecom):
    ok = fake.cut_answer(len(fake.whole_answer()))
    wecom.then(ok, fake.cut_after_reading())
    await one.queue("【#6】紧急\n" + "一二三四五六七八九十" * 150, Priority.URGENT)
    await one.through()
    assert "(1/3)" in wecom.contents[0]
    assert "(3/3)" in wecom.contents[1]
    repeated = wecom.contents[2:]
    assert repeated[0].startswith("【#6】（可能重复）（续）")
    assert sum("(2/3)" in content for content in repeated) == 1
    assert not any("(1/3)" in content or "(3/3)" in content for content in repeated)


async def test_a_message_to_the_work_group_arrives_with_its_outbox_row_in_one_transaction(store, clock):
    async with house(store, clock, console=True) as process:
        for kind, priority in (
            ("new_order", Priority.URGENT),
            ("reminder", Priority.REMINDER),
            ("signed", Priority.NOTICE),
        ):
            await process.queue(
                f"【#1】{kind}", priority, kind=kind, order=1, mentions=("li",), endpoints=["console:dispatch"]
            )
        await process.queue("悄悄话", endpoints=["console:@li"], audience="@li")
        await process.delivery.drain()
        said = process.said()
        assert [(row.kind, row.text) for row in said] == [
            ("urgent", "【#1】new_order"),
            ("notice", "【#1】signed"),
            ("reminder", "【#1】reminder"),
        ]
        assert {(row.sender, row.mentions, row.orders, row.at) for row in said} == {("bot", ("li",), (1,), clock.at)}
        assert [row.text for row in process.said("@li")] == ["悄悄话"]
        assert {row.outbox_id for row in [*said, *process.said("@li")]} == {1, 2, 3, 4}
        assert process.states() == [Status.SENT] * 4
        assert process.attempts() == []
        await process.delivery.drain()
        assert len(process.said()) == 3


async def test_the_work_group_has_no_limit(store, clock):
    async with house(store, clock, console=True) as process:
        await process.change(
            lambda scope: [
                outbox.queue(
                    scope,
                    kind="notice",
                    priority=Priority.NOTICE,
                    endpoints=["console:dispatch"],
                    audience="dispatch",
                    text=str(number),
                )
                for number in range(450)
            ]
        )
        await process.delivery.drain()
        assert [row.text for row in process.said()] == [str(number) for number in range(450)]


async def test_two_processes_hand_each_message_to_the_work_group_once(database_url, open_store, clock):
    stores = open_store(database_url), open_store(database_url)
    async with (
        house(stores[0], clock, console=True, holder="a") as a,
        house(stores[1], clock, console=True, holder="b") as b,
    ):
        for number in range(30):
            await a.queue(str(number), endpoints=["console:dispatch"])
            await asyncio.gather(a.delivery.step(), b.delivery.step())
        await a.delivery.drain()
        assert [row.text for row in a.said()] == [str(number) for number in range(30)]


async def test_what_waits_for_robots_that_were_removed_goes_once_by_what_remains(one, wecom):
    await one.queue("【#1】", endpoints=["wecom:gone:0", "console:dispatch"])
    await one.delivery.drain()
    assert sorted(one.states()) == [Status.CANCELLED, Status.SENT]
    assert wecom.contents == ["【#1】"]


async def test_a_robot_that_hangs_does_not_hold_up_another(store, clock, wecom):
    async with FakeWeCom(SECOND_KEY, now=clock.now) as other, house(store, clock, wecom, other) as process:
        wecom.then(fake.hang())
        await process.queue("甲")
        await process.queue("乙", endpoints=[SECOND], audience="second")
        hanging = asyncio.create_task(process.delivery.drain())
        await until(lambda: other.contents)
        assert wecom.contents == []
        hanging.cancel()


async def test_the_running_loop_sends_when_it_is_told_and_ends_what_it_began(one, wecom):
    one.desk.on_rows("outbox", one.delivery.signal)
    running = asyncio.create_task(one.delivery.run())
    for number in range(5):
        await one.queue(str(number))
    await until(lambda: len(wecom.contents) == 5)
    release = asyncio.Event()
    sender = one.senders[ROBOT]
    post = sender.send

    async def slow(message):
        await release.wait()
        return await post(message)

    sender.send = slow
    await one.queue("最后一条")
    await one.queue("留给下一次")
    await until(lambda: Status.SENDING in one.states())
    stopping = asyncio.create_task(one.delivery.stop())
    await asyncio.sleep(0)
    release.set()
    await stopping
    await running
    assert wecom.contents[5:] == ["最后一条"]
    assert one.states()[5:] == [Status.SENT, Status.PENDING]


async def test_an_answer_is_not_forgotten_while_the_store_is_away(one, wecom, monkeypatch):
    monkeypatch.setattr("bot.delivery.delivery.POLL", 0)
    away = [StoreUnavailable("磁盘已满")] * 3
    run = one.delivery._run

    async def failing(job):
        if wecom.contents and away:
            raise away.pop()
        return await run(job)

    one.delivery._run = failing
    await one.queue("【#1】")
    await one.delivery.drain()
    assert away == []
    assert one.states() == [Status.SENT]
    assert wecom.contents == ["【#1】"]


async def test_a_sender_that_raises_leaves_a_doubtful_message_and_the_others_go_on(one, wecom):
    sender = one.senders[ROBOT]
    post = sender.send

    async def broken(message):
        if message.text == "甲":
            raise LookupError(wecom.webhook)
        return await post(message)

    sender.send = broken
    await one.queue("甲")
    await one.queue("乙")
    await one.through()
    assert one.states() == [Status.UNKNOWN, Status.SENT, Status.SENT]
    assert wecom.key not in "".join(row.detail for row in one.rows())


async def test_several_limits_hold_together(one, wecom):
    sender = one.senders[ROBOT]
    sender.limits = (Limit(5, timedelta(seconds=1)), Limit(12, MINUTE))
    for number in range(13):
        await one.queue(str(number), SINGLY)
    begin, times = one.clock.at, []
    await one.through()
    times = [int((row.at - begin).total_seconds()) for row in one.rows(Attempt)]
    assert times == [0] * 5 + [1] * 5 + [2] * 2 + [60]


async def test_the_undo_of_a_command_stops_what_it_queued(one, wecom):
    wecom.then(fake.status(429, retry_after=60))
    await one.queue("【#1】先", order=2)
    await one.delivery.drain()
    await one.change(lambda scope: outbox.cancel_caused(scope, "test:1", 2))
    await one.through()
    assert wecom.contents == []
    assert one.rows(Outbox)[0].state == Status.CANCELLED
