"""/统计: how many orders came in, are in hand, late, beyond four days, for a period, by group, with 三率."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from config.organisation import Department
from config.shanghai import clock_text, day_of, full_text
from handlers.arguments import Arguments
from handlers.categories import ARROW, levels_of, places
from handlers.figures import CALIBER, POOLED, STREET, Axis, Figures, Subject, Window, answers, figures
from handlers.periods import Period, read_period, spoken
from handlers.rates import Answers, points, pooled, three_rates
from handlers.references import fold
from handlers.refusal import Misused, Refusal
from handlers.work import Said, Work
from storage.columns import table
from storage.tables import OrderTable

NOTHING: Final = "本期无"
"""What an empty table says, beside its window."""
_PLACES: Final = 5
_ONE_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class Question:
    """What was asked: a period, rows by an axis, narrowed to one 科室, 社区, 包片 or 分类, with 三率 or without."""

    period: Period | None = None
    by: Axis | None = None
    subject: Subject = STREET
    name: str = ""
    rates: bool = field(default=False)


def statistics(work: Work, arguments: Arguments) -> Said:
    """/统计 [期间] [按…] [the name of one] [三率], in any order; default 今日.

    Raises Refusal for words it does not know, for two of a kind and for a period that lies ahead.
    """
    question = _read(work, arguments)
    period = question.period or read_period("今日", work.now)
    assert period is not None
    if period.start > work.now:
        raise Refusal(f"{spoken(period, work.now)}还没有到，没有可以统计的：请换一个期间，例如 今日、本周、本期")
    window = Window.of(period, work.now)
    organisation = work.office.organisation
    groups = figures(work.scope, organisation, window, question.by, question.subject)
    given = answers(work.scope, organisation, window, question.by, question.subject) if question.rates else {}
    total = sum(groups.values(), Figures())
    title = f"【统计】{f'{question.name} ' if question.name else ''}{spoken(period, work.now)}"
    shown = window_text(period, work.now)
    lines = [title, f"窗口：{shown}", f"口径：{_caliber(period, work.now, question)}"]
    if not total and not pooled(given.values()).valid:
        return Said("\n".join([*lines, NOTHING]))
    return Said("\n".join([*lines, "", *_counts(total, groups, question.by), *_rates(work, given, question, shown)]))


def window_text(period: Period, as_of: datetime) -> str:
    """`2026-06-01 00:00 至 24:00`, or up to `as_of` (aware) where the period is still running."""
    first, over = full_text(period.start), as_of >= period.end
    last = day_of(period.end - _ONE_DAY if over else as_of)
    until = "24:00" if over else f"{clock_text(as_of)}（未完）"
    return f"{first} 至 {until}" if last == day_of(period.start) else f"{first} 至 {last} {until}"


def by_import_text(count: int) -> str:
    """The mark for orders whose arrival time the source did not give (domain, section 3)."""
    return f"（其中 {count} 件按导入时间计）" if count else ""


def _caliber(period: Period, as_of: datetime, question: Question) -> str:
    """Which orders are counted, when the stocks were counted, and how a total row comes about."""
    at = "窗口末" if as_of >= period.end else "现在"
    extra = "；三率取窗口内每单最后一次复核" if question.rates else ""
    if question.rates or question.by is not None:
        extra += f"；{POOLED}"
    return f"{CALIBER}；受理按到达时间；在办、办结超期（过了办结时限，其他环节看 /超期）、超4天为{at}的数{extra}"


def _counts(total: Figures, groups: Mapping[str, Figures], by: Axis | None) -> list[str]:
    lines = [
        f"受理 {total.received}{by_import_text(total.by_import)}",
        f"在办 {total.in_hand}，办结超期 {total.overdue}，超4天 {total.over_four_days}",
    ]
    if by is not None:
        rows = [(name, group) for name, group in groups.items() if group]
        if by is Axis.CATEGORY:
            rows.sort(key=lambda row: (-row[1].received, -row[1].in_hand, row[0]))
        lines += ["", f"按{by}："]
        lines += [f"{name}：{_row(group)}" for name, group in rows]
        lines.append(f"合计：{_row(total)}")
    return lines


def _row(group: Figures) -> str:
    return f"受理 {group.received}，在办 {group.in_hand}，办结超期 {group.overdue}，超4天 {group.over_four_days}"


def _rates(work: Work, given: Mapping[str, Answers], question: Question, window: str) -> list[str]:
    if not question.rates:
        return []
    rates = three_rates(pooled(given.values()), work.rules)
    lines = ["", "三率："]
    lines += [f"{name} {rate.text()}" for name, rate in rates.items()]
    lines.append(f"综合得分 {points(rates.score)}")
    if question.by is not None:
        lines += ["", f"三率按{question.by}：{'' if given else f'{window}内没有有效回访'}"]
        for name, group in given.items():
            each = three_rates(group, work.rules)
            shown = "，".join(f"{rate_name[:2]} {rate.text()}" for rate_name, rate in each.items())
            lines.append(f"{name}：{shown}，得分 {points(each.score)}")
    return lines


def _read(work: Work, arguments: Arguments) -> Question:
    question = Question()
    organisation = work.office.organisation
    patches = {patch.name: patch for patch in organisation.patches}
    by_category = f"按{Axis.CATEGORY}" in arguments.left.split()
    while arguments:
        words = arguments.left
        if arguments.optional_choice(("三率",)):
            question.rates = True
        elif axis := arguments.optional_choice({f"按{axis}": axis for axis in Axis}):
            _once(question.by, f"按{question.by}", f"按{axis}")
            question.by = axis
        elif period := arguments.optional_period(now=work.now, first_day=work.rules.assessment_first_day):
            _once(question.period, question.period and question.period.label, period.label)
            question.period = period
        elif by_category and (category := _category(work, arguments)):
            _name(question, *category)
        elif department := arguments.optional_department(organisation):
            _only_meaning(work, department, before=words, left=arguments.left)
            _name(question, department.name, Subject(department=department.id))
        elif community := arguments.optional_community(organisation):
            _name(question, community.name, Subject(communities=(community.name, *community.aliases)))
        elif patch := arguments.optional_choice(patches):
            members = organisation.communities_of(patch.id)
            names = tuple(name for each in members for name in (each.name, *each.aliases))
            _name(question, patch.name, Subject(communities=names))
        elif category := _category(work, arguments):
            _name(question, *category)
        else:
            word = work.clean(arguments.word("统计什么"))[:20]
            near = [*organisation.nearest_departments(word), *organisation.nearest_communities(word)][:3]
            hint = f"，是不是：{'、'.join(near)}" if near else ""
            raise Misused(f"看不懂“{word}”：它不是期间、科室、社区、包片或分类{hint}")
    return question


def _category(work: Work, arguments: Arguments) -> tuple[str, Subject] | None:
    """The 分类 that comes next: one level or several of a path. None, and nothing read, when no order has it.

    Raises Refusal for a level that lies in several places of the tree, with those places.
    """
    levels = levels_of(fold(arguments.left.split(maxsplit=1)[0]))
    found = places(work.scope, levels) if levels else []
    if not found:
        return None
    if len(levels) == 1 and len(found) > 1:
        listed = "、".join(ARROW.join(path) for path in found[:_PLACES])
        # The usage's own example names no 分类, and tapped it would ask something else.
        raise Refusal(f"叫“{levels[0]}”的分类有 {len(found)} 处，请写全：{listed}\n例：/统计 {ARROW.join(found[0])}")
    arguments.word("分类")
    return "→".join(levels), Subject(category=levels)


def _only_meaning(work: Work, department: Department, *, before: str, left: str) -> None:
    """Refuse a 科室's alias that orders in hand have as a 分类: either could be meant."""
    word = before.removesuffix(left).strip()
    levels = levels_of(fold(word))
    if word != department.name and levels and places(work.scope, levels, table(OrderTable).c.open.is_(True)):
        raise Misused(
            f"“{word}”是科室（{department.name}），也是分类：看科室写 {department.name}，看分类写 按分类 {word}"
        )


def _name(question: Question, name: str, subject: Subject) -> None:
    _once(question.name, question.name, name)
    question.name, question.subject = name, subject


def _once(before: object, former: object, later: str) -> None:
    if before:
        raise Misused(f"“{former}”和“{later}”只能写一个")
