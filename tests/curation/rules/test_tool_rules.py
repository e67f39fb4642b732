"""Rules on calls: their arguments, their responses, and what answers take from these."""

import json
from typing import Any

import pytest

from tests.harness.judged import asked, conversation, judged
from thinkmix.curation.rules.tool_arguments import ToolArguments
from thinkmix.curation.rules.tool_order import ToolOrder
from thinkmix.curation.rules.tool_response_unused import ToolResponseUnused
from thinkmix.schemas.conversation import Conversation, Message, ToolCall

ORDER = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "pattern": "(a+)+$"},
        "pieces": {"type": "integer", "minimum": 1},
        "colours": {"type": "array", "items": {"enum": ["red", "blue"]}},
    },
    "required": ["item"],
}


def tool(name: str, parameters: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def call(name: str, **arguments: Any) -> Message:
    return calls((name, arguments))


def calls(*named: tuple[str, dict[str, Any]]) -> Message:
    made = tuple(ToolCall(name=name, arguments=arguments) for name, arguments in named)
    return Message(role="assistant", tool_calls=made)


def said(role: str, text: str) -> Message:
    return Message(role=role, content=text)


def errand(*turns: Message, schema: object = ORDER) -> Conversation:
    return conversation([said("user", "Order it, please."), *turns], tools=(tool("order", schema),))


@pytest.mark.parametrize(
    "arguments",
    [
        {"item": "mug"},
        {"item": "mug", "pieces": 3, "colours": ["red"], "note": "a gift"},
        {"item": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"},
    ],
)
def test_arguments_that_fit_the_schema_are_right(arguments):
    """More than it names are allowed, and its patterns, which may take for ever, are not applied."""
    assert judged(ToolArguments(), errand(call("order", **arguments))) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "'item' is a required property"),
        ({"item": 3}, "item: 3 is not of type 'string'"),
        ({"item": "mug", "pieces": "3"}, "pieces: '3' is not of type 'integer'"),
        ({"item": "mug", "pieces": 0}, "pieces: 0 is less than the minimum of 1"),
        ({"item": "mug", "colours": ["red", "green"]}, "colours[1]: 'green' is not one of ['red', 'blue']"),
    ],
)
def test_arguments_against_the_schema_are_found_with_what_it_says(arguments, words):
    """Type, range, choice, and what is required; the message that calls is named."""
    (found,) = judged(ToolArguments(), asked("Hi?", "Hi."), errand(call("order", **arguments)))
    assert (found.row, found.value, found.evidence.message) == (1, 1.0, None)
    assert found.evidence.text == f"message 1: order {json.dumps(arguments, ensure_ascii=False)}: {words}"


def test_a_call_of_a_tool_that_the_row_does_not_define_is_found():
    """The evidence names those that it defines."""
    (found,) = judged(ToolArguments(), errand(calls(("sell", {}), ("order", {}))))
    assert found.value == 2.0
    assert found.evidence.text == "message 1: sell {}: the row defines order"


@pytest.mark.parametrize(
    "schema",
    [
        None,
        "text",
        {"type": "no type"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "#/nowhere"},
        {"properties": {"item": {"$ref": "https://example.org/item"}}},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_cannot_judge_refuses_nothing(schema):
    """Neither a broken one, nor one that lies elsewhere, nor one without an end."""
    assert judged(ToolArguments(), errand(call("order", item=3), schema=schema)) == []


TWO = (("order", {"item": "mug"}), ("order", {"item": "cup"}))


@pytest.mark.parametrize(
    ("turns", "value", "words"),
    [
        ([calls(*TWO), said("tool", "ok"), said("tool", "ok"), said("assistant", "Done.")], 0, ""),
        ([calls(*TWO)], 0, ""),
        (
            [calls(*TWO), said("tool", "ok"), said("assistant", "Done.")],
            1,
            "1 calls without a response after message 1",
        ),
        (
            [
                calls(TWO[0]),
                said("tool", "a"),
                said("tool", "b"),
                said("tool", "c"),
                said("assistant", "Done."),
            ],
            2,
            "2 responses without a call after message 1",
        ),
        (
            [call("order", item="mug"), said("user", "And?"), said("assistant", "Done.")],
            1,
            "1 calls without a response after message 1",
        ),
        ([call("order", item="mug"), said("tool", "ok"), call("order", item="cup")], 0, ""),
    ],
)
def test_calls_and_responses_without_a_partner_are_counted(turns, value, words):
    """The last turn may call, because what it asks for is not there yet."""
    found = judged(ToolOrder(), asked("Hi?", "Hi."), errand(*turns))
    assert [(one.row, one.value, one.evidence.text) for one in found] == (
        [(1, value, words)] if value else []
    )


def answered(response: str, answer: str, trace: str | None = None) -> Conversation:
    last = Message(role="assistant", content=answer, reasoning=trace)
    return errand(call("order", item="mug"), said("tool", response), last)


def test_an_answer_that_takes_nothing_from_a_response_is_found():
    """The evidence is the response."""
    response = '{"movies": ["Groundhog Day", "Home Alone"], "year": 1993}'
    (found,) = judged(ToolResponseUnused(), answered(response, "The result is 3."))
    assert (found.value, found.evidence.message, found.evidence.text) == (1.0, 2, response)


@pytest.mark.parametrize(
    "row",
    [
        answered('{"price": 12, "stock": 40, "place": "hall"}', "It costs 12."),
        answered('{"price": 12, "stock": 40, "place": "hall"}', "It is there.", trace="The hall has it."),
        answered('{"status": "ok"}', "Done."),
        answered('{"said": "order it please order", "a": 1, "b": 2, "c": 3, "d": 4}', "Fine."),
        answered('["mug", "order", "please", "now", "five", "six", "mug"]', "Five."),
        answered("库存还有三十个笔记本", "还有三十个。"),
    ],
)
def test_an_answer_that_takes_a_word_or_a_number_is_not(row):
    """In its text or its trace; a response that says too little, or repeats the question, is not judged."""
    assert judged(ToolResponseUnused(), row) == []


def test_a_turn_that_calls_again_is_not_judged():
    """It may use a response without naming it."""
    turns = (call("order", item="mug"), said("tool", "alpha beta gamma delta"), call("order", item="cup"))
    assert judged(ToolResponseUnused(), errand(*turns)) == []
