"""Named places where a test may end the process, to show that nothing acknowledged is lost there.

Nothing can be armed from outside: no setting, no variable. A crash test arms one in its own child process.
"""

from collections.abc import Callable

POINTS = frozenset(
    {
        "batch.before_write",
        "batch.before_commit",
        "batch.after_commit",
        "delivery.before_sending",
        "delivery.before_request",
        "delivery.after_answer",
        "delivery.after_recorded",
    }
)
_armed: dict[str, Callable[[], None]] = {}


def passing(point: str) -> None:
    """The program passes this point; does nothing unless a test armed it."""
    if _armed and (action := _armed.get(point)):
        action()


def arm(point: str, action: Callable[[], None]) -> None:
    """Call `action` whenever the point is passed; raises KeyError for a point that does not exist."""
    if point not in POINTS:
        raise KeyError(point)
    _armed[point] = action
