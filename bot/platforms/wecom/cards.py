"""Cards with buttons (模板卡片, button_interaction): a notice's commands by one tap. Only the 智能机器人 can send them.

A button's key is its command; a press brings it back, so that nothing about a card has to be remembered.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from bot.platforms.contract import Action, Limit, Outgoing
from bot.platforms.people import first_line
from bot.platforms.wecom.messages import Press
from bot.platforms.wecom.wording import harmless

MOST_BUTTONS: Final = 6
MOST_CHOICES: Final = 10
KEY_BYTES: Final = 1024
"""The longest key of a button (document 101032)."""
CHANGES: Final = (Limit(6, timedelta(minutes=1)), Limit(50, timedelta(hours=1)))
"""★ Changes of pressed cards in one conversation: what `chat.LIMITS` leaves of the platform's limits. A further card
stays as it is, and the answer in the chat says the same."""
_TITLE, _BODY, _LABEL = 26, 112, 10
_OVER: Final = {
    "title": "这张卡片已经失效",
    "desc": "请直接发命令，例如 /待办；/帮助 看您能用的命令",
}
_HOME: Final = {"type": 1, "url": "https://work.weixin.qq.com"}
"""A card without buttons must lead somewhere."""


class Changes:
    """Counts the changes of cards. They follow a press at once, past delivery, from the process that holds the bot's
    only connection: in memory. `time` is in seconds."""

    def __init__(self, time: Callable[[], float] = time.monotonic) -> None:
        self._time = time
        self._made: deque[tuple[float, str]] = deque()

    def take(self, chat: str) -> bool:
        """Whether one more may be made in a conversation now; it counts then."""
        now = self._time()
        while self._made and now - self._made[0][0] >= max(limit.window for limit in CHANGES).total_seconds():
            self._made.popleft()
        ages = [now - at for at, where in self._made if where == chat]
        if any(sum(age < limit.window.total_seconds() for age in ages) >= limit.count for limit in CHANGES):
            return False
        self._made.append((now, chat))
        return True


def card(message: Outgoing, unique: str) -> dict[str, Any]:
    """The card of a notice: what it is about, its actions as buttons, the first that has choices with them.

    `unique` tells two attempts at the same message apart: the platform takes a task id once.
    """
    return {
        "main_title": {"title": _cut(first_line(message.text), _TITLE)},
        "sub_title_text": _cut(_rest(message.text), _BODY),
        "task_id": f"jiesu-{message.key}-{unique}",
        **_offering(message.actions),
    }


def command_of(press: Press) -> str | None:
    """The command that a press gives; None for a button that is none of ours (any more)."""
    if not press.key.startswith("/") or len(press.key.encode()) > KEY_BYTES:
        return None
    return press.key if press.chosen is None else f"{press.key} {press.chosen}"


def settled(press: Press, answer: str, actions: Sequence[Action] = ()) -> dict[str, Any]:
    """What takes a card's place for everybody once its command was carried out: who did what, and the buttons of what
    can be done next in this chat."""
    return _replacement(press, {"title": _cut(first_line(answer), _TITLE)}, _cut(_rest(answer), _BODY), actions)


def expired(press: Press) -> dict[str, Any]:
    """What takes a card's place for who pressed a button that we do not know."""
    return _replacement(press, dict(_OVER), "") | {"userids": [press.account]}


def _replacement(press: Press, title: dict[str, str], body: str, actions: Sequence[Action] = ()) -> dict[str, Any]:
    """An update may be a card of any type; it keeps the task id, which every further press of it names again."""
    shown: dict[str, Any] = {"main_title": title, "task_id": press.card}
    shown |= _offering(actions) if actions else {"card_type": "text_notice", "card_action": _HOME}
    if body:
        shown["sub_title_text"] = body
    return {"response_type": "update_template_card", "template_card": shown}


def _offering(actions: Sequence[Action]) -> dict[str, Any]:
    """The part of a card that can be pressed."""
    found: dict[str, Any] = {"card_type": "button_interaction"}
    choosing = next((action for action in actions if action.choices), None)
    if choosing is not None:
        found["button_selection"] = _selection(choosing)
    # one list of choices fits on a card: a second one's command is left to be typed
    buttons = [action for action in actions if not action.choices or action is choosing]
    found["button_list"] = [_button(action, number) for number, action in enumerate(buttons[:MOST_BUTTONS])]
    return found


def _button(action: Action, number: int) -> dict[str, Any]:
    return {"text": _cut(action.label, _LABEL), "style": 1 if number == 0 else 2, "key": action.command}


def _selection(action: Action) -> dict[str, Any]:
    options = [{"id": value, "text": _cut(label, _LABEL)} for label, value in action.choices[:MOST_CHOICES]]
    return {"question_key": action.command, "title": _cut(action.label, _LABEL), "option_list": options}


def _rest(text: str) -> str:
    return text.strip().partition("\n")[2].strip()


def _cut(text: str, most: int) -> str:
    text = harmless(text)
    return text if len(text) <= most else text[: most - 1] + "…"
