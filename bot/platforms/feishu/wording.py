"""What may stand in a message: nothing that calls people or becomes markup by itself.

Texts of citizens come neutralised; this is the last door.
"""

import re
from collections.abc import Iterable
from functools import partial
from typing import Final

from bot.platforms import people
from bot.platforms.contract import Mention
from bot.platforms.splitting import without_surrogates

_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALL: Final = "all"
_HARMS: Final = (
    (re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), ""),
    # <at …>, <person …>, <link …>: every tag that text or card know begins so
    (re.compile(r"<(?=\s*[/!]?\s*[A-Za-z])"), "＜"),
    (re.compile(r"@(?=_)"), "＠"),
)


def harmless(text: str) -> str:
    """The text, or markdown of our own making, with its tags made ordinary characters."""
    text = without_surrogates(text)
    for harm, replacement in _HARMS:
        text = harm.sub(replacement, text)
    return text


def account_of(mention: Mention) -> str | None:
    """The account to call; never everybody, whatever the organisation file says."""
    account = (mention.account or "").strip()
    return account if _ACCOUNT.fullmatch(account) and account.casefold() != _ALL else None


def called(mentions: Iterable[Mention]) -> dict[str, str]:
    """The accounts to call, each once, with the name to show."""
    return {account: mention.name for mention in mentions if (account := account_of(mention)) is not None}


reached = partial(people.reached, account_of)
"""Those who have an account here."""
naming = partial(people.naming, account_of)
"""The text with a last line `@姓名` for those who have no account here."""
