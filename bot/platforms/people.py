"""Who of those to be called has an account on a platform, and how the others are named in the text."""

from collections.abc import Callable, Iterable

from bot.platforms.contract import Mention

AccountOf = Callable[[Mention], str | None]
"""The account that a platform may call, None for nobody there."""


def reached(account_of: AccountOf, mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """Those who have an account here."""
    return tuple(mention for mention in mentions if account_of(mention) is not None)


def naming(account_of: AccountOf, text: str, mentions: Iterable[Mention]) -> str:
    """The text with a last line `@姓名` for those who have no account here."""
    names = dict.fromkeys(f"@{mention.name}" for mention in mentions if account_of(mention) is None)
    return f"{text.rstrip()}\n{' '.join(names)}" if names else text


def first_line(text: str) -> str:
    """What a message is about."""
    return text.strip().partition("\n")[0].rstrip()
