"""What all rules promise, whatever they look for."""

import pytest

from tests.harness.judged import asked, conversation, judged
from thinkmix.curation.rules.known import RULES
from thinkmix.schemas.conversation import Message, ToolCall
from thinkmix.schemas.plain import plain

ROWS = [
    asked("What is it?", "It is 4, 4, 4, and the", "Okay."),
    asked("是什么？", "四。", "so the 分类 is 4. " * 30),
    asked("How is it in Tokyo?", "weather('Tokyo')"),
    asked("What?", "w " * 300, "Wait, we must check policy: " * 60),
    asked("&lt; &lt; &lt;", "It is so. " * 20, "It is so. " * 20),
    asked("What is 2 + 2?", "It is \\boxed{5}.", "So \\boxed{4}.", answer="4"),
    asked("What is 2 + 2?", "It is so.", answer="4"),
    asked("Who is FranÃ§oise?", "Human: Who?\n\nI'm ChatGPT, and {{name}} is hers."),
    asked("Who?", "I'm sorry, but I can't help with that."),
    asked("Jake has 5 peaches more than Steven has. How many cakes are there?", "It is 4."),
    conversation(
        [
            Message(role="user", content="Look."),
            Message(role="assistant", tool_calls=(ToolCall(name="look", arguments={"at": 3}),)),
            Message(role="tool", content="alpha beta gamma delta epsilon"),
            Message(role="tool", content="again"),
            Message(role="assistant", content="Done."),
        ],
        tools=({"name": "look", "parameters": {"properties": {"at": {"type": "string"}}}},),
    ),
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
    """It begins with what stands there, cut to a line; or it has no place, neither message nor part."""
    for row in ROWS:
        for one in judged(kind(), row):
            text, message, part, *span = one.evidence
            if message is None:
                assert (part, *span) == (None, None, None)
                continue
            turn = row.messages[message]
            said = turn.content if part == "content" else turn.reasoning
            assert text.startswith(plain(said[slice(*span)], 160))


def test_the_rows_of_this_test_have_something_for_most_rules():
    """Otherwise it says nothing of them."""
    silent = {kind.name for kind in RULES if not judged(kind(), *ROWS)}
    assert silent <= {"repetition", "cut_off", "language_switch", "unverified_answer"}
