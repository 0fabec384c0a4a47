"""The second held-out set: nothing is missed but what is known and named, and ordinary lines stay as they are."""

from handlers.privacy import clean
from tests.handlers.held import CALLER, held, ordinary

KNOWN_MISSES = {
    "一三八零零零零，九九八八",  # spoken twice: seven digits of the first time stay, the whole second time goes
    "00002233",  # the first three digits are told elsewhere in the sentence
    "138",
    "1134",  # four digits, as a masked number shows them too
    "110101190003",  # half an identity number, told after the other half
    "1单元 地下室B103",
    "明远",  # the given name alone
    "周明遠",  # the other script
}


def test_only_known_pieces_are_missed():
    missed = {piece for item in held() for piece in item.missed(clean(item.text, own=CALLER))}
    assert missed == KNOWN_MISSES


def test_ordinary_pieces_and_lines_stay():
    lost = {piece for item in held() for piece in item.lost(clean(item.text, own=CALLER))}
    assert lost == {"8001"}  # an extension goes with its number
    assert [line for line in ordinary() if clean(line, own=CALLER) != line] == []


def test_the_judge_sees_every_piece_in_the_text_itself():
    assert [item.line for item in held() if len(item.missed(item.text)) != len(item.hidden)] == []
