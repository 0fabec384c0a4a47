"""Who goes first where several endpoints share a limit: the most urgent, wherever it waits, if it can be sent there."""

import asyncio
from datetime import timedelta

import pytest

from bot.platforms.contract import Answer, Limit, Outcome
from storage import outbox
from storage.outbox import Priority
from tests.bot.delivery_desk import house

MINUTE = timedelta(minutes=1)
ROOMS = [f"matrix:g{number}" for number in range(8)]
LAST = ROOMS[-1]


class Room:
    """One chat of an account that may say ten things a minute, wherever."""

    avoid, edits = (), False

    def __init__(self, process, name, log):
        self.limits = (Limit(10, MINUTE, "account"),)
        self.ready = True
        self.answers = []
        self.process, self.name, self.log = process, name, log

    def parts(self, message):
        return [message]

    async def send(self, message):
        if self.answers:
            return self.answers.pop()
        self.log.append((self.process.clock.at, self.name, message.text))
        return Answer(Outcome.SENT, "已送达", 200)


@pytest.fixture
async def office(store, clock):
    async with house(store, clock) as process:
        process.log = []
        process.senders.update({name: Room(process, name, process.log) for name in ROOMS})
        yield process


async def reports(process, each=6):
    for room in ROOMS[:-1]:
        for number in range(each):
            await process.queue(f"报表 {number}", Priority.REPORT, endpoints=[room])


async def urgent(process):
    for text, priority in (("答复", Priority.REPLY), ("紧急", Priority.URGENT)):
        await process.queue(text, priority, kind="reply", endpoints=[LAST])


def at(process, text):
    return next((number, when) for number, (when, _, said) in enumerate(process.log) if said == text)


async def test_what_is_urgent_goes_before_the_reports_of_other_rooms_that_share_the_limit(office, clock):
    await reports(office)
    begin = clock.at
    await office.delivery.drain()
    await urgent(office)
    await office.through()
    (first, when), (second, then) = at(office, "紧急"), at(office, "答复")
    assert (when, then) == (begin + MINUTE, begin + MINUTE), "in the first minute that has a place"
    assert first < second
    assert len(office.log) == 7 * 6 + 2
    assert clock.at == begin + 4 * MINUTE, "the whole limit is used"


async def test_what_nobody_can_send_holds_up_no_other_room(office, clock):
    """Connection away; its own pause; no sender at all."""
    begin = clock.at
    office.senders[LAST].ready = False
    await reports(office, 2)
    await urgent(office)
    await office.queue("没有出口", Priority.URGENT, endpoints=["matrix:gone"])
    await office.through(3 * MINUTE)
    assert [text for _, _, text in office.log if text.startswith("报表")] != []
    assert len(office.log) == 14
    office.senders[LAST].ready = True
    office.senders[LAST].answers = [Answer(Outcome.RETRY_AFTER, "请等", 429, wait=timedelta(minutes=9))]
    await reports(office, 2)
    await office.through(3 * MINUTE)
    assert len(office.log) == 28
    await office.through(15 * MINUTE)
    assert {"紧急", "答复"} <= {text for _, _, text in office.log}
    assert clock.at >= begin + timedelta(minutes=12)


async def test_a_room_that_another_replica_holds_is_waited_for_no_longer_than_its_lease(office, clock):
    await office.change(lambda scope: outbox.take_lease(scope, LAST, "dead", timedelta(seconds=30)))
    await reports(office, 2)
    await urgent(office)
    begin = clock.at
    await office.through()
    assert [when for when, _, _ in office.log] == [begin] * 8 + [begin + timedelta(seconds=30)] * 2 + [
        begin + MINUTE
    ] * 6
    assert [text for _, _, text in office.log][8:10] == ["紧急", "答复"], "two of the ten were kept for them"


async def test_endpoints_with_limits_of_their_own_do_not_wait_for_each_other(office, clock):
    for room in ROOMS:
        office.senders[room].limits = (Limit(10, MINUTE),)
    await office.change(lambda scope: outbox.take_lease(scope, LAST, "dead", timedelta(seconds=30)))
    await reports(office, 1)
    await urgent(office)
    await office.delivery.drain()
    assert len(office.log) == 7


class Hanging(Room):
    """A room whose requests end when the test says so."""

    def __init__(self, process, name, log):
        super().__init__(process, name, log)
        self.begun, self.let = asyncio.Event(), asyncio.Event()

    async def send(self, message):
        self.begun.set()
        await self.let.wait()
        return await super().send(message)


async def said(process, text):
    """Wait until something was said; only what is wrong takes long."""
    async with asyncio.timeout(10):
        while text not in [each for _, _, each in process.log]:
            process.delivery.signal()
            await asyncio.sleep(0)


@pytest.fixture
async def hanging(office):
    room = office.senders[LAST] = Hanging(office, LAST, office.log)
    runs = asyncio.create_task(office.delivery.run())
    yield room
    room.let.set()
    await office.delivery.stop()
    await runs


async def test_a_request_that_hangs_silences_no_other_room_while_the_shared_limit_is_far(office, hanging):
    for room in ROOMS:
        office.senders[room].limits = (Limit(900, MINUTE, "account"),)
    await office.queue("紧急一", Priority.URGENT, endpoints=[LAST])
    await office.queue("紧急二", Priority.URGENT, endpoints=[LAST])
    office.delivery.signal()
    await hanging.begun.wait()
    await office.queue("答复", Priority.REPLY, kind="reply", endpoints=[ROOMS[0]])
    await said(office, "答复")
    assert not hanging.let.is_set()


async def test_of_a_short_limit_nothing_is_kept_for_a_room_whose_request_hangs(office, hanging, clock):
    for number in range(12):
        await office.queue(f"紧急{number}", Priority.URGENT, endpoints=[LAST])
    office.delivery.signal()
    await hanging.begun.wait()
    await office.queue("答复", Priority.REPLY, kind="reply", endpoints=[ROOMS[0]])
    clock.at += timedelta(seconds=2)
    await said(office, "答复")
    assert not hanging.let.is_set()


async def test_many_messages_of_one_room_are_not_taken_to_use_up_what_is_counted_by_the_second(office, clock):
    """A room sends one after the other: it leaves others most of 45 a second."""
    for room in ROOMS:
        office.senders[room].limits = (Limit(45, timedelta(seconds=1), "account"), Limit(900, MINUTE, "account"))
    await office.change(lambda scope: outbox.take_lease(scope, LAST, "other", timedelta(seconds=30)))
    for number in range(60):
        await office.queue(f"紧急{number}", Priority.URGENT, endpoints=[LAST])
    await office.queue("答复", Priority.REPLY, kind="reply", endpoints=[ROOMS[0]])
    await office.delivery.drain()
    assert [text for _, _, text in office.log] == ["答复"]


async def test_a_room_that_has_to_wait_is_not_asked_at_every_look(office, clock):
    """Each time would be a transaction of the one writer."""
    await office.change(lambda scope: outbox.take_lease(scope, LAST, "other", timedelta(seconds=30)))
    for number in range(12):
        await office.queue(f"紧急{number}", Priority.URGENT, endpoints=[LAST])
    await reports(office)
    assert not await office.delivery.step()
    jobs, run = [], office.desk.run
    office.desk.run = lambda job: jobs.append(job) or run(job)
    office.restart("one")
    office.senders.update({name: Room(office, name, office.log) for name in ROOMS})
    assert not await office.delivery.step()
    assert jobs == []
    assert await office.delivery.next_due() == clock.at + timedelta(seconds=30)
