"""Texts full of invented personal data, as callers and staff write it, and a judge of whether any of it got out.

For every test of a way out: draw `personal_texts()`, send `.text` through, ask `.leaks(what_came_out)`. All numbers
are synthetic: mobiles 1380000xxxx, landlines 010-8888xxxx, identity numbers of the region 110101 that no one has.
The judge reads the output on its own terms (NFKC, numerals, no separators), not with the code under test.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

_NUMERAL = dict(zip("〇零一二三四五六七八九幺洞拐勾两", "0012345678910792", strict=True))
_SEPARATOR = re.compile(r"[\s\-_.·,;:/()（）—–~…。，、\u20e3]")


@dataclass(frozen=True)
class Secret:
    """One piece of personal data: how it is written, and the traces that show it if they stay."""

    kind: str
    written: str
    traces: tuple[str, ...]


@dataclass(frozen=True)
class PersonalText:
    """A text with secrets in it. `own` is what the vault knows of the caller; `harmless` must survive."""

    text: str
    secrets: tuple[Secret, ...]
    own: tuple[str, ...]
    harmless: tuple[str, ...] = field(default=())

    def leaks(self, output: str) -> list[str]:
        """Name what of the secrets can still be read in the output, however it is laid out."""
        read = normalise(output)
        return [
            f"{secret.kind}: {secret.written!r}"
            for secret in self.secrets
            if secret.written in output or any(trace in read for trace in secret.traces)
        ]


class _Reading(dict[int, str]):
    """What a character is read as: nothing for separators and invisibles, digits for numerals; worked out once each."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        unseen = _SEPARATOR.match(character) or unicodedata.category(character) in ("Cc", "Cf", "Mn", "Me")
        self[code] = "" if unseen else _NUMERAL.get(character, character).casefold()
        return self[code]


_READING = _Reading()


def normalise(text: str) -> str:
    """Read a text as a determined person would: without separators and invisibles, numerals as digits."""
    return unicodedata.normalize("NFKC", text).translate(_READING)


_FULL_WIDTH = str.maketrans(
    "0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ@",
    "０１２３４５６７８９－ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ＠",
)
_CHINESE = str.maketrans("0123456789", "零一二三四五六七八九")
_CHINESE_SPOKEN = str.maketrans("0123456789", "〇幺二三四五六七八九")
_RADIO = str.maketrans("0123456789", "洞幺两三四五六拐八勾")
_SPLITTERS = (" ", "-", "  ", ".", "—", " - ", "\u3000", "－", "\u200b", "/", "_", "·", "\u2060")


# Hypothesis checks a strategy each time one is made, which takes longer than drawing from it: each is made once.
@cache
def _digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


@cache
def _between(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most)


def _pick(draw: st.DrawFn, choices: Sequence[T]) -> T:
    return choices[draw(_between(0, len(choices) - 1))]


_EITHER = st.booleans()
_LOCAL = st.from_regex(r"[a-z][a-z0-9]{2,8}([._][a-z0-9]{2,5})?", fullmatch=True)


def _written(draw: st.DrawFn, number: str, groups: tuple[int, ...]) -> str:
    """One of the ways people write a number: plain, grouped, digit by digit, full-width, in numerals."""
    parts, at = [], 0
    for size in groups:
        parts.append(number[at : at + size])
        at += size
    style = _pick(draw, ("plain", "grouped", "grouped", "spread", "full", "chinese", "spoken"))
    if style == "grouped":
        return _pick(draw, _SPLITTERS).join(parts)
    if style == "spread":
        return _pick(draw, (" ", "-", "\u200b")).join(number)
    said = _RADIO if number[-1] in "02468" else _CHINESE_SPOKEN
    table = {"full": _FULL_WIDTH, "chinese": _CHINESE, "spoken": said}.get(style)
    return number.translate(table) if table else number


@st.composite
def mobiles(draw: st.DrawFn) -> Secret:
    """A mobile number, also with +86, in brackets or split."""
    number = "1380000" + draw(_digits(4))
    written = _written(draw, number, (3, 4, 4))
    prefix = _pick(draw, ("", "", "", "+86", "+86 ", "0086", "86-", "86 ", "0"))
    return Secret("手机", prefix + written, (number,))


@st.composite
def landlines(draw: st.DrawFn) -> Secret:
    """A Beijing landline with or without its area code."""
    number = "8888" + draw(_digits(4))
    area = _pick(draw, ("", "010", "010-", "(010)", "（010）", "010 ", "010—", "+86 10 ", "+86-10-"))
    if area:
        local = _pick(draw, (number, number[:4] + "-" + number[4:], number[:4] + " " + number[4:]))
        written = area + local
        if draw(_EITHER):
            written = written.translate(_FULL_WIDTH)
        elif area == "010" and draw(_EITHER):
            written = written.replace("-", "").replace(" ", "").translate(_CHINESE)
    else:
        written = _pick(
            draw,
            (
                number,
                f"{number[:4]}-{number[4:]}",
                f"{number[:4]} {number[4:]}",
                " ".join(number),
                number.translate(_FULL_WIDTH),
                number.translate(_CHINESE),
            ),
        )
    return Secret("座机", written, (number,))


