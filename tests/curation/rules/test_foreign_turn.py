"""The rule `foreign_turn`: answers that hold the turn of another speaker."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.foreign_turn import ForeignTurn


@pytest.mark.parametrize(
    "said",
    [
        "Human: Why?",
        "It is 4.\n\nHuman: And 3 + 3?",
        "It is 4.\n\n### User:\nAnd 3 + 3?",
    ],
)
def test_such_a_text_is_found_where_it_stands(said):
    """The evidence is a stretch of the answer, and rows before it do not move it."""
    (found,) = judged(ForeignTurn(), asked("What is it?", "It is 4."), asked("What is it?", said))
    assert (found.row, found.evidence.message, found.evidence.part) == (1, 1, "content")
    assert found.evidence.end > found.evidence.start
    assert judged(ForeignTurn(), asked("What is it?", "It is 4.")) == []


@pytest.mark.parametrize(
    "said",
    [
        "The Human: a history.",
        "Here is a dialogue.\nUser: Hello!",
        "A human: what is it?",
        "Speakers:\n\nUser: Ann",
    ],
)
def test_texts_that_only_look_alike_are_not_found(said):
    """They say the same characters or words, and mean something else."""
    assert judged(ForeignTurn(), asked("What is it?", said)) == []
