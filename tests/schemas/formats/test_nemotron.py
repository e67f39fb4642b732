"""A list of turns, and the answer in a column of its own."""

import json

import pytest

from tests.harness.layouts import chat
from tests.harness.reading import read, refused
from thinkmix.schemas.formats.contract import TextColumn
from thinkmix.schemas.formats.nemotron import Nemotron

ROW = {"input": chat(("user", "1+1?")), "output": "<think>hm</think>2", "reasoning": "on"}
WANT = [("user", "1+1?", None), ("assistant", "2", "hm")]


def test_the_output_answers_the_input() -> None:
    """The flag that says whether there is a trace is neither a trace nor an unread field."""
    assert read(ROW, "nemotron").turns == WANT
    assert "reasoning" in Nemotron().columns()


def test_a_system_prompt_in_a_column_and_earlier_turns_are_kept() -> None:
    """In their order, before the answer."""
    row = {
        "input": chat(("user", "Hi"), ("assistant", "Hello"), ("user", "1+1?")),
        "output": "2",
        "system_prompt": "detailed thinking off",
        "reasoning": "off",
    }
    assert [role for role, _, _ in read(row, "nemotron").turns] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]


def test_a_trace_beside_the_output_is_its_trace() -> None:
    """Even where earlier answers have none."""
    row = {"input": chat(("user", "1+1?")), "output": "2", "reasoning_content": "hm"}
    assert read(row, "nemotron").turns == WANT


def test_the_input_may_be_json_text() -> None:
    """As a table without a type for it holds it."""
    assert read({**ROW, "input": json.dumps(ROW["input"])}, "nemotron").turns == WANT


@pytest.mark.parametrize("change", [{"output": None}, {"input": "1+1?"}, {"input": None}])
def test_other_types_are_refused(change: dict[str, object]) -> None:
    """A question as text is another format."""
    assert refused({**ROW, **change}, "nemotron")[0] == "wrong_type"


def test_it_is_recognised_by_a_list_of_turns_and_a_text() -> None:
    """In the columns of the set."""
    assert Nemotron.recognise([ROW]) == Nemotron()
    for other in ({**ROW, "output": ""}, {**ROW, "input": []}, {**ROW, "input": "1+1?"}, {"output": "2"}):
        assert Nemotron.recognise([other]) is None


def test_what_the_set_says_of_a_row_is_no_unread_field() -> None:
    """Whether it has a trace, and what it was used for."""
    usual = {"input", "output", "tools", "functions", "system", "system_prompt", "score"}
    assert Nemotron().columns() == {*usual, "reasoning", "used_in_training"}


def test_turns_are_counted_with_the_output() -> None:
    """And with the system prompt."""
    assert Nemotron().turns({**ROW, "system_prompt": "s"}) == 3
    assert Nemotron().turns({**ROW, "output": None}) == 1


def test_marks_in_a_column_leave_all_rows_to_be_read_one_by_one() -> None:
    """There is no layout then."""
    assert Nemotron(turn_marks="marks").layout() is None
    layout = Nemotron().layout()
    assert layout is not None
    assert layout.turns[-1] == TextColumn("output", "assistant")
