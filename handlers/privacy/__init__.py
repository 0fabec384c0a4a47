"""Personal data kept out of groups, logs, events, reports and pages: everything that leaves passes through here.

Masked forms for the fields that name somebody, scrubbing for free text, neutralising for text that citizens wrote,
redaction for log lines (domain, section 8).
"""

import re
from collections.abc import Sequence
from typing import Final

from handlers.privacy.folding import plain
from handlers.privacy.masking import mask_name, mask_phone
from handlers.privacy.scrubbing import scrub

__all__ = ["clean", "mask_name", "mask_phone", "neutralise", "redact_log", "scrub"]


def clean(text: str, *, own: Sequence[str] = (), keep: Sequence[str] = ()) -> str:
    """Scrub and neutralise: what any text from outside goes through before it is stored or shown in the open."""
    return neutralise(scrub(text, own=own, keep=keep))


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
    for pattern, hidden in _SECRETS:
        text = pattern.sub(hidden, text)
    return scrub(text)


_DEFUSED: Final = str.maketrans("@﹫<>﹤﹥", "＠＠＜＞＜＞")
_COMMAND = re.compile(r"^([^\S\n]*)([/／、\\＼﹨∕]+)", re.MULTILINE)
_NOTICE = re.compile(r"【(?=\s*[#＃﹟])")

_WORDS: Final = (
    "access_?token|refresh_?token|token|app_?secret|client_?secret|secret|password|passwd|pwd|sign(?:ature)?|ticket|"
    "encoding_?aes_?key|aes_?key|encrypt_?key|api_?key|office_?key|key_?hex|code_?verifier|authorization|cookie"
)
_SECRETS: Final = (
    (re.compile(r"(?i)\b(Bearer|Basic)\s+[^\s\"',;]+"), r"\1 ***"),
    (re.compile(r"(://)[^\s/]*@"), r"\1***@"),
    (re.compile(r"(?i)(/hook/)[^\s\"'/?&]+"), r"\1***"),
    (
        re.compile(
            rf"(?i)((?<![a-z])[a-z_]{{0,20}}(?:{_WORDS})[\"']?\s{{0,2}}[=:]\s{{0,2}}[\"']?)(?!Bearer|Basic)[^\s\"'&,;}}]+"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)((?<![a-z])key[\"']?\s{0,2}[=:]\s{0,2}[\"']?)[A-Za-z0-9+/=_\-]{8,}"), r"\1***"),
)
