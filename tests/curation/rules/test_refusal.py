"""The rule `refusal`: answers that refuse."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.refusal import Refusal


@pytest.mark.parametrize(
    "said",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "很抱歉，我无法回答这个问题。",
        "I’m sorry, but as an AI language model, I cannot browse.",
    ],
)
def test_such_a_text_is_found_where_it_stands(said):
    """The evidence is a stretch of the answer, and rows before it do not move it."""
    (found,) = judged(Refusal(), asked("What is it?", "It is 4."), asked("What is it?", said))
    assert (found.row, found.evidence.message, found.evidence.part) == (1, 1, "content")
    assert found.evidence.end > found.evidence.start
    assert judged(Refusal(), asked("What is it?", "It is 4.")) == []


@pytest.mark.parametrize(
    "said",
    [
        "I cannot find a number above 4.",
        "Sorry for the delay: it is 4.",
        "抱歉，上面的答案错了，应为 4。",
        "对不起，我无法总结，因为您没有提供文章。",
        "It says: I cannot help you.",
    ],
)
def test_texts_that_only_look_alike_are_not_found(said):
    """They say the same characters or words, and mean something else."""
    assert judged(Refusal(), asked("What is it?", said)) == []
