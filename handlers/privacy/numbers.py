"""Rules that find numbers of persons: phones, identity and card numbers, plates, e-mails, accounts.

All read a folded text (ASCII digits, dashes, brackets). In each pattern no two repetitions compete for the same
characters, so that time grows with length only; a pattern begins with plain characters where it can, because then
the search skips to them.
"""

import re
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from handlers.privacy.masking import mask_digits

Find = Callable[[str], Iterator[re.Match[str]]]
"""Given a folded text: what stands out in it, from left to right."""
Hide = Callable[[re.Match[str], str], str | None]
"""Given a match in the folded text and the same stretch of the plain one: what to write, None to leave it."""

ALONE: Final = r"(?<![0-9A-Za-z])"
ENDS_ALONE: Final = r"(?![0-9A-Za-z])"
ODD_SIGN: Final = r"[ \n\-_.·,;:!?|/\\'\"+=~&()<>…。\u0300-\u036f\u20d0-\u20ff]"
ODD_MOST: Final = 5
ODD: Final = f"{ODD_SIGN}{{0,{ODD_MOST}}}"  # may split the digits of a mobile


def join(rules: Sequence[tuple[str, str]]) -> re.Pattern[str]:
    """Join a table into one pattern, first rule first; the match's `lastgroup` is the rule's name and place."""
    return re.compile("|".join(f"(?P<{name}_{at}>{rule})" for at, (name, rule) in enumerate(rules)))


# Numbers that show by themselves what they are

_STARTS: Final = r"(?<![0-9])"
_ENDS: Final = r"(?![0-9])"
_GAP: Final = r"[ \-_.·/]{0,3}"
_ONE: Final = r"[ \-_.·/]"
_AFTER_AREA: Final = r"[ )\-_.·/:]{0,4}"
_YEAR: Final = r"(?:19|20)[0-9]{2}"
_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_DAY: Final = r"(?:0[1-9]|[12][0-9]|3[01])"
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_EXTENSION: Final = r"(?: ?(?:转|分机|ext[.]?) ?[0-9]{1,6})?"


def _spread(*digits: str) -> str:
    """Allow gaps between the tokens of a number: the digits of an identity number are often grouped."""
    return _STARTS + _GAP.join(digits) + _ENDS


_D: Final = "[0-9]"
_REGION: Final = ("[1-9]", _D, _D, _D, _D, _D)
_CENTURY: Final = rf"(?:1{_GAP}9|2{_GAP}0)"
_BORN: Final = (rf"(?:0{_GAP}[1-9]|1{_GAP}[0-2])", rf"(?:0{_GAP}[1-9]|[12]{_GAP}[0-9]|3{_GAP}[01])")

