"""Rules that find door numbers: the building stays, it is where to send somebody; unit, floor and room go.

They read a folded text in which Chinese numerals are digits (`三单元五零一` is `3单元501`); 十 stays as it is.
"""

import re
from collections.abc import Iterator
from typing import Final

from handlers.privacy.numbers import ALONE, join

_N: Final = "[0-9十]"
_HOUSEHOLDS: Final = "户(?=[居人家村业都没停])"
_QUANTITY: Final = (
    rf"(?! ?(?:[元块路年月日时点分秒人个次米平㎡度吨公条辆万亿多余层楼栋幢号%‰]|{_HOUSEHOLDS}|(?<=00)户"
    r"|/[0-9]{1,2}(?![0-9]))|[*]|[\-.:]?[0-9])"
)
_HOUSE: Final = rf"(?:{_N}{{1,4}}|[A-Za-z甲乙丙丁]) {{0,2}}(?:号楼|楼|栋|幢|座|#楼?|号院)"
_ENTRANCE: Final = rf"(?:{_N}{{1,3}} {{0,2}}(?:单元|门洞?)|[东西南北中]单元)"
_FLOOR: Final = rf"{_N}{{1,3}} {{0,2}}[层楼]"
_FLAT: Final = "(?:号房|房(?![屋子价租东客产地源间]))"
_ROOM: Final = (
    rf"(?:[A-Za-z]?{_N}{{1,5}} ?(?:室|{_FLAT}|号(?![楼院线门路文车电梯机泵井箱桥厅库]))"
    rf"|[A-Za-z]?[0-9]{{3,4}}(?:(?<!00)(?!{_HOUSEHOLDS})户)?{_QUANTITY})"
    rf"(?:[/,和及与]{{1,2}}[0-9]{{3,4}}(?:室|{_QUANTITY})){{0,20}}"
)
_SIDE: Final = r"[东西南北中左右]{1,2}[户门室侧]"
_STEP: Final = r"[ \-,]{0,3}"
_EMERGENCY: Final = r"1(?:1[09]|2[02])(?![0-9室号])"  # 3号楼110出警

_RULES: Final = (
    # 3号楼2单元501室, 12栋3门402, 2单元5层东户
    ("a", rf"{ALONE}(?:(?P<keep_a>{_HOUSE}){_STEP})?{_ENTRANCE}{_STEP}(?:{_FLOOR}{_STEP})?(?:{_ROOM}|{_SIDE})"),
    # 3号楼5层501, B座12层西户
    ("b", rf"{ALONE}(?P<keep_b>{_HOUSE}){_STEP}{_FLOOR}{_STEP}(?:{_ROOM}|{_SIDE})"),
    # 3号楼501, B座1203, 5#2-301
    ("c", rf"{ALONE}(?P<keep_c>{_HOUSE}){_STEP}(?:[0-9]{{1,2}}-{{1,2}})?(?!{_EMERGENCY}){_ROOM}"),
    # 5-2-301
    ("d", r"(?<![0-9\-A-Za-z])(?P<keep_d>[0-9]{1,3}|[A-H])-{1,2}(?:[0-9]{1,2}-{1,2}){1,2}[0-9]{3,4}(?![0-9\-])"),
    # 桃花苑5-301
    ("e", rf"(?<=[区园苑里院庭居城府湾庄寓邸号村])(?P<keep_e>[0-9]{{1,3}})-{{1,2}}[0-9]{{3,4}}{_QUANTITY}"),
    # 桃花里12号501
    ("f", rf"(?<![0-9A-Za-z月])(?P<keep_f>[0-9]{{1,4}}号)[0-9]{{1,2}}(?:0[1-9]|1[0-9]){_QUANTITY}"),
    # 501室, A-1203室, 302房
    ("g", rf"(?<![0-9A-Za-z.])(?:[A-Za-z]-?)?{_N}{{2,5}} ?(?:室(?!厅|[0-9]厅|[内外]温)|{_FLAT})"),
    # 3号平房; 3层312房间
    ("i", rf"(?<![0-9A-Za-z.])(?:{_N}{{1,4}} ?号平房|(?<=[层楼])[0-9]{{3,4}} ?房间)"),
    # 门牌号35, 房间号: 501
    ("h", r"(?P<keep_h>(?:门牌|房间?|室|门)号码?[ :为是]{0,3})[A-Za-z]?[0-9]{1,5}(?:-[0-9]{1,4}){0,3}(?![0-9])"),
)

_DOORS: Final = join(_RULES)
_TRIPLES: Final = re.compile(dict(_RULES)["d"])
_WORD: Final = "[0-9十A-Za-z]"
_GATE = re.compile(
    rf"[0-9十A-Za-z甲乙丙丁门房室东西南北中](?<!{_WORD}{_WORD})(?<![*]{{4}}[0-9])"
    rf"{_WORD}*+(?= {{0,2}}[号楼栋幢座#单门室房\-牌间])"
)


def find_doors(folded: str) -> Iterator[re.Match[str]]:
    """Find the door numbers of a folded text; the gate is what all of them begin with."""
    done = 0
    for gate in _GATE.finditer(folded):
        if gate.start() >= done:
            match = _DOORS.match(folded, gate.start()) or _DOORS.match(folded, gate.start() + 1)  # 公租房A座1208
            if match is not None:
                done = match.end()
                yield match


def find_triples(folded: str) -> Iterator[re.Match[str]]:
    """Find doors in three parts, 5-2-301: looked for before phones, whose digits may be split by the same dashes."""
    return _TRIPLES.finditer(folded)


_NEIGHBOURS = re.compile(
    rf"(?:楼[上下]|对门|隔壁|住户|业主|邻居)(?P<keep>(?:[0-9]{{1,3}}-{{1,2}})?)(?!{_EMERGENCY})[0-9]{{3,4}}(?<!00){_QUANTITY}"
)


def find_neighbours(folded: str) -> Iterator[re.Match[str]]:
    """Find rooms that only the word in front of them tells: 楼上1301, 住户16-1602."""
    return _NEIGHBOURS.finditer(folded)


def hide_neighbour(match: re.Match[str], written: str) -> str:
    """Put a star for every digit of the room."""
    kept = match.end("keep") - match.start()
    return written[:kept] + "*" * (len(written) - kept)


_KEPT: Final = tuple(name for name in _DOORS.groupindex if name.startswith("keep_"))


def hide_door(match: re.Match[str], written: str) -> str:
    """Put a star for every digit and side behind the building: 3号楼*单元***室. The length stays."""
    groups = match.groupdict()
    kept = next((match.end(name) - match.start() for name in _KEPT if groups.get(name) is not None), 0)
    return written[:kept] + "".join(
        "*" if read.isdigit() or read in "十东西南北中左右" else character
        for read, character in zip(match[0][kept:], written[kept:], strict=True)
    )
