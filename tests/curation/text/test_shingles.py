"""How texts become words and shingle sets."""

import unicodedata

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.audit.overlap import cut_words, explain_pair
from thinkmix.curation.text.shingles import shingle_hashes

TEXT = st.text(
    st.one_of(st.sampled_from("aB .,?中文的\0\t😀é’“Σ"), st.characters(exclude_categories=["Cs"])),
    max_size=60,
)


def sets_of(texts: list[str], shingle: int = 5) -> list[frozenset[int]]:
    hashes, offsets = shingle_hashes(pl.Series(texts, dtype=pl.String), shingle=shingle)
    return [frozenset(hashes[offsets[i] : offsets[i + 1]].tolist()) for i in range(len(texts))]


def jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("What is  the\n\tcapital of France?", "what is the capital of france"),
        ('Say "hi" to them: now, please.', "say hi to them now please"),
        ("don’t", "don't"),
        ("Cafe\u0301 au lait", "CAFÉ au lait"),
        ("今天天气很好，我们去公园玩！", "今天天气很好 我们去公园玩"),
        ("a\0b", "a b"),
        ("ＡＢＣ\u3000Ｄ", "ａｂｃ ｄ"),
        ("\ufeffone—two… three", "one two three"),
    ],
)
def test_folding_ignores_what_does_not_change_a_question(text: str, same: str) -> None:
    """Case, spacing, trailing marks, quotes and Unicode form do not make two texts different."""
    a, b = sets_of([text, same])
    assert a == b
    assert a


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("2 + 3", "2 - 3"),
        ("compute 5!", "compute 5"),
        ("solve y'' + y = 0", "solve y' + y = 0"),
        ("0.5 of it", "5 of it"),
        (".5 of it", "5 of it"),
        ("f(x)", "fx"),
        ("x²", "x2"),
        ("ab c", "a bc"),
        ("中文", "文中"),
        ("a b", "a b a b"),
    ],
)
def test_folding_keeps_what_changes_a_problem(text: str, other: str) -> None:
    """Operators, decimals, word borders, order and length tell two texts apart."""
    a, b = sets_of([text, other])
    assert a != b


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    """Seven Han characters make three shingles of five; so do seven English words."""
    assert [len(found) for found in sets_of(["今天天气很好啊", "one two three four five six seven"])] == [
        3,
        3,
    ]


def test_a_short_text_is_one_shingle_and_an_empty_one_has_none() -> None:
    """Fewer words than a shingle compare as a whole; without words there is nothing to compare."""
    texts = ["", " \n", "?!?"[:1], "word", "three short words"]
    assert [len(found) for found in sets_of(texts)] == [0, 0, 0, 1, 1]


def test_a_text_that_repeats_itself_has_each_shingle_once() -> None:
    """However often a shingle is in a text, its set is ascending and without repeats."""
    hashes, offsets = shingle_hashes(pl.Series(["a b c " * 400, "a b c d e f g"]), shingle=5)
    assert offsets.tolist() == [0, 3, 6]
    assert all(np.diff(part.astype(object)).min() > 0 for part in (hashes[:3], hashes[3:]))


def test_null_is_an_empty_text() -> None:
    """A missing text has no shingles and does not shift its neighbours."""
    hashes, offsets = shingle_hashes(pl.Series(["a", None, "b"]), shingle=5)
    assert offsets.tolist() == [0, 1, 1, 2]
    assert hashes.dtype == np.uint64


def test_no_texts_have_no_shingles() -> None:
    """An empty series gives no hashes and the one offset 0."""
    hashes, offsets = shingle_hashes(pl.Series([], dtype=pl.String), shingle=5)
    assert (hashes.tolist(), offsets.tolist()) == ([], [0])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_arrow_arrays_of_any_layout_give_the_same_sets(kind: pa.DataType) -> None:
    """Offsets of 32 or 64 bits, views, and slices of a larger array are all read."""
    texts = ["dropped", "one two three", "四五六", "dropped"]
    array = pa.array(texts, kind).slice(1, 2)
    hashes, offsets = shingle_hashes(array, shingle=2)
    want, want_offsets = shingle_hashes(pl.Series(texts[1:3]), shingle=2)
    assert hashes.tolist() == want.tolist()
    assert offsets.tolist() == want_offsets.tolist()


