from bot.turns import Turns


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
