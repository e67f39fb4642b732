"""Questions and rows are compared by words that spelling, spacing and LaTeX do not change."""

import numpy as np
import pytest

from thinkmix.curation.decontaminate.words import TURN, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"$8,\!400$ dollars", r"\(8400\) dollars"),
        (r"50{,}000", "50,000"),
        ("Janet’s ducks", "janet's DUCKS"),
        (r"\dfrac{1}{2}\left(x+1\right)", r"$\frac{1}{2} \, ( x + 1)$"),
        (r"3 \cdot 4", "3*4"),
        (r"5\,\text{cm}", "5 cm"),
        ("twenty-one", "twenty one"),
        ("三加八", "三 加 八"),
        ("１２个苹果", "12 个苹果"),
        ("ＡＢＣ", "abc"),
        ("吃了３个（含１个坏的）", "吃了3个(含1个坏的)"),
        ("ｘ＋１", "x+1"),
        ("3 × 4", r"3 \times 4"),
        ("a–b «c» …", "a b c"),
        ("É clair", "é  CLAIR"),
        ("a − b", "a - b"),
        ("x^{2}", "x ^ 2"),
    ],
)
def test_the_same_in_another_spelling_has_the_same_words(one: str, other: str) -> None:
    """Case, white space, delimiters, type-setting commands and separators of thousands do not count."""
    assert np.array_equal(words_of(one), words_of(other))
    assert len(words_of(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x + 1", "x - 1"),
        ("2.5", "25"),
        ("7", "-7"),
        ("1,2", "12"),
        ("1,2345", "12345"),
        ("三加八", "三加七"),
        (r"\frac 1", r"\binom 1"),
        ("a b", "ab"),
    ],
)
def test_what_means_something_else_has_other_words(one: str, other: str) -> None:
    """Numbers, signs, characters and commands count."""
    assert not np.array_equal(words_of(one), words_of(other))


def test_the_end_of_a_turn_is_a_word_of_its_own() -> None:
    """A command or an escape before it does not take it along."""
    for text in ("a\x1eb", "a\\\x1eb", "a \\quad\x1eb"):
        assert np.flatnonzero(words_of(text) == TURN).tolist() == [1]
        assert len(words_of(text)) == 3


def test_variants_of_a_command_are_one_word() -> None:
    """Each of them is read as the word that is known for it, and a command that sets type as none."""
    variants = [
        "dfrac",
        "cfrac",
        "leq",
        "geq",
        "neq",
        "dbinom",
        "ldots",
        "cdots",
        "dotsc",
        "rightarrow",
        "lt",
        "gt",
        "cdot",
        "times",
        "ast",
    ]
    words = ["frac", "frac", "le", "ge", "ne", "binom", "dots", "dots", "dots", "to", "<", ">", "*", "*", "*"]
    for variant, word in zip(variants, words, strict=True):
        assert np.array_equal(words_of(rf"\{variant} x"), words_of(f"{word} x"))
    assert len(words_of(r"\left \displaystyle \phantom")) == 0


@pytest.mark.parametrize("before", range(60, 68))
@pytest.mark.parametrize(
    "text",
    [
        "seventeen apples",
        "naïve Größe",
        "12 345.5 8,400 x",
        r"\frac\left(\3 4\34 a",
        "三加 ８，x+1",
        "a-b -- -c − d",
        f"{'x' * 70} {'7' * 70} end",
        "a\x1e\\\x1eb",
        r"7{,}000 7,\!000 7\,000 7\!00 7,",
    ],
)
def test_words_do_not_depend_on_where_they_stand(before: int, text: str) -> None:
    """A text is read in blocks of 64 bytes: a word may begin in one of them and end in the next."""
    assert np.array_equal(words_of(f"{'.' * before}{text}"), words_of(text))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (r"\3 4", 1),
        (r"\34", 1),
        ("3a", 2),
        ("é3", 2),
        ("é３", 1),
        ("3３", 2),
        ("1.5.", 1),
        ("1,", 1),
        ("ab\u3000c", 2),
        ("1.900 1,900,999 z{a@`[", 4),
        ("+++", 3),
    ],
)
def test_a_word_ends_where_another_kind_begins(text: str, count: int) -> None:
    """An escaped digit does not count; a full-width digit continues letters."""
    assert len(words_of(text)) == count


@pytest.mark.parametrize("text", ["", " ", "$$", "\\", "\\(", "é"[:0], "{},;:"])
def test_a_text_may_have_no_words(text: str) -> None:
    """However it ends."""
    assert len(words_of(text)) == 0
