import asyncio
from datetime import timedelta

import pytest
from loguru import logger

from bot.platforms import taking
from bot.platforms.taking import MOST_OF_ONE, TRIES, Full, Replayed, Taking
from storage.errors import StoreUnavailable

AT_ONCE = timedelta(0)
LONG = timedelta(seconds=10)


@pytest.fixture
async def take():
    taken = Taking("wecom", lambda attempt, random: timedelta(0))
    yield taken
    await taken.stop()


class Work:
    """Fails as told, then gives its result."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.begun = 0

    async def __call__(self):
        self.begun += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


async def test_what_is_quick_is_waited_for(take):
    assert await take(Work(), LONG) == "done"


async def test_any_callable_will_do(take):
    work = Work()
    assert await take(lambda: work(), LONG) == "done"


async def test_what_is_slow_goes_on_by_itself(take):
    let, done = asyncio.Event(), asyncio.Event()

    async def slow():
        await let.wait()
        done.set()
        return "done"

    assert await take(slow, AT_ONCE) is None
    let.set()
    await done.wait()


async def test_a_nonce_is_remembered_before_the_work_and_within_the_same_time(take, monkeypatch):
    monkeypatch.setattr(taking, "PATIENCE", AT_ONCE)
    let, work = asyncio.Event(), Work()

    async def first():
        await let.wait()
        return True

    assert await take.once(first, work) is None
    assert work.begun == 0
    let.set()
    await take.stop()
    assert work.begun == 1


async def test_a_nonce_is_asked_again_when_the_store_took_nothing(take):
    first, work = Work(StoreUnavailable("忙")), Work()
    assert await take.once(first, work) == "done"
    assert (first.begun, work.begun) == (2, 1)


async def test_what_came_under_another_bodys_nonce_is_not_begun(take):
    async def first():
        return False

    work = Work()
    with pytest.raises(Replayed):
        await take.once(first, work)
    assert work.begun == 0


async def test_a_store_that_takes_nothing_is_asked_for_ever(take):
    work = Work(*[StoreUnavailable("忙")] * (TRIES * 3))
    assert await take(work, LONG) == "done"
    assert work.begun == TRIES * 3 + 1


async def test_a_fault_of_ours_is_tried_a_few_times_and_told_in_the_log(take):
    told = []
    sink = logger.add(lambda line: told.append(line.record["level"].name), level="DEBUG")
    work = Work(*[ZeroDivisionError()] * (TRIES * 3))
    try:
        assert await take(work, LONG) is None
    finally:
        logger.remove(sink)
    assert work.begun == TRIES
    assert told == ["ERROR"] * TRIES


async def test_stopping_lets_end_what_ends(take):
    done = []

    async def soon():
        await asyncio.sleep(0)
        done.append(True)

    await take(soon, AT_ONCE)
    await take.stop()
    assert done == [True]


async def test_stopping_gives_up_what_does_not_end(take, monkeypatch):
    monkeypatch.setattr(taking, "GRACE", AT_ONCE)
    ended = []

    async def never():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    await take(never, AT_ONCE)
    await asyncio.sleep(0)
    await take.stop()
    assert ended == [True]


async def test_work_may_be_any_callable_that_gives_something_to_await():
    async def take(number):
        return number

    assert await Taking("x")(lambda: take(7)) == 7


async def test_only_so_many_are_under_way_and_the_next_is_told_from_one_that_was_taken():
    take, let = Taking("x", most=2), asyncio.Event()

    for _ in range(2):
        assert await take(let.wait, AT_ONCE) is None
    with pytest.raises(Full):
        await take(let.wait, AT_ONCE)
    let.set()
    await take.stop()
    assert await take(let.wait, LONG) is True


async def test_what_stopping_gives_up_is_named_in_the_log(take, monkeypatch):
    monkeypatch.setattr(taking, "GRACE", AT_ONCE)
    told = []
    sink = logger.add(lambda line: told.append(line.record["message"]), level="ERROR")
    try:
        await take(asyncio.Event().wait, AT_ONCE, "CAIQ-7")
        await take.stop()
    finally:
        logger.remove(sink)
    assert len(told) == 1
    assert "CAIQ-7" in told[0]


async def test_what_one_person_wrote_is_taken_in_order_and_acknowledged_all_the_same(take):
    begun, let = [], asyncio.Event()

    async def slow():
        begun.append("slow")
        await let.wait()

    async def quick(name):
        begun.append(name)

    assert await take(slow, AT_ONCE, who="zhang") is None
    assert await take(lambda: quick("behind"), AT_ONCE, who="zhang") is None, "acknowledged, and follows"
    await take(lambda: quick("other"), LONG, who="li")
    await take(lambda: quick("nobody's"), LONG)
    assert begun == ["slow", "other", "nobody's"]
    let.set()
    await take(lambda: quick("last"), LONG, who="zhang")
    assert begun[3:] == ["behind", "last"]
    await take.stop()
    assert len(take._turns) == 0


async def test_what_fails_is_tried_before_what_came_after_it(take):
    work, done = Work(StoreUnavailable("忙"), ZeroDivisionError()), []

    async def after():
        done.append(work.begun)

    await take(work, AT_ONCE, who="zhang")
    await take(after, LONG, who="zhang")
    assert done == [3]


async def test_a_nonce_waits_for_nobodys_turn(take):
    let = asyncio.Event()

    async def slow():
        await let.wait()

    async def first():
        return False

    await take(slow, AT_ONCE, who="zhang")
    with pytest.raises(Replayed):
        await take.once(first, Work(), who="zhang")
    let.set()
    await take.stop()
    assert len(take._turns) == 0


async def test_what_is_given_up_leaves_the_line(take, monkeypatch):
    monkeypatch.setattr(taking, "GRACE", AT_ONCE)
    for _ in range(3):
        await take(asyncio.Event().wait, AT_ONCE, who="zhang")
    await take.stop()
    assert len(take._turns) == 0


async def test_what_waits_behind_a_slow_message_of_one_person_leaves_room_for_everybody_else():
    take, let = Taking("x"), asyncio.Event()
    for _ in range(MOST_OF_ONE):
        assert await take(let.wait, AT_ONCE, who="zhang") is None
    with pytest.raises(Full):
        await take(let.wait, AT_ONCE, who="zhang")
    assert await take(Work(), LONG, who="li") == "done"
    for _ in range(MOST_OF_ONE + 1):  # nobody's
        assert await take(let.wait, AT_ONCE) is None
    let.set()
    await take.stop()
    assert await take(Work(), LONG, who="zhang") == "done"
