"""Texts full of invented personal data, as callers and staff write it, and a judge of whether any of it got out.

For every test of a way out: draw `personal_texts()`, send `.text` through, ask `.leaks(what_came_out)`. All numbers
are synthetic: mobiles 1380000xxxx, landlines 010-8888xxxx, identity numbers of the region 110101 that no one has.
The judge reads the output on its own terms (NFKC, numerals, no separators), not with the code under test.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from hypothesis import strategies as st

_NUMERAL = dict(zip("〇零一二三四五六七八九幺", "001234567891", strict=True))
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


def normalise(text: str) -> str:
    """Read a text as a determined person would: without separators and invisibles, numerals as digits."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Mn", "Me"))
    return "".join(_NUMERAL.get(c, c) for c in _SEPARATOR.sub("", text)).casefold()


_FULL_WIDTH = str.maketrans(
    "0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ@",
    "０１２３４５６７８９－ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ＠",
)
_CHINESE = str.maketrans("0123456789", "零一二三四五六七八九")
_CHINESE_SPOKEN = str.maketrans("0123456789", "〇幺二三四五六七八九")
_SPLITTERS = (" ", "-", "  ", ".", "—", " - ", "\u3000", "－", "\u200b", "/", "_", "·", "\u2060")


def _digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


@st.composite
def _written(draw: st.DrawFn, number: str, groups: tuple[int, ...]) -> str:
    """One of the ways people write a number: plain, grouped, digit by digit, full-width, in numerals."""
    parts, at = [], 0
    for size in groups:
        parts.append(number[at : at + size])
        at += size
    style = draw(st.sampled_from(("plain", "grouped", "grouped", "spread", "full", "chinese", "spoken")))
    if style == "grouped":
        return draw(st.sampled_from(_SPLITTERS)).join(parts)
    if style == "spread":
        return draw(st.sampled_from((" ", "-", "\u200b"))).join(number)
    table = {"full": _FULL_WIDTH, "chinese": _CHINESE, "spoken": _CHINESE_SPOKEN}.get(style)
    return number.translate(table) if table else number


@st.composite
def mobiles(draw: st.DrawFn) -> Secret:
    """A mobile number, also with +86, in brackets or split."""
    number = "1380000" + draw(_digits(4))
    written = draw(_written(number, (3, 4, 4)))
    prefix = draw(st.sampled_from(("", "", "", "+86", "+86 ", "0086", "86-", "86 ", "0")))
    return Secret("手机", prefix + written, (number,))


@st.composite
def landlines(draw: st.DrawFn) -> Secret:
    """A Beijing landline with or without its area code."""
    number = "8888" + draw(_digits(4))
    area = draw(st.sampled_from(("", "010", "010-", "(010)", "（010）", "010 ", "010—", "+86 10 ", "+86-10-")))
    if area:
        local = draw(st.sampled_from((number, number[:4] + "-" + number[4:], number[:4] + " " + number[4:])))
        written = area + local
        if draw(st.booleans()):
            written = written.translate(_FULL_WIDTH)
        elif area == "010" and draw(st.booleans()):
            written = written.replace("-", "").replace(" ", "").translate(_CHINESE)
    else:
        written = draw(
            st.sampled_from(
                (
                    number,
                    f"{number[:4]}-{number[4:]}",
                    f"{number[:4]} {number[4:]}",
                    " ".join(number),
                    number.translate(_FULL_WIDTH),
                    number.translate(_CHINESE),
                )
            )
        )
    return Secret("座机", written, (number,))


@st.composite
def identities(draw: st.DrawFn) -> Secret:
    """An identity number of 15 or 18 characters; the check digit is whatever comes."""
    born = f"{draw(st.integers(1, 12)):02d}{draw(st.integers(1, 28)):02d}"
    if draw(st.booleans()):
        number = f"110101{draw(st.sampled_from(('1900', '1901', '2000')))}{born}" + draw(_digits(3))
        number += draw(st.sampled_from("0123456789X"))
        groups = (6, 8, 4)
    else:
        number, groups = f"11010100{born}" + draw(_digits(3)), (6, 6, 3)
    written = draw(_written(number, groups))
    if written.endswith("X") and draw(st.booleans()):
        written = written[:-1] + "x"
    return Secret("身份证", written, (number.casefold(), number[:-1]))


