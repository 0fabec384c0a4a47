"""What may stand in a message: nothing that calls people by itself, nothing that the platform refuses.

Texts of citizens come neutralised; this is the last door.
"""

import re
from collections.abc import Iterable
from functools import partial
from typing import Final

from bot.platforms import people
from bot.platforms.contract import Mention
from bot.platforms.splitting import without_surrogates

_ALL: Final = "@all"
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_HARMS: Final = (
    # JSON must escape these, and \uxxxx is refused in some fields (40033)
    (re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), ""),
    (re.compile(r"\\(?=u[0-9A-Fa-f]{4})"), "＼"),
    (re.compile(r"(?<=<)@|@(?=all(?![A-Za-z0-9_])|所有人)", re.IGNORECASE), "＠"),
)
# WeCom's markdown knows no escapes: what would be markup becomes its full-width twin.
_MARKUP: Final = (
    (re.compile(r"<(?=[@/A-Za-z!])"), "＜"),
    (re.compile(r"`"), "｀"),
    (re.compile(r"\](?=\()"), "］"),
    (re.compile(r"(\*\*|__|~~)"), lambda match: "＊＊" if match[0] == "**" else "＿＿" if match[0] == "__" else "～～"),
    (re.compile(r"^(\s{0,3})#(?=#{0,5}\s)", re.MULTILINE), r"\1＃"),
    (re.compile(r"^(\s{0,3})>", re.MULTILINE), r"\1＞"),
)


def harmless(text: str) -> str:
    """The text (or markdown of our own making) with its mentions and refused characters made ordinary ones."""
    text = without_surrogates(text)
    for harm, replacement in _HARMS:
        text = harm.sub(replacement, text)
    return text


def as_markdown(text: str) -> str:
    """A plain text so that a message of type markdown shows it as it is."""
    text = harmless(text)
    for markup, replacement in _MARKUP:
        text = markup.sub(replacement, text)
    return text


def account_of(mention: Mention) -> str | None:
    """The account to call; never everybody, whatever the organisation file says, and nothing that is no userid."""
    account = (mention.account or "").strip()
    return account if _ACCOUNT.fullmatch(account) and account.casefold() != _ALL else None


def accounts_of(mentions: Iterable[Mention]) -> list[str]:
    """The accounts to call, each once."""
    return list(dict.fromkeys(account for mention in mentions if (account := account_of(mention)) is not None))


reached = partial(people.reached, account_of)
"""Those who have an account here."""
naming = partial(people.naming, account_of)
"""The text with a last line `@姓名` for those who have no account here."""


def calling(markdown: str, mentions: Iterable[Mention]) -> str:
    """Markdown with a last line that calls people: `<@account>`."""
    calls = [f"<@{account}>" for account in accounts_of(mentions)]
    return f"{markdown.rstrip()}\n{' '.join(calls)}" if calls else markdown