@st.composite
def identities(draw: st.DrawFn) -> Secret:
    """An identity number of 15 or 18 characters; the check digit is whatever comes."""
    born = f"{draw(_between(1, 12)):02d}{draw(_between(1, 28)):02d}"
    if draw(_EITHER):
        number = f"110101{_pick(draw, ('1900', '1901', '2000'))}{born}" + draw(_digits(3))
        number += _pick(draw, "0123456789X")
        groups = (6, 8, 4)
    else:
        number, groups = f"11010100{born}" + draw(_digits(3)), (6, 6, 3)
    written = _written(draw, number, groups)
    if written.endswith("X") and draw(_EITHER):
        written = written[:-1] + "x"
    return Secret("身份证", written, (number.casefold(), number[:-1]))


@st.composite
def plates(draw: st.DrawFn) -> Secret:
    """A plate of the old or the new-energy form, of the places whose cars one sees in Beijing."""
    letter = _pick(draw, "ABCEFGHJKLMNPQRY")
    tail = _pick(draw, ("", "D", "F")) + draw(_digits(5))
    place = _pick(draw, "京津冀鲁豫蒙辽粤")
    joint = _pick(draw, ("", "·", " ", "-", "·  "))
    written = place + letter + joint + tail
    written = _pick(draw, (written, written.lower(), written.translate(_FULL_WIDTH)))
    return Secret("车牌", written, ((letter + tail).casefold(),))


@st.composite
def mails(draw: st.DrawFn) -> Secret:
    """An e-mail address of a reserved domain."""
    local = draw(_LOCAL)
    at = _pick(draw, ("@", "@", "＠", " @ ", "(at)"))
    domain = _pick(draw, ("example.com", "mail.example.org", "EXAMPLE.NET"))
    return Secret("邮箱", local + at + domain, (normalise(local + "@" + domain), normalise(local + at + domain)))


@st.composite
def doors(draw: st.DrawFn) -> Secret:
    """A flat: building, unit and room, as addresses in Beijing are written."""
    building, unit = draw(_between(1, 19)), draw(_between(1, 9))  # 20-2-606 would read as June of 2026
    room = f"{draw(_between(1, 28))}0{draw(_between(1, 9))}"
    written, traces = _pick(
        draw,
        (
            (f"{building}号楼{unit}单元{room}室", (f"{unit}单元{room}", f"{room}室")),
            (f"{building}号楼{unit}单元{room}", (f"单元{room}",)),
            (f"{building} 号楼 {unit} 单元 {room} 室", (f"{unit}单元{room}", f"{room}室")),
            (f"{building}栋{unit}门{room}", (f"门{room}",)),
            (f"{building}-{unit}-{room}", (f"{building}{unit}{room}",)),
            (f"{building}－{unit}－{room}", (f"{building}{unit}{room}",)),
            (f"{unit}单元{room}", (f"单元{room}",)),
            (f"{building}号楼{room}室", (f"楼{room}", f"{room}室")),
            (f"{room}室", (f"{room}室",)),
        ),
    )
    if draw(_EITHER):
        written = written.translate(_pick(draw, (_FULL_WIDTH, _CHINESE)))
    return Secret("门牌", written, traces)


@st.composite
def cards(draw: st.DrawFn) -> Secret:
    """A bank card of 16 or 19 digits."""
    number = "622200000000" + draw(_digits(4)) + _pick(draw, ("", "000"))
    return Secret("银行卡", _pick(draw, (number, " ".join(re.findall(".{1,4}", number)))), (number,))


NAMES = ("张三", "李四", "王小明", "欧阳震华", "赵六一", "买买提·艾力", "John Smith")


def _called(draw: st.DrawFn, name: str) -> Secret:
    """The caller's own name as it appears in a text: plain, spaced or full-width."""
    joint = _pick(draw, ("", "", "", " ", "\u3000", "\u200b", "·"))
    written = name if name.isascii() else joint.join(name)
    if name.isascii() and draw(_EITHER):
        written = written.upper()
    return Secret("姓名", written + _pick(draw, ("", "先生", "女士")), (normalise(name),))


HARMLESS = (
    "热线-260601-000123",
    "2026-06-01 10:30:00",
    "20260601",
    "4000元",
    "第二十一条",
    "12345",
    "96310",
    "#123",
    "桃花巷3号",
    "98.5%",
    "23:30",
)
_FILLER = (
    "市民反映路灯不亮，",
    "请尽快处理。",
    "联系电话",
    "，一直没人接",
    "三天没有回复；",
    "统一",
    "来电称",
    "（同微信）",
    "\n",
    "，",
    "住在桃花里",
    "车辆",
    "邮箱是",
    "\U0001f621",
    "@所有人",
    "【#1】",
)


_OTHERS = st.one_of(mobiles(), landlines(), identities(), plates(), mails(), doors(), cards())


@st.composite
def personal_texts(draw: st.DrawFn) -> PersonalText:
    """A text of one to four secrets between ordinary words and harmless numbers."""
    name = _pick(draw, NAMES)
    phone = "1380000" + draw(_digits(4))
    secrets = []
    for _ in range(draw(_between(1, 4))):
        match draw(_between(0, 8)):
            case 0:
                secrets.append(_called(draw, name))
            case 1:
                secrets.append(Secret("本人电话", _written(draw, phone, (3, 4, 4)), (phone,)))
            case _:
                secrets.append(draw(_OTHERS))
    harmless: list[str] = []
    parts = [_pick(draw, _FILLER)]
    for secret in secrets:
        parts += secret.written, _pick(draw, _FILLER)
        if draw(_EITHER):
            harmless.append(_pick(draw, HARMLESS))
            parts += "，见", harmless[-1], "，"
    return PersonalText("".join(parts), tuple(secrets), (name, phone), tuple(harmless))