@st.composite
def plates(draw: st.DrawFn) -> Secret:
    """A plate of the old or the new-energy form, of the places whose cars one sees in Beijing."""
    letter = draw(st.sampled_from("ABCEFGHJKLMNPQRY"))
    tail = draw(st.sampled_from(("", "D", "F"))) + draw(_digits(5))
    place = draw(st.sampled_from("京津冀鲁豫蒙辽粤"))
    joint = draw(st.sampled_from(("", "·", " ", "-", "·  ")))
    written = place + letter + joint + tail
    written = draw(st.sampled_from((written, written.lower(), written.translate(_FULL_WIDTH))))
    return Secret("车牌", written, ((letter + tail).casefold(),))


@st.composite
def mails(draw: st.DrawFn) -> Secret:
    """An e-mail address of a reserved domain."""
    local = draw(st.from_regex(r"[a-z][a-z0-9]{2,8}([._][a-z0-9]{2,5})?", fullmatch=True))
    at = draw(st.sampled_from(("@", "@", "＠", " @ ", "(at)")))
    domain = draw(st.sampled_from(("example.com", "mail.example.org", "EXAMPLE.NET")))
    return Secret("邮箱", local + at + domain, (normalise(local + "@" + domain), normalise(local + at + domain)))


@st.composite
def doors(draw: st.DrawFn) -> Secret:
    """A flat: building, unit and room, as addresses in Beijing are written."""
    building, unit = draw(st.integers(1, 30)), draw(st.integers(1, 9))
    room = f"{draw(st.integers(1, 28))}0{draw(st.integers(1, 9))}"
    written, traces = draw(
        st.sampled_from(
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
            )
        )
    )
    if draw(st.booleans()):
        written = written.translate(draw(st.sampled_from((_FULL_WIDTH, _CHINESE))))
    return Secret("门牌", written, traces)


@st.composite
def cards(draw: st.DrawFn) -> Secret:
    """A bank card of 16 or 19 digits."""
    number = "622200000000" + draw(_digits(4)) + draw(st.sampled_from(("", "000")))
    return Secret("银行卡", draw(st.sampled_from((number, " ".join(re.findall(".{1,4}", number))))), (number,))


NAMES = ("张三", "李四", "王小明", "欧阳震华", "赵六一", "买买提·艾力", "John Smith")


@st.composite
def callers(draw: st.DrawFn, name: str) -> Secret:
    """The caller's own name as it appears in a text: plain, spaced or full-width."""
    joint = draw(st.sampled_from(("", "", "", " ", "\u3000", "\u200b", "·")))
    written = name if name.isascii() else joint.join(name)
    if name.isascii() and draw(st.booleans()):
        written = written.upper()
    return Secret("姓名", written + draw(st.sampled_from(("", "先生", "女士"))), (normalise(name),))


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


@st.composite
def personal_texts(draw: st.DrawFn) -> PersonalText:
    """A text of one to four secrets between ordinary words and harmless numbers."""
    name = draw(st.sampled_from(NAMES))
    phone = "1380000" + draw(_digits(4))
    own_phone = _written(phone, (3, 4, 4)).map(lambda written: Secret("本人电话", written, (phone,)))
    kinds = st.one_of(
        mobiles(), landlines(), identities(), plates(), mails(), doors(), cards(), callers(name), own_phone
    )
    secrets = draw(st.lists(kinds, min_size=1, max_size=4))
    harmless: list[str] = []
    parts = [draw(st.sampled_from(_FILLER))]
    for secret in secrets:
        parts += secret.written, draw(st.sampled_from(_FILLER))
        if draw(st.booleans()):
            harmless.append(draw(st.sampled_from(HARMLESS)))
            parts += "，见", harmless[-1], "，"
    return PersonalText("".join(parts), tuple(secrets), (name, phone), tuple(harmless))
