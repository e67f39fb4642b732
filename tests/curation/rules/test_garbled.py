"""The rule `garbled`: texts that were read in the wrong encoding."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.garbled import Garbled


@pytest.mark.parametrize(
    "said",
    [
        "He met FranÃ§oise.",
        "I donâ€™t know.",
        "It is 5 Â°C.",
        "So N \ufffd is 3.",
        "锟斤拷 is not a word.",
        "caf\u00c3\u00a9",
    ],
)
def test_such_a_text_is_found_where_it_stands(said):
    """The evidence is a stretch of the answer, and rows before it do not move it."""
    (found,) = judged(Garbled(), asked("What is it?", "It is 4."), asked("What is it?", said))
    assert (found.row, found.evidence.message, found.evidence.part) == (1, 1, "content")
    assert found.evidence.end > found.evidence.start
    assert judged(Garbled(), asked("What is it?", "It is 4.")) == []


@pytest.mark.parametrize(
    "said",
    [
        "He met Françoise.",
        "São Paulo, À la carte, Ãs.",
        "It is 5 °C – “so”.",
        "â, ê and î are vowels.",
        "北京",
    ],
)
def test_texts_that_only_look_alike_are_not_found(said):
    """They say the same characters or words, and mean something else."""
    assert judged(Garbled(), asked("What is it?", said)) == []
