"""How much goes into one transaction of a long work."""

import pytest

from bot.pacing import TARGET, Pace


def test_the_next_one_is_as_large_as_the_last_ones_were_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("bot.pacing.time.monotonic", lambda: now)
    pace = Pace(fewest=20, most=200, first=100)

    def one(pieces: int, seconds: float) -> int:
        nonlocal now
        pace.begin()
        now += seconds
        pace.end(pieces)
        return pace.size

    assert one(100, 2 * TARGET) == 75
    assert one(3, TARGET / 10) == 75, "it was fast because it had little to do"
    assert one(3, 2 * TARGET) == 38
    assert one(38, 100 * TARGET) == 20
    assert [one(pace.size, TARGET / 100) for _ in range(2)] == [200, 200]
