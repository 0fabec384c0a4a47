"""Which account is whose and which chat is which group: bound by one-time codes, beside the organisation file.

An administrator asks for a code and tells it to the person, or gives it in the group; whoever gives it from a
platform's account or chat binds that one. Only a keyed digest of a code is stored. Its text follows from a random seed
and the office's key, and is made when the answer is sent, like personal data.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from config.organisation import PLATFORMS, PURPOSES, Person
from config.shanghai import span_text
from handlers.office import Office
from handlers.privacy import clean
from handlers.references import fold
from handlers.work import person_name
from storage import outbox
from storage.columns import table
from storage.outbox import Priority
from storage.tables import Binding, BindingCode, Seen
from storage.transaction import Scope

PERSON: Final = "person"
CHAT: Final = "chat"
"""What a binding binds, and what a code is for."""
LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ"
"""What codes are made of: letters only, so that a telephone keeps one keyboard, and none that looks like a digit."""
LENGTH: Final = 8
_MINUTE: Final = timedelta(minutes=1)
_REFERENCE: Final = "code:"
_WRONG: Final = "一次码不对、过了期或已经用过：请核对，或请系统管理员再发一个"


@dataclass(frozen=True, slots=True)
class Offer:
    """A code as somebody gives it: on which platform, from which account, in which chat (None: in private).

    `person` is whose the account is so far, `group` the id of the group that the chat is so far.
    """

    platform: str
    account: str
    chat: str | None
    typed: str
    person: Person | None
    group: str | None


def issue(office: Office, scope: Scope, kind: str, target: str) -> str:
    """Make a code for a person or a group (their id); returns the reference from which `code_text` makes its text."""
    code = table(BindingCode)
    scope.execute(sa.delete(code).where(code.c.expires_at <= scope.now))
    seed = secrets.token_hex(16)
    scope.insert(
        BindingCode,
        digest=_digest(office, _code(office, seed)),
        kind=kind,
        target=target,
        by=scope.actor,
        expires_at=scope.now + office.rules(scope.now).binding.valid,
    )
    scope.record("发绑定码", None, what=kind, target=target)
    return _REFERENCE + seed


def code_text(office: Office, scope: Scope, reference: str) -> str:
    """The answer behind a reference: the code and what to do with it, as long as it is good."""
    code = _code(office, reference.removeprefix(_REFERENCE))
    stored = table(BindingCode)
    row = scope.connection.execute(sa.select(stored).where(stored.c.digest == _digest(office, code))).one_or_none()
    if row is None or row.used_at is not None or row.expires_at <= scope.now:
        return "这个一次码过了期或已经用过；需要时请再要一个"
    return office.texts.render(
        "binding_code",
        code=code,
        name=target_name(office, row.kind, row.target),
        person=row.kind == PERSON,
        # Rounded up: a code that is a second old is good for a quarter of an hour to whoever reads it.
        left=-((scope.now - row.expires_at) // _MINUTE) * _MINUTE,
    )


def redeem(office: Office, scope: Scope, offer: Offer) -> str:
    """Bind whoever gives a good code; the answer, in one line. A wrong one is counted against the account."""
    if (locked := _locked(office, scope, offer)) is not None:
        return locked
    stored = table(BindingCode)
    # Of two replicas that are given the same code the second waits here, and finds it used.
    query = sa.select(stored).where(stored.c.digest == _digest(office, _folded(offer.typed))).with_for_update()
    code = scope.connection.execute(query).one_or_none()
    if code is None or code.used_at is not None or code.expires_at <= scope.now:
        return _count(office, scope, offer)
    kind = PERSON if offer.chat is None else CHAT
    name = target_name(office, code.kind, code.target)
    if code.kind != kind:
        if kind == PERSON:
            return f"这个一次码是绑定群“{name}”的：请在那个群里 @我 再发一次"
        # Everybody in the group has read it.
        _use(scope, code.digest)
        return "这是绑定个人账号的一次码，群里人人可见，已经作废：请系统管理员再发一个，在与我的私聊里发"
    holder = (offer.person.id if offer.person else None) if kind == PERSON else offer.group
    if holder is not None and holder != code.target:
        own = "这个账号" if kind == PERSON else "这个群"
        return f"{own}已经是{target_name(office, kind, holder)}：请系统管理员先解除原来的绑定"
    native = offer.account if offer.chat is None else offer.chat
    replaced = _bind(scope, offer.platform, kind, native, code.target, code.by)
    _use(scope, code.digest)
    scope.record("绑定", None, what=kind, target=code.target, on=offer.platform, account=clean(native), by=code.by)
    _tell(office, scope, code.by, f"已绑定：{name}，{PLATFORMS.get(offer.platform, offer.platform)}")
    again = "，原来绑定的不再有效" if replaced else ""
    if kind == CHAT:
        return f"已绑定：这个群是{name}{again}。在这里 @我 发命令，/帮助 看能用的命令"
    return f"已绑定：您是{name}{again}。直接发命令，不用加斜杠；发 帮助 看能用的命令"


def unbind(office: Office, scope: Scope, kind: str, target: str, platform: str | None) -> list[str]:
    """Take bindings away; the platforms on which there were any."""
    found = [row for row in bindings(scope) if (row.kind, row.target) == (kind, target)]
    gone = [row for row in found if platform in (None, row.platform)]
    for row in gone:
        scope.place(Binding, (row.platform, row.kind, row.native), None)
        scope.record("解除绑定", None, what=kind, target=target, on=row.platform, account=clean(row.native))
    return [row.platform for row in gone]


def bindings(scope: Scope) -> list[Any]:
    """Every binding, oldest first."""
    binding = table(Binding)
    return list(scope.connection.execute(sa.select(binding).order_by(binding.c.at, binding.c.native)))


def target_name(office: Office, kind: str, target: str) -> str:
    """A person's or group's name as people know it; the id of one that the organisation file has no more."""
    if kind == PERSON:
        return person_name(office, target)
    group = office.organisation.group(target)
    return target if group is None else f"{group.name}（{PURPOSES[group.purpose]}）"


def _code(office: Office, seed: str) -> str:
    number = int(office.store.vault.digest({"一次码的种子": seed}), 16)
    letters = ""
    for _ in range(LENGTH):
        number, letter = divmod(number, len(LETTERS))
        letters += LETTERS[letter]
    return letters


def _folded(typed: str) -> str:
    return "".join(mark for mark in fold(typed).upper() if mark.isalnum())


def _digest(office: Office, code: str) -> str:
    """Keyed: who reads the table cannot try codes, and who times the look-up learns nothing of them."""
    return office.store.vault.digest({"一次码": code})


def _bind(scope: Scope, platform: str, kind: str, native: str, target: str, by: str) -> bool:
    """Write the binding; whether it took another's place."""
    former = [row for row in bindings(scope) if (row.platform, row.kind, row.target) == (platform, kind, target)]
    others = [row for row in former if row.native != native]
    for row in others:
        scope.place(Binding, (platform, kind, row.native), None)
    scope.place(Binding, (platform, kind, native), {"target": target, "by": by, "at": scope.now})
    return bool(others)


