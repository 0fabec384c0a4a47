"""A command, once understood: find its orders, check that it is allowed, carry it out, put the answer into words.

Each order is a command of its own: one may be refused while the others go through. A refusal or a fault of one
leaves nothing of it behind.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy.exc import DBAPIError

from config.organisation import Person
from handlers import several
from handlers.arguments import Arguments
from handlers.command import Command
from handlers.commands.helping import usage
from handlers.lifecycle import STEPS
from handlers.lookup import find
from handlers.notices import Announcement
from handlers.office import Office
from handlers.permission import permit
from handlers.privacy import echoed
from handlers.references import Reference, fold
from handlers.refusal import Misused, Refusal
from handlers.registry import BY_NAME, COMMANDS
from handlers.work import Place, Said, Work
from storage.errors import StoreError
from storage.transaction import Scope

T = TypeVar("T")
_TAKE_MANY = frozenset(command.name for command in COMMANDS if command.orders == "many")
_NUMBER_AND_MORE = re.compile(r"#?([0-9]{1,6})(?![0-9])")


class Attempts(Protocol):
    """What runs one command as all or nothing: the writer's unit, or a reader."""

    def attempt(self, work: Callable[[Scope], T]) -> T:
        """Run the work; when it raises, nothing of it stays."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed command from a known person. `quoted` are the orders of the quoted message, if one was quoted."""

    command: str
    actor: Person
    place: Place
    references: tuple[Reference, ...] = ()
    rest: str = ""
    from_quote: bool = False
    quoted: tuple[int, ...] = ()
    mentions: tuple[str, ...] = ()


@dataclass(slots=True)
class Answered:
    """What to say, and our own faults to be logged: the id in the reply is the id in the log."""

    said: list[Said]
    faults: list[tuple[str, Exception]] = field(default_factory=list)


def carry_out(office: Office, unit: Attempts, request: Request) -> Answered:
    """Carry out a command. Never raises for what the command or its arguments got wrong."""
    answered = Answered([])
    command = BY_NAME[request.command]
    if (no := _not_here(command, request)) is not None:
        answered.said.append(Said(f"✘ {no}"))
        return answered
    if command.step is None or (command.orders == "maybe" and not request.references and not request.from_quote):
        answered.said.append(guarded(answered, unit, lambda scope: _ask(office, scope, command, request)))
        return answered
    try:
        targets = _targets(unit, request)
    except Refusal as refusal:
        example = request.quoted[0] if request.quoted else None
        answered.said.append(Said(f"✘ {_with_usage(refusal.message, command, example)}"))
        return answered
    named = tuple(target for target in targets if isinstance(target, int))
    shared = _Shared(office, request, named)
    many = len(targets) > 1 and unit.attempt(lambda scope: several.are_many(shared.work(scope), len(targets)))
    if many:
        shared.gathered = []
    said = [target if isinstance(target, Said) else _one(shared, answered, unit, command, target) for target in targets]
    if shared.gathered:
        unit.attempt(lambda scope: several.tell(shared.work(scope, shared.gathered)))
    if len(said) == 1:
        answered.said.extend(said)
    else:
        texts = [item.text for item in said]
        answered.said.append(Said(several.folded(texts, _TAKE_MANY) if many else "\n".join(texts), orders=named))
    return answered


def fault_text(answered: Answered, error: Exception) -> str:
    """The sentence for a fault of ours, with the id under which the log has it."""
    number = f"F{uuid.uuid4().hex[:8]}"  # the letter keeps it from being masked as a telephone number
    answered.faults.append((number, error))
    return f"系统出错，这一步没有执行，也没有改动任何内容。请稍后再试，或把编号 {number} 告诉系统管理员"


def _not_here(command: Command, request: Request) -> str | None:
    if not command.provided:
        return f"/{command.name}（{command.summary}）尚未提供。/帮助 看现在能用的命令"
    if command.private and not request.place.private:
        return f"/{command.name} 只能在与我的私聊中使用：群里人人可见。请打开私聊，再发一次"
    if command.roles is not None and not command.may(request.actor.roles):
        return f"{request.actor.name}，您没有使用 /{command.name} 的职责。/帮助 看您能用的命令"
    return None


