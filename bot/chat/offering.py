"""What a card that somebody pressed may offer next."""

from bot.chat.parser import Invocation, parse
from bot.chat.router import INDEX
from bot.delivery.composing import action_of
from bot.platforms.contract import Action
from config.organisation import Group
from handlers import notices, offers
from handlers.office import Office
from handlers.references import ShortNumber
from storage.tables import Order
from storage.transaction import Scope

PRESSED = "reply"
"""A card whose button was pressed has become the answer to it: whatever notice it was, it offers steps only."""


def next_steps(office: Office, scope: Scope, command: str, group: Group) -> tuple[Action, ...]:
    """What those who read a group may do now with the one order that a button's command names."""
    parsed = parse(command, INDEX, addressed=True, quoted=False)
    if not isinstance(parsed, Invocation):
        return ()
    match parsed.references:
        case [ShortNumber(number)]:
            scope.load(Order, [number])
            order = scope.order(number)
        case _:
            return ()
    if order is None:
        return ()
    found = offers.offers(office, order, PRESSED, waits_here=notices.waits_in(office, order, group))
    return tuple(action_of(offer) for offer in found)