_RULES: Final = (
    # What looks like somebody's number and is none: left as it stands. (Kind, first characters, pattern)
    ("kept", "0-9*\\-", rf"{_STARTS}[0-9]{{0,4}}-?[*]{{4}}[0-9]{{0,4}}{_ENDS}"),  # masked already
    ("kept", "12", rf"(?<=[\u4e00-\u9fff]-)[0-9]{{2}}{_MONTH}{_DAY}-[0-9]{{6}}{_ENDS}"),  # 热线-260601-000123
    (
        "kept",  # 2026-06-01 10:30:00
        "12",
        rf"{_STARTS}(?<![0-9][\-/.]){_YEAR}(?P<dash>[\-/.])(?:1[0-2]|0?[1-9])(?P=dash)(?:[12][0-9]|3[01]|0?[1-9])"
        rf"(?:[ T]{{1,2}}[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.][0-9]{{1,6}})?)?)?{_ENDS}",
    ),
    ("kept", "0-9", r"(?<![0-9:])(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9])?(?![0-9:])"),
    ("kept", "2", rf"{_STARTS}20[0-9]{{2}}{_MONTH}{_DAY}[0-9]{{0,9}}{_ENDS}"),  # 20260601, 20260601103000
    ("kept", "12", rf"{_STARTS}{_YEAR} ?[\-~/] ?{_YEAR}{_ENDS}"),  # 2025-2026
    ("kept", "48", rf"{_STARTS}[48]00[ \-]?[0-9]{{3}}[ \-]?[0-9]{{4}}{_ENDS}"),  # a company's service number
    ("kept", "0-9", rf"(?<![0-9.]){_OCTET}(?:[.]{_OCTET}){{3}}(?![0-9.])"),
    ("kept", "0-9a-f", rf"{ALONE}(?=[0-9]*[a-f])[0-9a-f]{{32,}}{ENDS_ALONE}"),  # a hash in a log or a report
    ("kept", "0-9a-f", rf"{ALONE}[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}{ENDS_ALONE}"),
    (
        "kept",  # GB 3096-2008
        "GDJHCTA",
        r"(?<![A-Za-z])(?:GB|DB|JG|HJ|CJ|TB|AQ)[A-Z]?[0-9]{0,2}(?:/T)? ?[0-9]{2,6}(?:[.][0-9]{1,2})?"
        rf"-{_YEAR}{_ENDS}",
    ),
    # What is hidden, the longest kind first.
    ("long", "0-9", rf"{_STARTS}[0-9]{{20,}}"),
    ("identity", "1-9", _spread(*_REGION, _CENTURY, _D, _D, *_BORN, _D, _D, _D, "[0-9Xx]")),
    ("identity", "1-9", _spread(*_REGION, _D, _D, *_BORN, _D, _D, _D)),
    ("identity", "0-9", rf"{_STARTS}[0-9]{{6}}[ \-]{{0,2}}[0-9]{{8}}[ \-]{{0,2}}[0-9]{{3}}[Xx]"),
    ("identity", "0-9", rf"{_STARTS}[0-9]{{6}}[ \-]{{1,2}}[0-9]{{8}}[ \-]{{1,2}}[0-9]{{4}}{_ENDS}"),
    (
        "identity",
        "EGDSPHMCegdsphmc",
        rf"{ALONE}[A-Za-z](?!20[0-9]{{2}}{_MONTH}{_DAY})[0-9]{{8}}{ENDS_ALONE}",
    ),  # passports
    ("identity", "Ee", rf"{ALONE}[Ee][A-Za-z][0-9]{{7}}{ENDS_ALONE}"),
    ("card", "0-9", rf"{_STARTS}[0-9]{{15,19}}{_ENDS}"),
    ("card", "0-9", rf"{_STARTS}[0-9]{{4}}(?:[ \-.]{{1,2}}[0-9]{{4}}){{3}}(?:[ \-.]{{0,2}}[0-9]{{1,3}})?{_ENDS}"),
    ("phone", "+01", rf"{_STARTS}(?:(?:[+]|00){ODD}86{ODD}|0{ODD})?1{ODD}[3-9](?:{ODD}[0-9]){{9}}{_ENDS}"),
    ("phone", "8", rf"{_STARTS}86{ODD}1{ODD}[3-9](?:{ODD}[0-9]){{9}}{_ENDS}"),
    ("glued", "0-9", rf"{_STARTS}[0-9]{{0,3}}?1[3-9][0-9]{{9}}[0-9]{{0,3}}{_ENDS}"),
    (
        "phone",
        "+(0",
        rf"{_STARTS}(?:(?:[+]|00) ?86{_GAP}(?:[(]0?|0)?|[(]?0)(?:10|2[0-9]){_AFTER_AREA}[2-9](?:{_GAP}[0-9]){{7}}[0-9]*"
        + _EXTENSION,
    ),
    ("phone", "0", rf"{_STARTS}0{_ONE}(?:1{_ONE}0|2{_ONE}[0-9]){_GAP}[2-9](?:{_GAP}[0-9]){{7}}[0-9]*"),
    ("phone", "(0", rf"{_STARTS}[(]?0[3-9][0-9]{{2}}{_AFTER_AREA}[2-9](?:{_GAP}[0-9]){{6,7}}[0-9]*{_EXTENSION}"),
    ("local", "2-8", rf"{ALONE}[2-8][0-9]{{6,7}}{ENDS_ALONE}"),
    ("local", "2-8", rf"{ALONE}[2-8][0-9]{{2,3}}[ \-.·~_]{{1,3}}[0-9]{{4}}{ENDS_ALONE}"),
    ("local", "2-8", rf"{ALONE}[2-8][0-9](?:[ \-]{{1,3}}[0-9]{{2}}){{3}}{ENDS_ALONE}"),
    ("local", "2-8", rf"{ALONE}[2-8](?:[ \-.·_]{{1,3}}[0-9]){{6,7}}{ENDS_ALONE}"),
)