def _ask(office: Office, scope: Scope, command: Command, request: Request) -> Said:
    assert command.ask is not None
    work = Work(office, scope, request.actor, request.place)
    try:
        return command.ask(work, Arguments(request.rest, request.mentions))
    except Misused as refusal:
        raise Refusal(_with_usage(refusal.message, command)) from refusal


def guarded(answered: Answered, unit: Attempts, work: Callable[[Scope], Said]) -> Said:
    """What the work says; a refusal and a fault of ours as the sentence for it, and then nothing of the work stays."""
    try:
        return unit.attempt(work)
    except Refusal as refusal:
        return Said(f"✘ {refusal.message}")
    except (StoreError, DBAPIError):
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours is answered and logged under its id
        return Said(f"✘ {fault_text(answered, error)}")


def _targets(unit: Attempts, request: Request) -> list[int | Said]:
    """The orders that are meant, each once; in place of one that is not found, the sentence that says so."""
    if not request.references:
        if request.from_quote:
            return [quoted_order(request.quoted)]
        raise Refusal(_without_number(request))
    targets: dict[int | Said, None] = {}
    for reference in request.references:
        try:
            targets[unit.attempt(partial(find, reference=reference))] = None
        except Refusal as refusal:
            targets[Said(f"✘ {refusal.message}")] = None
    return list(targets)


def _without_number(request: Request) -> str:
    """`/签收20号`: the number is plain, only the command's grammar does not take it so."""
    number = _NUMBER_AND_MORE.match(fold(request.rest))
    if number is None:
        written = request.rest.split(maxsplit=1)
        return f"缺少单号：“{echoed(written[0])}”不是单号，单号是数字" if written else "缺少单号"
    word, digits = request.rest.split(maxsplit=1)[0], number[1]
    return f"“{echoed(word)}”不是单号：单号只写数字，后面空一格，是不是 /{request.command} {digits}"


def quoted_order(orders: Sequence[int]) -> int:
    """The one order of a quoted message; raises Refusal when it has none or several."""
    if len(orders) == 1:
        return orders[0]
    if not orders:
        raise Refusal("引用的消息里没有工单，请写上单号")
    named = "、".join(f"#{order}" for order in orders[:10])
    raise Refusal(f"引用的消息提到几件工单（{named}），请写明是哪一件")


@dataclass(slots=True)
class _Shared:
    """What the orders of one message share. `gathered` is what they announce, where they are many."""

    office: Office
    request: Request
    named: tuple[int, ...]
    callers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    gathered: list[Announcement] | None = None

    def work(self, scope: Scope, gathered: list[Announcement] | None = None) -> Work:
        return Work(
            self.office, scope, self.request.actor, self.request.place, self.named, self.callers, gathered=gathered
        )


def _one(shared: _Shared, answered: Answered, unit: Attempts, command: Command, order: int) -> Said:
    request = shared.request
    # What a refused order announced is dropped with it.
    announced: list[Announcement] | None = None if shared.gathered is None else []

    def act(scope: Scope) -> Said:
        work = shared.work(scope, announced)
        found = work.order(order)
        if command.name in STEPS:
            permit(shared.office, request.actor, found, command.name, work.now)
        assert command.step is not None
        arguments = Arguments(request.rest, request.mentions)
        try:
            result = command.step(work, found, arguments)
        except Misused as refusal:
            raise Refusal(_with_usage(refusal.message, command, order)) from refusal
        if isinstance(result, Said):
            return result
        return Said(f"✔ 【#{order}】{result}", orders=(order,))

    try:
        said = unit.attempt(act)
    except Refusal as refusal:
        return Said(f"✘ 【#{order}】{refusal.message}", orders=(order,))
    except (StoreError, DBAPIError):
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours is answered and logged under its id
        return Said(f"✘ 【#{order}】{fault_text(answered, error)}", orders=(order,))
    if shared.gathered is not None and announced:
        shared.gathered += announced
    return said


def _with_usage(message: str, command: Command, order: int | None = None) -> str:
    return f"{message}\n{usage(command, order)}"
