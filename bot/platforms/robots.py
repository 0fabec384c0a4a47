"""Group robots: a platform counts what one sends, whatever our organisation file calls it."""

from collections.abc import Iterable
from dataclasses import replace

from bot.platforms.contract import Limit
from config.entries import Robot


def counted(robot: Robot, limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """The limits, drawn from a bucket that follows from the robot's address and gives nothing away: a renamed group,
    another robot in front of it, a bot beside it that sends by it, all find what was sent before."""
    return tuple(replace(limit, bucket=f"robot:{robot.fingerprint}") for limit in limits)


def bucket(limits: Iterable[Limit]) -> str | None:
    """The bucket of a robot's limits: a pause that the platform asks for is for the robot, too."""
    return next((limit.bucket for limit in limits if limit.bucket), None)
