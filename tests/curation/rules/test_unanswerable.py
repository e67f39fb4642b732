"""The rule `unanswerable`: what is asked for is mentioned nowhere before."""

import pytest

from tests.harness.judged import asked, conversation, judged
from thinkmix.curation.rules.unanswerable import Unanswerable
from thinkmix.schemas.conversation import Message

STORY = "Jake has 5 fewer peaches than Steven. Steven has 18 more peaches than Jill. "


def test_the_evidence_is_the_question():
    """In characters of the turn that asks, and the value counts its words that say something."""
    text = "Né: " + STORY + "How many cakes would the baker still have? "
    (found,) = judged(Unanswerable(), asked("Né?", "4"), asked(text, "4"))
    assert (found.row, found.value) == (1, 2)
    message, part, start, end = found.evidence[1:]
    assert (message, part, text[start:end]) == (0, "content", "How many cakes would the baker still have?")


@pytest.mark.parametrize(
    "text",
    [
        STORY + "How many peaches does Jill have?",
        STORY + "How many more does Jill have than Steven?",
        STORY + "How much money is left?",
        STORY + "How many of the 7 cakes are left?",
        STORY + "What is the width of her room?",
        "Some boys have peaches and other people have none at all. How many cakes are left?",
        "I sold 3 boxes of fruit at noon to a friend of mine. How many box lids were there?",
        "How many cakes are there?",
        STORY + "How many cakes are there? Show your work.",
    ],
)
def test_a_question_that_meets_its_story_is_none_of_these(text):
    """Another form of a word meets it, too; a story needs a number, and other questions are not judged."""
    assert judged(Unanswerable(), asked(text, "4")) == []


def test_a_dialogue_is_not_judged():
    """A later question is about what was said before."""
    turns = [Message(role="user", content="Cakes!"), Message(role="assistant", content="Yes.")]
    turns += [
        Message(role="user", content=STORY + "How many cakes are there?"),
        Message(role="assistant", content="4"),
    ]
    assert judged(Unanswerable(), conversation(turns)) == []