def _by_first_character() -> dict[str, re.Pattern[str]]:
    """Compile, for each kind of character that may begin a number, only the rules that it can begin."""
    found: dict[str, re.Pattern[str]] = {}
    for kind in ("0", "1", "23456789", "+(", "*-", string.ascii_letters):
        can_begin = [(name, rule) for name, leads, rule in _RULES if re.search(f"[{leads}]", kind)]
        found |= dict.fromkeys(kind, join(can_begin))
    return found


_BEGINNING_WITH: Final = _by_first_character()
_RUN = re.compile(rf"[0-9](?:{ODD}[0-9]){{6}}(?:{ODD}[0-9])*+")
_BEGINNING = re.compile(
    r"[0-9A-Za-z+(*\-](?:(?<=[0-9])(?<![0-9][0-9])|(?<=[A-Za-z])(?<![0-9A-Za-z][A-Za-z])|(?<=[+(*\-])(?=[0-9*]))"
)
_BEFORE: Final = frozenset(string.digits + string.ascii_letters + "+(*-/ ")
_REACH: Final = 80  # a hash has 64


def find_numbers(folded: str) -> Iterator[re.Match[str]]:
    """Find the numbers of a folded text: only where seven digits stand in a run, which most texts have nowhere."""
    done = 0
    for run in _RUN.finditer(folded):
        start, end = run.span()
        earliest = max(done, start - _REACH)
        while start > earliest and folded[start - 1] in _BEFORE:
            start -= 1
        for beginning in _BEGINNING.finditer(folded, start, end):
            if beginning.start() >= done:
                match = _BEGINNING_WITH[beginning[0]].match(folded, beginning.start())
                if match is not None:
                    done = match.end()
                    yield match
        done = max(done, end)


_GLUED = re.compile(r"1[3-9][0-9]{9}")
_WRITTEN: Final = {"long": "〔长号码〕", "identity": "〔证件号〕", "card": "〔卡号〕"}


def hide_number(match: re.Match[str], written: str) -> str | None:
    """Hide what `find_numbers` found; a phone keeps its last four digits, everything else only its kind."""
    kind = (match.lastgroup or "").partition("_")[0]
    if kind == "kept" or (kind == "local" and _is_quantity(match, written)):
        return None
    if kind in _WRITTEN:
        return _WRITTEN[kind]
    digits = re.sub(r"[^0-9]", "", re.split("转|分机|ext", match[0])[0])
    mobile = _GLUED.search(digits) if kind == "glued" else None
    return mask_digits(mobile[0] if mobile else digits)


_THING = re.compile(
    r"(?:编号|单号|案号|文号|订单|流水|合同号|发票|批号|证号|序号|编码|代码)[号码:为是 ]{0,4}$",
)
_CALLED = re.compile(r"(?:电话|手机|座机|固话|联系方式|号码|致电|拨打|tel)[号码:为是( ]{0,4}$", re.IGNORECASE)
_AMOUNT = re.compile(r" ?(?:[元万亿块米吨度㎡%‰]|平方|平米|公里|公斤|千克|人次|kw|m2)", re.IGNORECASE)


def _is_quantity(match: re.Match[str], written: str) -> bool:
    """Whether seven or eight digits count or name a thing: nothing but their surroundings tells."""
    start, end = match.span()
    before = match.string[max(0, start - 12) : start]
    if _CALLED.search(before):
        return False
    if _THING.search(before) or _AMOUNT.match(match.string, end) or before.endswith(("¥", "$")):
        return True
    low, _, high = match[0].partition("-")
    if low.isdigit() and high.isdigit() and low.endswith("00") and high.endswith("00"):
        return int(low) < int(high)  # 3000-5000 is a span of money
    return re.fullmatch(r"[0-9]+一[0-9]+", written) is not None  # 300一500, typed for a dash


