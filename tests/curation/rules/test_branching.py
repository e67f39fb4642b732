"""The rule `branching`: how often traces branch on 1,000 words."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.branching import Branching
from thinkmix.curation.rules.turns import TurnTable

WORDS = "so it goes on " * 25


@pytest.mark.parametrize(
    "branch",
    [
        "Wait, ",
        "but wait, ",
        "Alternatively, ",
        "Hmm, ",
        "Hold on. ",
        "\n等等，",
        "换个思路，",
        "另一种方法，",
    ],
)
def test_branches_are_counted_on_1000_words(branch):
    """A Chinese character counts as a word; the limit itself is not found."""
    trace = WORDS + branch * 2 + "it is 4."
    words = 103 + 2 * (len(branch.split()) if branch.isascii() else len(branch.strip()) - 1)
    (found,) = judged(Branching(above=0, min_words=100), asked("What?", "4", trace))
    assert found.value == pytest.approx(2_000 / words, rel=0.03)
    assert judged(Branching(above=found.value, min_words=100), asked("What?", "4", trace)) == []


@pytest.mark.parametrize("text", ["I wait for it. ", "苹果、梨等等。", "还有另一种情况。", "a waiter "])
def test_words_that_only_look_like_a_branch_are_none(text):
    """To wait for something, or to say `and so on`, does not turn away."""
    assert judged(Branching(above=0, min_words=1), asked("What?", "4", WORDS + text)) == []


def test_answers_and_short_traces_are_not_judged():
    """An answer may offer an alternative, and few words have no density."""
    row = asked("What?", "Wait, " * 9 + WORDS, "Wait, " + "on " * 98)
    assert judged(Branching(above=0, min_words=100), row) == []
    assert len(judged(Branching(above=0, min_words=99), row)) == 1


def test_the_evidence_is_the_first_branch():
    """In characters of the trace."""
    (found,) = judged(
        Branching(above=0, min_words=1), asked("?", "4"), asked("?", "4", "Né. Wait, no. Hmm, 4.")
    )
    assert (found.row, *found.evidence) == (1, "Wait", 1, "reasoning", 4, 8)


def test_the_density_of_a_row_is_that_of_all_its_traces():
    """A cap chooses by it; a row without a trace does not branch."""
    dense = asked("?", "4", "Wait, no. " + "on " * 97)
    rows = TurnTable.of([asked("?", "4"), dense, asked("?", "4", "Hmm, so.")])
    assert Branching().densities(rows) == pytest.approx([0, 1_000 / 99, 500])
