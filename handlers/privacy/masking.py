"""Masked forms of names and numbers: 张** · 138****5678 (domain, section 8)."""

import re
import unicodedata
from typing import Final

from storage.vault import canonical_phone

NOT_A_NAME: Final = frozenset(
    [
        "保密",
        "匿名",
        "无",
        "不详",
        "未知",
        "未提供",
        "不愿透露",
        "无名氏",
        "市民",
        "群众",
        "居民",
        "网民",
        "网友",
        "来电人",
        "诉求人",
        "先生",
        "女士",
        "本人",
    ]
)
"""What stands in the name or phone column when nobody is named; shown as it is."""


def mask_name(name: str) -> str:
    """Return a name as groups may see it: first character, then stars (张三 → 张*, 张三丰 → 张**, John → J***).

    保密, an empty name and names masked at the source (张某, 张**) stay. At most two stars follow a Chinese name, so
    that a note in the same field shows nothing of itself.
    """
    text = _plain(name)
    if not text or text in NOT_A_NAME or _MASKED_NAME.fullmatch(text):
        return _MASK_CHARACTER.sub("*", text)
    first = next((character for character in text if character.isalpha()), "")
    if not first:
        return mask_phone(text) if any(character.isdecimal() for character in text) else "*"
    if first.isascii() or not _IDEOGRAPH.match(first):
        return first + "***"
    return first + "*" * min(max(len(text) - 1, 1), 2)


def mask_phone(phone: str) -> str:
    """Return a number or account as groups may see it: 138****1234, 010-****0000, 136**** (masked at the source).

    Never shows more than the first three (area code: four) and the last four digits. Several numbers in one field
    are masked one by one.
    """
    text = _plain(phone)
    if text in NOT_A_NAME:
        return text
    return "/".join(_mask_one(part) for part in _SEVERAL.split(text) if part.strip())


def mask_digits(digits: str) -> str:
    """Mask the bare digits of one telephone number, with or without area or country code."""
    digits = _COUNTRY.sub("", digits)
    if _MOBILE.fullmatch(digits):
        return f"{digits[:3]}****{digits[-4:]}"
    area = _AREA.match(digits)
    if area:
        return f"{area[0]}-****{digits[-4:]}"
    if len(digits) in (7, 8):
        return f"****{digits[-4:]}"
    return f"{digits[:3]}****"


_MASKED_NAME = re.compile(r".?(?:某{1,2}|[*＊×xX●○]{1,3})|[*＊×●○]+")
_MASK_CHARACTER = re.compile(r"[＊×●○]")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_SEVERAL = re.compile(r"[/、,;|\n]+")
_HIDDEN = re.compile(r"[*×xX✕●○•?_]{2,}|[*×✕●○•?]")
_MASKED_NUMBER = re.compile(r"(\d{2,4})(-?)\*+(\d*)")
_COUNTRY = re.compile(r"^(?:00)?86(?=1[3-9]\d{9}$)|^0(?=1[3-9]\d{9}$)")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_AREA = re.compile(r"0(?:10|2\d|[3-9]\d\d)(?=\d{7,8}$)")
_MASKED_OUTPUT = re.compile(r"(?:\d{0,4}-?)\*{3,4}\d{0,4}|.\*{1,3}")


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c)[0] != "C").strip()


def _mask_one(part: str) -> str:
    part = part.strip()
    if part in NOT_A_NAME or _MASKED_OUTPUT.fullmatch(part):
        return part
    number = canonical_phone(part)
    if number is not None:
        return mask_digits(number.partition("-")[0])
    if any(character.isalpha() for character in _HIDDEN.sub("", part)):  # an account on the web
        return next(character for character in part if character.isalnum()) + "***"
    hidden = _HIDDEN.sub("*", part)
    if "*" in hidden:
        head, _, tail = hidden.partition("*")
        head, tail = _digits(head), _digits(tail.rpartition("*")[2])
        return f"{head[:3]}****{tail[-4:] if len(tail) <= 4 else ''}"
    digits = _digits(part)
    return mask_digits(digits) if len(digits) > 6 else f"{digits[:1]}***"


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())