# Numbers that a word in front of them gives away

_PROVINCE: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_TAIL: Final = "[A-Za-z0-9]"
_PLATES = re.compile(
    rf"[{_PROVINCE}牌](?:(?<!牌)[ \-.·]{{0,2}}|(?<=[车{_PROVINCE}]牌)(?:照|号码?)?[为是:( ]{{0,4}})"
    rf"(?P<tail>[A-Za-z][ \-.·]{{0,3}}(?=[A-Za-z]{{0,2}}[ .·]?[0-9])"
    rf"(?:{_TAIL}(?:(?! [0-9]{{1,2}} ?[单号栋楼门])[ .·]?{_TAIL}){{4,6}}"
    rf"|{_TAIL}(?:[ .·]?{_TAIL}){{3}}[挂学警港澳]))(?!{_TAIL})"
)
_FORCES = re.compile(rf"(?<![A-Za-z])WJ[ \-.·]?[{_PROVINCE}]?[ \-.·]?(?P<tail>[0-9]{{4}}{_TAIL})(?!{_TAIL})")
_DISGUISED = re.compile(
    rf"{ALONE}[1Il][3-9](?:[0-9Oo]{{9}}|[0-9][*][0-9]{{4}}[*][0-9]{{4}}){ENDS_ALONE}"
)  # l38OOOO1234; 138*0000*1234, which is not masked
_UNDISGUISED: Final = str.maketrans("IlOo", "1100", "*")
_EMAILS = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]++"
    r" ?(?:@|[(\[][Aa][Tt][)\]]|#(?=[A-Za-z0-9\-.]{1,40}[.](?:com|cn|net|org))) ?"
    r"(?:(?:[A-Za-z0-9\-]++[.])+[A-Za-z0-9\-]*[A-Za-z]|[A-Za-z0-9\-]++ ?[.点] ?(?:com|cn|net|org)(?![A-Za-z]))"
)
_WELL_FORMED = re.compile(
    rf"{_STARTS}0(?:(?:10|2[0-9]|[3-9][0-9]{{2}})[ )\-]{{1,2}}[2-8][0-9]{{3}}[ \-]?[0-9]{{4}}{_EXTENSION}"
    rf"|1[3-9][0-9]-[0-9]{{4}}-[0-9]{{4}}){_ENDS}"
    rf"|{_STARTS}(?P<card>[0-9]{{4}}(?: [0-9]{{4}}){{3}}(?: [0-9]{{1,3}}(?! ?[单号栋楼门]))?){_ENDS}"
)  # well formed: told before digits in front of it, a room's, make something else of it
_AT = re.compile(r"@|[(\[][Aa][Tt][)\]]|#[A-Za-z]")
_ACCOUNTS = re.compile(
    r"(?:微信|薇信|威信|WeChat|Wechat|wechat|weixin|WX|Wx|wx|VX|Vx|vx|QQ|Qq|qq|V:|v:|V信|v信|v号|Q号|q号|扣扣|抖音|快手|小红书|微博|支付宝|钉钉|账号|帐号)"
    r"(?P<link>[ :为是号码群加我的同(=]{0,6})"
    r"(?P<tail>[A-Za-z0-9](?:[A-Za-z0-9_\-]| (?=[0-9])){4,29})(?![A-Za-z0-9@])"
)
_DOCUMENTS = re.compile(
    r"(?:(?:证|证件|照|卡|公积金|社保|医保|学籍|电表|水表|燃气表|户)(?:编号|号码?)|(?:身份证|证件)[前后末尾][468四六八][位数])"
    r"[ :为是(=]{0,3}[\u4e00-\u9fff]{0,2}(?P<tail>[A-Za-z0-9](?:[ \-]{0,2}[A-Za-z0-9]){5,24})(?![A-Za-z0-9])"
)
_CERTIFICATES = re.compile(
    r"(?:(?:(?:台胞|回乡|通行|驾驶|行驶|居住|警官|士兵)证|护照|驾照)(?: ?档案(?:编号|号码?)?)?"
    r"|(?:军官|士兵|警官|文职干部)证[ :为是(]{0,3}[\u4e00-\u9fff]{0,2}(?:字第?|第)|军官证)"
    r"[ :为是(=]{0,3}"
    r"(?!(?:19|20)[0-9]{2}[\-/. ]?(?:1[0-2]|0?[1-9])[\-/. ]?(?:[12][0-9]|3[01]|0?[1-9])(?![0-9]))"  # no date
    r"(?P<tail>[A-Za-z]{0,3}[0-9](?:[ \-]{0,2}[0-9]){5,24}[A-Za-z]?)(?![A-Za-z0-9])"
)
_CALLS = re.compile(
    r"(?:电话|手机|座机|固话|联系方式|号码|致电|拨打|TEL|Tel|tel|Phone|phone|Mobile|mobile)号?码?[ :为是(=]{0,4}"
    r"(?!20[0-9]{2}[\-/. ]?(?:0?[1-9]|1[0-2])|(?:12345|1[12][0-9]|9[56][0-9]{3}|[48]00)(?![0-9]))"
    r"(?P<tail>[0-9](?:[ \-.]{0,2}[0-9]){6,13})(?![0-9])"
)


