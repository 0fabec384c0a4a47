"""Personal data kept out of groups, logs, events, reports and pages: everything that leaves passes through here.

Masked forms for the fields that name somebody, scrubbing for free text, neutralising for text that citizens wrote,
redaction for log lines (domain, section 8).
"""

import re
from collections.abc import Sequence
from typing import Final

from handlers.privacy.folding import plain
from handlers.privacy.masking import mask_name, mask_phone
from handlers.privacy.scrubbing import Scrubber, scrub

__all__ = ["Cleaner", "clean", "echoed", "mask_name", "mask_phone", "neutralise", "redact_log", "scrub"]


class Cleaner:
    """`clean` for many texts of one order: its caller's values are prepared once."""

    def __init__(self, *, own: Sequence[str] = (), keep: Sequence[str] = ()) -> None:
        self._scrubber = Scrubber(own=own, keep=keep)

    def clean(self, text: str) -> str:
        """See `clean`."""
        if not text or self._scrubber.spares(text):
            return text  # an ordinary text has nothing to neutralise either
        return neutralise(self._scrubber.scrub(text))


def clean(text: str, *, own: Sequence[str] = (), keep: Sequence[str] = ()) -> str:
    """Scrub and neutralise: what any text from outside goes through before it is stored or shown in the open."""
    return Cleaner(own=own, keep=keep).clean(text)


def echoed(text: str, length: int = 20) -> str:
    """The beginning of what somebody typed, on one line, for an answer: masked before it is cut, because half a
    telephone number is none that could be found."""
    line = " ".join(scrub(text).split())
    return line if len(line) <= length else f"{line[:length]}…"


def neutralise(text: str) -> str:
    """Return text from citizens that no platform reads as a mention and no parser as a command or a notice.

    `@` and `<…>` become full-width, a slash that begins a line becomes `⁄`, `【#` becomes `〔#` (only our notices name
    an order so), a Markdown link loses its bracket; control, bidirectional and invisible characters go, new lines stay.
    """
    text = plain(text).translate(_DEFUSED)
    text = _COMMAND.sub(lambda match: match[1] + "⁄" * len(match[2]), text)
    text = _NOTICE.sub("〔", text)
    return text.replace("](", "］(")


def redact_log(text: str) -> str:
    """Return a log line without keys, tokens and passwords, and scrubbed of personal data."""
    for pattern, hidden in _SECRET_PARTS:
        text = pattern.sub(hidden, text)
    return scrub(_SETTING.sub(_hide_secret, text))


_DEFUSED: Final = str.maketrans("@﹫<>﹤﹥", "＠＠＜＞＜＞")
_COMMAND = re.compile(r"^([^\S\n]*)([/／、\\＼﹨∕]+)", re.MULTILINE)
_NOTICE = re.compile(r"【(?=\s*[#＃﹟])")

_SECRET_PARTS: Final = (
    (re.compile(r"\b((?i:Bearer|Basic))\s+[^\s\"',;]+"), r"\1 ***"),
    (re.compile(r"(://)[^\s/]*@"), r"\1***@"),
    (re.compile(r"(/hook/)[^\s\"'/?&]+"), r"\1***"),
)
_SECRET_NAMES: Final = ("token", "secret", "password", "passwd", "pwd", "sign", "signature", "ticket", "key", "cookie")
_SETTING = re.compile(
    r"[A-Za-z_](?<![A-Za-z_][A-Za-z_])[A-Za-z_]*+"
    rf"(?i:{'|'.join(f'(?<={name})' for name in (*_SECRET_NAMES, 'authorization'))})"
    r"[\"']?[ ]{0,2}[=:][ ]{0,2}(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'&,;}]+)"
)


def _hide_secret(match: re.Match[str]) -> str:
    """Hide the value of `name=value` by its name; a short number after `key` is that of a row and stays."""
    value = match["value"].strip("\"'")
    if value == "***" or re.fullmatch(r"(?i:Bearer|Basic)(?: \*\*\*)?|[0-9]{1,12}", value):
        return match[0]
    return match[0][: match.start("value") - match.start()] + "***"
