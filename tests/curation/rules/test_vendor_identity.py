"""The rule `vendor_identity`: answers that say that a model of a provider speaks."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.vendor_identity import VendorIdentity


@pytest.mark.parametrize(
    "said",
    [
        "I'm ChatGPT, an assistant.",
        "I am a large language model trained by OpenAI.",
        "我是由OpenAI训练的大型语言模型。",
        "我是豆包。",
        "I was developed by Google.",
    ],
)
def test_such_a_text_is_found_where_it_stands(said):
    """The evidence is a stretch of the answer, and rows before it do not move it."""
    (found,) = judged(VendorIdentity(), asked("What is it?", "It is 4."), asked("What is it?", said))
    assert (found.row, found.evidence.message, found.evidence.part) == (1, 1, "content")
    assert found.evidence.end > found.evidence.start
    assert judged(VendorIdentity(), asked("What is it?", "It is 4.")) == []


@pytest.mark.parametrize(
    "said",
    [
        "ChatGPT is a model trained by OpenAI.",
        "I use Claude.",
        "The app was developed by Google.",
        "OpenAI的模型很大。",
        "I am Claude's neighbour.",
    ],
)
def test_texts_that_only_look_alike_are_not_found(said):
    """They say the same characters or words, and mean something else."""
    assert judged(VendorIdentity(), asked("What is it?", said)) == []
