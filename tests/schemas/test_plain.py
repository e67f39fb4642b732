"""Texts in messages: on one line, and steering nothing."""

import pytest

from thinkmix.schemas.plain import plain


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("naïve 数学 😀", None, "naïve 数学 😀"),
        ("a\nb\x1b[2J\u202e", None, "a·b·[2J·"),
        ("four", 4, "four"),
        ("fives", 4, "fiv…"),
        ("\n\n\n\n\n", 4, "···…"),
    ],
)
def test_text_is_quoted_on_one_line(text: str, most: int | None, shown: str):
    """Control codes and line breaks become dots, and what is too long is cut to the length."""
    assert plain(text, most) == shown
