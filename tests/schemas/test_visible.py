"""Which texts show something."""

import unicodedata

import pytest

from thinkmix.schemas.visible import is_visible


@pytest.mark.parametrize("text", ["", " \n\u3000", "\u200b", "\ufeff \u200d", "\u2800\u3164", "\U000e0061"])
def test_white_space_and_characters_without_width_show_nothing(text: str) -> None:
    """However many there are."""
    assert not is_visible(text)
    assert is_visible(f"{text}.")


def test_letters_digits_and_punctuation_are_seen() -> None:
    """Of every script, but for the fillers of Hangul and Khmer's vowels that Unicode tells to ignore."""
    fillers = {0x115F, 0x1160, 0x3164, 0xFFA0, 0x17B4, 0x17B5}
    seen = [code for code in range(0x20000) if unicodedata.category(chr(code))[0] in "LNP"]
    assert all(is_visible(chr(code)) != (code in fillers) for code in seen)
