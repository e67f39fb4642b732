"""What all rules promise, whatever they look for."""

import pytest

from tests.harness.judged import asked, conversation, judged
from thinkmix.curation.rules.known import RULES
from thinkmix.schemas.plain import plain

ROWS = [
    asked("What is it?", "It is 4, 4, 4, and the", "Okay."),
    asked("是什么？", "四。", "so the 分类 is 4. " * 30),
    asked("How is it in Tokyo?", "weather('Tokyo')"),
    asked("What?", "w " * 300, "Wait, we must check policy: " * 60),
    asked("&lt; &lt; &lt;", "It is so. " * 20, "It is so. " * 20),
]


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.name)
def test_rows_are_judged_alike_in_every_batch(kind):
    """One by one and together, in their order, each once; a batch may be empty."""
    rule = kind()
    assert list(judged(rule)) == []
    alone = [one._replace(row=place) for place, row in enumerate(ROWS) for one in judged(rule, row)]
    assert list(judged(rule, *ROWS)) == alone
    assert len({one.row for one in alone}) == len(alone)


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.name)
def test_evidence_stands_where_it_says(kind):
    """It is what stands there, cut to a line."""
    turns = [turn for row in ROWS for turn in row.messages]
    for one in judged(kind(), conversation(turns)):
        message = turns[one.evidence.message]
        text = message.content if one.evidence.part == "content" else message.reasoning
        assert one.evidence.text == plain(text[one.evidence.start : one.evidence.end], 160)
