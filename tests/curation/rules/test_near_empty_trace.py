"""The rule `near_empty_trace`: which traces have next to no words."""

import pytest

from tests.harness.judged import asked, conversation, judged
from thinkmix.curation.rules.near_empty_trace import NearEmptyTrace


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        ("Okay.", 1),
        ("a b c\n d e", 5),
        ("a b c d e f", None),
        ("让我想想", 4),
        ("让我先想一想", None),
        ("嗯 ok", 2),
    ],
)
def test_a_trace_of_few_words_is_found_with_their_number(trace, words):
    """A Chinese character is a word; the limit itself is found."""
    found = judged(NearEmptyTrace(at_most=5), asked("What?", "4", trace))
    assert [one.value for one in found] == ([words] if words else [])
    assert all((one.evidence.start, one.evidence.end) == (0, len(trace)) for one in found)


def test_an_answer_without_a_trace_is_not_judged():
    """It does not pretend to think, and neither does one with an empty trace."""
    assert judged(NearEmptyTrace(), asked("What?", "4"), asked("What?", "4", "")) == []


def test_the_shortest_trace_of_a_row_is_its_evidence():
    """In a row of several turns."""
    turns = [turn for trace in ("a b c", "Okay.", "d e") for turn in asked("What?", "4", trace).messages]
    (found,) = judged(NearEmptyTrace(), asked("What?", "4"), conversation(turns))
    assert (found.row, found.value, *found.evidence) == (1, 1, "Okay.", 3, "reasoning", 0, 5)
