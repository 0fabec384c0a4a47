"""One command for many orders: one digest for each group and one answer, instead of one for each order.

Above ★ 5 orders people would read the same notice over and over, and be called each time. What is urgent, supervised or
named by the city still has its own notice, because nobody looks for it in a list.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final

from handlers import clocks, notices
from handlers.notices import Announcement
from handlers.references import ranges
from handlers.work import Work
from storage.outbox import Priority

MOST_LINES: Final = 30
"""★ Lines of a digest: more do not go into one message of every platform (4,096 bytes). It stays about all."""
DIGEST = "several_"
"""Begins the kind of a digest, which is the template of its text; behind it stands the kind of the single notice."""
_OUTCOME = re.compile(r"([✔✘]) 【#([0-9]+)】(.*)", re.DOTALL)
_ITS_NUMBER = "\0"


def are_many(work: Work, count: int) -> bool:
    """Whether so many orders of one command are told together."""
    return count > work.rules.together_above


def tell(work: Work) -> None:
    """Queue what the command's orders announced: one message for a group, a lone notice as it would have been."""
    bundles: dict[tuple[str, str], list[Announcement]] = {}
    for each in work.gathered or ():
        bundles.setdefault((each.group.id, each.template), []).append(each)
    for bundle in bundles.values():
        _tell_group(work, bundle)


def _tell_group(work: Work, bundle: Sequence[Announcement]) -> None:
    first, *others = bundle
    order = work.order(first.order)
    people = tuple(dict.fromkeys(person for each in bundle for person in each.people))
    values: dict[str, Any] = {"actor": work.actor, **first.values}
    if not others:
        text = work.render(first.template, order=order, **values)
        notices.post_to(
            work.office,
            work.scope,
            first.group,
            people,
            kind=first.template,
            priority=Priority.NOTICE,
            text=text,
            order=order,
        )
        return
    numbers = sorted({each.order for each in bundle})
    lines = [
        (work.order(number), next(iter(clocks.upcoming(work.scope, work.order(number))), None))
        for number in numbers[:MOST_LINES]
    ]
    kind = DIGEST + first.template
    values |= {"lines": lines, "total": len(numbers), "numbers": ranges(numbers)}
    if "command" in values:  # what is taken back may be of several kinds: a command and the files beside it
        values["commands"] = Counter(each.values["command"] for each in bundle)
        values["states"] = Counter(work.order(number).state for number in numbers)
    text = work.render(kind, **values)
    notices.post_to(
        work.office, work.scope, first.group, people, kind=kind, priority=Priority.NOTICE, text=text, orders=numbers
    )


def folded(texts: Sequence[str], take_many: Collection[str] = ()) -> str:
    """Answers one below the other; equal ones once, behind a ✔ or ✘ for each of their orders.

    Equal are those that differ only in their own number. A next step then names all of them where its command is among
    those that `take_many`, else no number.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for text in texts:
        match = _OUTCOME.fullmatch(text)
        if match is None:
            found.setdefault(("", text), [])
        else:
            mark, number, said = match.groups()
            own = re.compile(rf"(/\w+ ){number}(?![0-9])")
            found.setdefault((mark, own.sub(rf"\1{_ITS_NUMBER}", said)), []).append(int(number))
    return "\n".join(_said(mark, numbers, said, take_many) for (mark, said), numbers in found.items())


def _said(mark: str, numbers: Sequence[int], said: str, take_many: Collection[str]) -> str:
    def named(match: re.Match[str]) -> str:
        plain = len(numbers) == 1 or match[1] in take_many
        return f"/{match[1]} {ranges(sorted(numbers)) if plain else '单号'}"

    heads = " ".join(f"{mark} 【#{number}】" for number in numbers)
    return heads + re.sub(rf"/(\w+) {_ITS_NUMBER}", named, said)
