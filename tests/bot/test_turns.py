import asyncio

import pytest

from bot.turns import BY_ITSELF, Speaking, Turns


def test_each_goes_when_all_before_have_left():
    turns = Turns()
    first, second, third = (turns.join("zhang") for _ in range(3))
    assert (first.is_set(), second.is_set(), third.is_set()) == (True, False, False)
    turns.leave("zhang", second)  # it gave up: whoever stood behind it still waits for the first
    assert not third.is_set()
    turns.leave("zhang", first)
    assert third.is_set()


def test_nobody_waits_for_anybody_else_and_nothing_is_kept():
    turns = Turns()
    line = {who: turns.join(who) for who in ("zhang", "li")}
    assert all(turn.is_set() for turn in line.values()) and len(turns) == 2
    for who, turn in line.items():
        turns.leave(who, turn)
    assert len(turns) == 0
    assert turns.join("zhang").is_set()


async def reached(*waiting):
    """Which of them need not wait, once everything that can go on did."""
    tasks = [asyncio.ensure_future(each) for each in waiting]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    done = [task.done() for task in tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return done


async def test_the_next_begins_when_the_last_is_handed_over_and_asks_when_it_is_done():
    speaking = Speaking()
    with speaking.turn("zhang") as alone, speaking.turn("li") as other:
        assert await reached(alone.begin(), alone.alone(), other.begin()) == [True, True, True]
    first = speaking.turn("zhang")
    handing = first.__enter__()
    with speaking.turn("zhang") as command, speaking.turn("zhang") as question:
        assert await reached(command.begin(), question.begin()) == [False, False]
        handing.pass_on()
        handing.pass_on()
        assert await reached(command.begin(), command.alone(), question.begin()) == [True, False, False]
        command.pass_on()
        assert await reached(question.begin(), question.alone()) == [True, False]
        first.__exit__(None, None, None)
        assert await reached(command.alone(), question.alone()) == [True, False]
    assert await reached(BY_ITSELF.begin(), BY_ITSELF.alone()) == [True, True]


async def test_a_message_that_fails_holds_up_nobody():
    speaking = Speaking()
    with pytest.raises(OSError, match="cut"), speaking.turn("zhang"):
        raise OSError("cut")
    with speaking.turn("zhang") as turn:
        assert await reached(turn.begin(), turn.alone()) == [True, True]
