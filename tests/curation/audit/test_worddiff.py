"""Two texts word by word: what only one of them has, found in bounded time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.audit.overlap import cut_words
from thinkmix.curation.audit.worddiff import MOST_WORDS, WordDiff, word_diff


def marked(diff: WordDiff) -> tuple[list[str], list[str]]:
    left = [diff.left[start:end] for start, end in diff.left_only]
    return left, [diff.right[start:end] for start, end in diff.right_only]


@pytest.mark.parametrize(
    ("left", "right", "only"),
    [
        ("Find the sum.", "find the Sum", ([], [])),
        ("Find 2+3 now", "Find 2-3 now", (["2+3"], ["2-3"])),
        ("a b c d", "a x y d", (["b c"], ["x y"])),
        ("one two", "", (["one two"], [])),
        ("", "", ([], [])),
        ("计算苹果的总数", "计算梨的总数", (["苹果"], ["梨"])),
        ("é", "e\u0301", ([], [])),
        ("to be", "be to be", ([], ["be"])),
    ],
)
def test_marks_the_words_that_one_text_has_alone(left, right, only):
    """Case, form and trailing stops are no difference; neighbours are one stretch; Han marks by character."""
    assert marked(word_diff(left, right)) == only


WORDS = st.lists(st.sampled_from(["a", "b", "c", "数"]), max_size=12).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(WORDS, WORDS)
def test_what_is_not_marked_is_the_same_on_both_sides(left, right):
    """Without the marked words both texts have the same words in the same order."""
    diff = word_diff(left, right)

    def rest(text, highlights):
        return [
            word
            for word, start, end in cut_words(text)
            if not any(first <= start and end <= last for first, last in highlights)
        ]

    assert rest(diff.left, diff.left_only) == rest(diff.right, diff.right_only)


def test_no_text_makes_it_slow():
    """Of texts of any length and repetition a bounded number of words is compared, and that is said."""
    left = " ".join(f"a{n % 7} b" for n in range(50_000))
    right = " ".join(f"b a{n % 5}" for n in range(50_000))
    start = time.process_time()
    diff = word_diff(left, right)
    assert time.process_time() - start < 5
    assert not diff.whole
    assert len(cut_words(diff.left)) == len(cut_words(diff.right)) == MOST_WORDS