@given(st.lists(TEXT, max_size=6))
@settings(max_examples=200, deadline=None)
def test_a_text_has_the_same_set_alone_and_among_others(texts: list[str]) -> None:
    """Neighbours in the buffer, normalised or not, never leak into a text."""
    assert sets_of(texts) == [sets_of([text])[0] for text in texts]


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_unicode_form_never_matters(text: str) -> None:
    """A text and its decomposed form have the same shingles."""
    composed, decomposed = sets_of([unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)])
    assert composed == decomposed


@given(st.text(st.sampled_from("ab.,:  é中’—"), min_size=50, max_size=400), st.integers(1, 3))
@settings(max_examples=300, deadline=None)
def test_words_and_marks_may_lie_across_the_blocks_of_a_long_text(text: str, shingle: int) -> None:
    """A text of several blocks has the words that are cut from it one character at a time."""
    words = " ".join(word for word, _, _ in cut_words(unicodedata.normalize("NFC", text)))
    as_written, as_cut = sets_of([text, words], shingle)
    assert as_written == as_cut


@pytest.mark.parametrize("length", [*range(56, 72), 127, 128, 129])
def test_trailing_marks_are_cut_at_every_place_of_a_block(length: int) -> None:
    """A run of marks ends a word wherever the borders of blocks fall, and a leading mark stays."""
    letters = "a" * length
    written, plain, leading = sets_of([f"{letters}?.: .b", f"{letters} .b", f"{letters} b"], 2)
    assert written == plain
    assert written != leading


@given(TEXT, TEXT, st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_explanation_and_kernel_agree(a: str, b: str, shingle: int) -> None:
    """The similarity that people are shown is the one that decided."""
    left, right = sets_of([a, b], shingle)
    assert explain_pair(a, b, shingle=shingle).jaccard == jaccard(left, right)


def test_shared_passages_are_merged_and_read_as_written() -> None:
    """Overlapping shared shingles become one passage of the first text, in its own case."""
    a = "Please, find the Sum of all odd numbers below 100, and explain why."
    b = "Quick: find the sum of all odd numbers below 50, and explain why!"
    assert explain_pair(a, b, shingle=3).shared == ("find the Sum of all odd numbers below",)


def test_shared_passages_in_chinese_need_no_spaces() -> None:
    """Characters count as words, so a passage is a run of characters."""
    assert explain_pair("请问今天天气怎么样？", "今天天气怎么样", shingle=5).shared == ("今天天气怎么样",)


def test_texts_without_words_share_nothing() -> None:
    """Two empty texts are not duplicates of each other."""
    assert explain_pair("", " ", shingle=5).jaccard == 0.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ公司在２０２３年的利润是多少？", "ABC公司在2023年的利润是多少？"),
        ("ＡＢＣ", "abc"),
        ("计算（3+5）的值是多少", "计算(3+5)的值是多少"),
        ("ｶﾀｶﾅは何文字ありますか", "カタカナは何文字ありますか"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("＂a＂ b．", '"a" b.'),
        ("x \u22127", "x -7"),
    ],
)
def test_full_width_and_half_width_forms_are_the_same_text(one: str, other: str) -> None:
    """As they are to a reader; so are a minus sign and the hyphen that is typed for it."""
    first, second = sets_of([one, other], 2)
    assert first == second


@pytest.mark.parametrize(("one", "other"), [("10²", "102"), ("½", "1/2"), ("ﬁne", "fine"), ("①", "1")])
def test_other_compatibility_forms_are_other_texts(one: str, other: str) -> None:
    """NFKC would make ten squared a hundred and two."""
    first, second = sets_of([one, other], 1)
    assert first != second