def _find_emails(folded: str) -> Iterator[re.Match[str]]:
    return _EMAILS.finditer(folded) if _AT.search(folded) else iter(())


def _hide_email(_match: re.Match[str], _written: str) -> str:
    return "〔邮箱〕"


def _hide_document(match: re.Match[str], written: str) -> str:
    return _hide_tail(match, written, "〔证件号〕")


def _hide_account(match: re.Match[str], written: str) -> str | None:
    named = bool(match["link"].strip(" (="))
    given = named or any(character.isdigit() or character == "_" for character in match["tail"])
    if not given or match["tail"] == "12345" or _AMOUNT.match(match.string, match.end()):
        return None
    return _hide_tail(match, written, "〔账号〕")


def _hide_well_formed(match: re.Match[str], _written: str) -> str:
    if match["card"]:
        return _WRITTEN["card"]
    return mask_digits(re.sub("[^0-9]", "", re.split("转|分机|ext", match[0])[0]))


def _hide_call(match: re.Match[str], written: str) -> str:
    return _hide_tail(match, written, mask_digits(re.sub("[^0-9]", "", match["tail"])))


def _hide_plate(match: re.Match[str], written: str) -> str | None:
    digits = sum(character.isdigit() for character in match["tail"])
    return _hide_tail(match, written, match["tail"][0].upper() + "*****") if digits >= 3 else None


def _hide_disguised(match: re.Match[str], _written: str) -> str | None:
    digits = match[0].translate(_UNDISGUISED)
    return None if digits == match[0] else mask_digits(digits)  # plain digits are for the other rules


def _hide_forces(match: re.Match[str], written: str) -> str:
    return _hide_tail(match, written, "*****")


def _hide_tail(match: re.Match[str], written: str, hidden: str) -> str:
    """Keep the words in front, hide what follows them."""
    return written[: match.start("tail") - match.start()] + hidden


PASSES: Final[tuple[tuple[int, Find, Hide], ...]] = (
    (1, _find_emails, _hide_email),
    (6, _DOCUMENTS.finditer, _hide_document),
    (6, _CERTIFICATES.finditer, _hide_document),
    (3, _ACCOUNTS.finditer, _hide_account),
    (5, _PLATES.finditer, _hide_plate),
    (7, _FORCES.finditer, _hide_forces),
    (11, _DISGUISED.finditer, _hide_disguised),
    (11, _WELL_FORMED.finditer, _hide_well_formed),
)
"""What to look for in a folded text before its numbers, in order; the number says how many signs (`count_signs`) it
takes at least."""

LAST: Final[tuple[int, Find, Hide]] = (7, _CALLS.finditer, _hide_call)
"""What to look for when no other rule knew the number: 电话 and seven digits or more."""
