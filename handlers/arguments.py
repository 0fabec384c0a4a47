"""What stands after a command's orders, read piece by piece, as the command's usage says.

Every failure is a Refusal that says what is wrong; the router adds the usage line and an example.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final, TypeVar, overload

from config.organisation import Community, Department, Organisation, Person
from handlers.periods import Period, read_period
from handlers.privacy import echoed
from handlers.references import Misread, Reference, fold, read_reference
from handlers.refusal import Misused, Refusal
from handlers.when import BARE_TIME, When, Workdays, read_span, read_when

_Meaning = TypeVar("_Meaning")
_Found = TypeVar("_Found", Person, Department)
_Thing = TypeVar("_Thing", Department, Community)


class Arguments:
    """A reader over the rest of a command. Words end at a space or a new line; the last argument takes what is left.

    `mentions` are the names that were mentioned at either end of the message and so are no longer in the text: the
    person of `/分办 12 @李四` is one of them.
    """

    def __init__(self, rest: str, mentions: Iterable[str] = ()) -> None:
        self._left = rest.strip()
        self._mentions = tuple(mentions)

    @property
    def left(self) -> str:
        """What has not been read yet."""
        return self._left

    def __bool__(self) -> bool:
        return bool(self._left)

    def word(self, label: str) -> str:
        """The next word. Raises Refusal when nothing is left."""
        if not self._left:
            raise Misused(f"缺少{label}")
        word, *rest = self._left.split(maxsplit=1)
        self._left = rest[0] if rest else ""
        return word

    @overload
    def choice(self, label: str, options: Mapping[str, _Meaning]) -> _Meaning: ...
    @overload
    def choice(self, label: str, options: Sequence[str]) -> str: ...
    def choice(self, label: str, options: Mapping[str, _Meaning] | Sequence[str]) -> _Meaning | str:
        """One of the options; with a mapping what the option means, so that several words may mean one thing.

        A comma or colon may follow it without a space. Raises Refusal that lists the options.
        """
        known = tuple(options)
        option = self._option(known)
        if option is None:
            listed = "、".join(known)
            if not self._left:
                raise Misused(f"缺少{label}，可以是：{listed}")
            raise Misused(f"{label}不能是“{_short(self._left.split(maxsplit=1)[0])}”，可以是：{listed}")
        return options[option] if isinstance(options, Mapping) else option

    @overload
    def optional_choice(self, options: Mapping[str, _Meaning]) -> _Meaning | None: ...
    @overload
    def optional_choice(self, options: Sequence[str]) -> str | None: ...
    def optional_choice(self, options: Mapping[str, _Meaning] | Sequence[str]) -> _Meaning | str | None:
        """Like `choice`, but None, and nothing read, when none of the options comes next."""
        option = self._option(tuple(options))
        return options[option] if option is not None and isinstance(options, Mapping) else option

    def behalf(self) -> str | None:
        """`代 X` or `代X`: the X, which is a 科室 or a person. None, and nothing read, without 代."""
        if not self._left.startswith("代"):
            return None
        self._left = self._left.removeprefix("代").lstrip()
        return self.word("代的科室或人")

    def department(self, organisation: Organisation, label: str = "科室") -> Department:
        """A 科室 by name, alias or id. Raises Refusal with the nearest names."""
        return _department(organisation, self.word(label))

    def optional_department(self, organisation: Organisation) -> Department | None:
        """The 科室 that comes next. None, and nothing read, when the next word is none."""
        return self._only(organisation.find_department)

    def only_department(self, organisation: Organisation) -> Department | None:
        """A 科室 and nothing more; None when nothing is left. Raises Refusal with the nearest names."""
        department = self.department(organisation) if self else None
        self.done()
        return department

    def departments(self, organisation: Organisation, label: str = "主办科室") -> tuple[Department, ...]:
        """`主办+协办+协办`: the 主办 科室 first. Spaces around a plus are fine. Raises Refusal for a repetition."""
        match = _SUM.match(self._left)
        if match is None:
            raise Misused(f"缺少{label}")
        self._left = self._left[match.end() :].lstrip()
        found = tuple(_department(organisation, name) for name in _PLUS.split(match[0]) if name)
        for index, department in enumerate(found):
            if department in found[:index]:
                raise Misused(f"{department.name}写了两次：主办一个，协办各写一次")
        if not found:
            raise Misused(f"缺少{label}")
        return found

    def person(self, organisation: Organisation, label: str = "人") -> Person:
        """A person by name, alias or id, with or without @. Raises Refusal with the nearest names or the ids."""
        if not self._left:
            mentioned = {person for name in self._mentions for person in organisation.find_person(name)}
            if len(mentioned) == 1:
                return mentioned.pop()
        name = self.word(label).lstrip("@＠")
        return _one(name, organisation.find_person(name), "人", organisation.nearest_people(name))

    def optional_community(self, organisation: Organisation) -> Community | None:
        """The 社区 that comes next. None, and nothing read, when the next word is none."""
        return self._only(lambda name: (found,) if (found := organisation.community(name)) else ())

    def order(self, label: str = "单号") -> Reference:
        """An order among the arguments, such as the kept one of 作废. Raises Refusal when the word is no reference."""
        word = self.word(label)
        read = read_reference(word)
        if read is None:
            raise Misused(f"{label}不能是“{_short(word)}”，请写 #123 或工单编号")
        if isinstance(read, Misread):
            raise Misused(read.message)
        return read

    def phone(self, label: str = "电话") -> str:
        """A telephone number, its digits only. Raises Refusal when the word is none."""
        word = self.word(label)
        if not _PHONE.fullmatch(fold(word)):
            raise Misused(f"{label}不对：请写 11 位手机号，或带区号的座机号")
        return re.sub(r"[^0-9]", "", fold(word).removeprefix("+86"))

    def when(
        self, label: str, *, now: datetime, calendar: Workdays, past: bool = False, bare_time: time = BARE_TIME
    ) -> When:
        """A moment, in Asia/Shanghai as typed and aware UTC as given; see `handlers.when`.

        Deadlines lie ahead; with `past` it is something that has happened. Raises Refusal otherwise.
        """
        when = self.optional_when(label, now=now, calendar=calendar, past=past, bare_time=bare_time)
        if when is None:
            if not self._left:
                raise Misused(f"缺少{label}，例如 {_EXAMPLE_PAST if past else _EXAMPLE}")
            written = _short(self._left.split(maxsplit=1)[0])
            raise Misused(f"看不懂{label}“{written}”，可以写 {_EXAMPLE_PAST if past else _EXAMPLE}")
        return when

    def optional_when(
        self, label: str, *, now: datetime, calendar: Workdays, past: bool = False, bare_time: time = BARE_TIME
    ) -> When | None:
        """Like `when`, but None, and nothing read, when no moment comes next."""
        try:
            read = read_when(
                self._left,
                now,
                calendar,
                bare_time=bare_time,
                lean="past" if past else "future",
                past_ok=past,
                future_ok=not past,
            )
        except Refusal as refusal:
            raise Misused(f"{label}不对：{refusal.message}") from None
        if read is None:
            return None
        when, self._left = read
        return when

    def span(self, label: str) -> timedelta:
        """A length of time such as `30分钟`. Raises Refusal when none comes next."""
        read = read_span(self._left)
        if read is None:
            raise Misused(f"缺少{label}，例如 30分钟、2小时")
        span, self._left = read
        return span

    def optional_period(self, *, now: datetime, first_day: int = 19) -> Period | None:
        """The period that the next word names; see `handlers.periods`. None, and nothing read, when it names none."""
        word, *rest = self._left.split(maxsplit=1) or [""]
        period = read_period(word, now, first_day=first_day)
        if period is not None:
            self._left = rest[0] if rest else ""
        return period

    def rest(self, label: str, at_least: int = 1) -> str:
        """All that is left, new lines included. Raises Refusal with fewer than `at_least` characters, spaces not
        counted."""
        text = self.optional_rest()
        count = sum(not char.isspace() for char in text)
        if count < at_least:
            if not count:
                raise Misused(f"缺少{label}" if at_least < 2 else f"缺少{label}，至少 {at_least} 个字")
            raise Misused(f"{label}太短：至少 {at_least} 个字，现在 {count} 个字")
        return text

    def optional_rest(self) -> str:
        """All that is left, perhaps nothing."""
        text, self._left = self._left, ""
        return text

    def labelled(self, labels: Mapping[str, str] | Iterable[str], *, default: str = "结果") -> dict[str, str]:
        """All that is left as labelled lines, `联系人：张三`. Empty items are left out, repeated ones joined.

        `labels` maps each label as written to its item; without a mapping they are the same. A label stands at the
        start of a line, or after a space, `；` or `。`. Text before the first label belongs to `default` (interface,
        section Chat: in /办结, text before the first label, or without labels, is 结果).
        """
        items = dict(labels) if isinstance(labels, Mapping) else {label: label for label in labels}
        text = self.optional_rest()
        written = "|".join(re.escape(label) for label in sorted(items, key=len, reverse=True))
        found = list(re.finditer(rf"{_BEFORE_LABEL}(?P<label>{written})[ \t\u3000]*[:：]", text))
        pieces = [(default, text[: found[0].start()] if found else text)]
        ends = [*(match.start() for match in found[1:]), len(text)]
        for match, end in zip(found, ends, strict=False):
            pieces.append((items[match["label"]], text[match.end() : end]))
        read: dict[str, str] = {}
        for item, piece in pieces:
            if cleaned := piece.strip().rstrip("；;").rstrip():
                read[item] = f"{read[item]}\n{cleaned}" if item in read else cleaned
        return read

    def done(self) -> None:
        """Nothing may be left. Raises Refusal that shows what is."""
        if self._left:
            raise Misused(f"多了“{_short(self._left)}”，这里不用写")

    def _option(self, options: tuple[str, ...]) -> str | None:
        folded = fold(self._left)
        for option in sorted(options, key=len, reverse=True):
            if folded.startswith(fold(option)):
                after = folded[len(option) : len(option) + 1]
                if not after or after.isspace() or after in _AFTER_OPTION:
                    self._left = self._left[len(option) :].lstrip().lstrip(_AFTER_OPTION_TYPED).lstrip()
                    return option
        return None

    def _only(self, find: Callable[[str], tuple[_Thing, ...]]) -> _Thing | None:
        word, *rest = self._left.split(maxsplit=1) or [""]
        found = find(word) if word else ()
        if len(found) != 1:
            return None
        self._left = rest[0] if rest else ""
        return found[0]


_EXAMPLE: Final = "今天17:00、明天、6月5日、2026-06-05 17:00、3个工作日后"
_EXAMPLE_PAST: Final = "10:30、昨天15:00、6月5日"
_AFTER_OPTION: Final = ",;:。、"
_AFTER_OPTION_TYPED: Final = ",;:，；：。、"
_PLUS: Final = re.compile(r"\s*[+＋、]\s*")
_SUM: Final = re.compile(r"[^\s+＋、]+(?:\s*[+＋、]\s*[^\s+＋、]+)*[+＋、]?")
_BEFORE_LABEL: Final = r"(?:\A|(?<=[\s；;。]))(?:[0-9]{1,2}[.、．)）][ \t]*|[-*·•][ \t]*)?"
_PHONE: Final = re.compile(
    r"(?:\+86-?)?1[3-9][0-9]-?[0-9]{4}-?[0-9]{4}|(?:0[0-9]{2,3}-?)?[2-9][0-9]{6,7}(?:-[0-9]{1,6})?|[48]00-?[0-9]{3}-?[0-9]{4}"
)


def _department(organisation: Organisation, name: str) -> Department:
    return _one(name, organisation.find_department(name), "科室", organisation.nearest_departments(name))


def _one(name: str, found: tuple[_Found, ...], kind: str, nearest: list[str]) -> _Found:
    if len(found) == 1:
        return found[0]
    if found:
        listed = "、".join(f"{each.id}（{each.name}）" for each in found)
        raise Misused(f"叫“{_short(name)}”的{kind}有 {len(found)} 个，请写编号：{listed}")
    hint = f"，是不是：{'、'.join(nearest)}" if nearest else "，请核对名称"
    raise Misused(f"没有叫“{_short(name)}”的{kind}{hint}")


def _short(text: str) -> str:
    return echoed(text)
