"""The level of a new order: what the source says, else policy words in its text (domain, section 2)."""

from config.rules import Rules
from handlers.intake.orders import IncomingOrder

ORDINARY, URGENT = "一般", "紧急"


def level_of(rules: Rules, row: IncomingOrder) -> str:
    """紧急, 疑难 or 一般. Policy words make an order urgent whatever the source says: late is worse than loud."""
    if row.level == URGENT or rules.is_urgent(f"{row.title}\n{row.content}\n{' '.join(row.tags)}"):
        return URGENT
    return row.level or ORDINARY
