"""The rule `tool_text`: which answers are the text of a tool call in rows that have no tools."""

import pytest

from tests.harness.judged import asked, conversation, judged
from thinkmix.curation.rules.tool_text import ToolText
from thinkmix.schemas.conversation import Message, ToolCall


@pytest.mark.parametrize(
    "call",
    [
        "weather('Tokyo')",
        'get_weather(city="Tokyo", days=3)',
        "[find.flights('HND', 'LHR')]",
        '<function_calls>\n{"name": "weather"}',
        'I look: {"name": "weather", "arguments": {"city": "Tokyo"}}',
        "I look.\nAction: weather\nAction Input: Tokyo",
        "[TOOL_CALLS] weather",
        "<function=weather>",
    ],
)
def test_an_answer_that_is_a_call_is_found_where_there_are_no_tools(call):
    """By what models write calls as, or alone with its literal arguments."""
    row = asked("How is the weather in Tokyo?", call)
    (found,) = judged(ToolText(), asked("Hello?", "Hello."), row)
    assert (found.row, found.value) == (1, 1)
    assert call[found.evidence.start : found.evidence.end].startswith(found.evidence.text[:8])
    tools = conversation(row.messages, tools=({"name": "weather"},))
    assert judged(ToolText(), tools) == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which Python function greets?", "hello('world')"),
        ("How do I say it?", "print('hello')"),
        ("Which one?", "It is weather('Tokyo')."),
        ("Which one?", "f(x)"),
        ("How do models call?", "So:\n\n```\n[TOOL_CALLS]\n```\n"),
        ("How do models call?", "They write `[TOOL_CALLS]` first."),
        ("Which one?", '{"name": "Tokyo", "people": 14}'),
    ],
)
def test_code_and_data_are_no_calls(question, answer):
    """In blocks of code, in talk about code, and as one of the functions that every language has."""
    assert judged(ToolText(), asked(question, answer)) == []


def test_answers_with_calls_are_counted_and_rows_that_call_are_left_out():
    """The evidence is the first one."""
    turns = [*asked("Tokyo?", "é weather('Tokyo')").messages, *asked("Oslo?", "weather('Oslo')").messages]
    turns += asked("Rome?", "weather('Rome')").messages
    (found,) = judged(ToolText(), conversation(turns))
    assert (found.value, *found.evidence) == (2, "weather('Oslo')", 3, "content", 0, 15)
    call = Message(role="assistant", tool_calls=(ToolCall(name="weather", arguments={}),))
    assert judged(ToolText(), conversation([*turns, turns[0], call])) == []