def _use(scope: Scope, digest: str) -> None:
    code = table(BindingCode)
    scope.execute(sa.update(code).where(code.c.digest == digest).values(used_at=scope.now))


def _tell(office: Office, scope: Scope, person: str, text: str) -> None:
    """Who gave a code out learns that it was used, in case somebody else did."""
    if endpoints := office.routes.of_person(person):
        outbox.queue(
            scope,
            kind="bound",
            priority=Priority.NOTICE,
            endpoints=endpoints,
            audience=f"@{person}",
            text=f"{text}。不是您安排的，请发 /绑定 解除",
        )


# Wrong tries: one row for each account, its count, and the moment of the last one that counted.


def _tries(scope: Scope, offer: Offer) -> Any | None:
    seen = table(Seen)
    mine = seen.c.platform == f"绑定:{offer.platform}", seen.c.nonce == offer.account
    return scope.connection.execute(sa.select(seen).where(*mine).with_for_update()).one_or_none()


def _locked(office: Office, scope: Scope, offer: Offer) -> str | None:
    rule, row = office.rules(scope.now).binding, _tries(scope, offer)
    if row is None or int(row.digest) < rule.tries or row.at + rule.locked <= scope.now:
        return None
    return f"一次码试错了 {rule.tries} 次，请 {span_text(row.at + rule.locked - scope.now)}后再试"


def _count(office: Office, scope: Scope, offer: Offer) -> str:
    rule, row = office.rules(scope.now).binding, _tries(scope, offer)
    before = 0 if row is None or row.at + rule.locked <= scope.now else int(row.digest)
    seen, platform = table(Seen), f"绑定:{offer.platform}"
    old = seen.c.platform == platform, seen.c.at <= scope.now - rule.locked, seen.c.nonce != offer.account
    scope.execute(sa.delete(seen).where(*old))
    scope.place(Seen, (platform, offer.account), {"digest": str(before + 1), "at": scope.now})
    return _WRONG
