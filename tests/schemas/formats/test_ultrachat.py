"""A list of texts that user and assistant say in turn."""

import pytest

from tests.harness.reading import read, refused
from thinkmix.schemas.formats.ultrachat import UltraChat


def test_texts_are_turns_of_user_and_assistant() -> None:
    """In their order, traces inline."""
    got = read({"id": "0", "data": ["1+1?", "<think>hm</think>2", "+1?", "3"]}, "ultrachat")

    assert got.turns == [
        ("user", "1+1?", None),
        ("assistant", "2", "hm"),
        ("user", "+1?", None),
        ("assistant", "3", None),
    ]


def test_a_trace_in_a_column_belongs_to_the_last_answer() -> None:
    """Of several."""
    got = read({"data": ["q", "a", "r", "b"], "reasoning": "hm"}, "ultrachat")

    assert [trace for role, _, trace in got.turns if role == "assistant"] == [None, "hm"]


@pytest.mark.parametrize("data", [None, "q", ["q", 3.5], [{"role": "user"}]])
def test_what_is_no_list_of_texts_is_refused(data: object) -> None:
    """With its reason."""
    assert refused({"data": data}, "ultrachat")


def test_it_is_recognised_by_a_list_of_texts() -> None:
    """One text alone is not a chat, and a list of objects is another format."""
    assert UltraChat.recognise([{"data": ["q", "a"]}]) == UltraChat()
    for data in (["q"], [{"q": "a"}], "q", [], ["q", ""]):
        assert UltraChat.recognise([{"data": data}]) is None


def test_turns_are_counted_before_they_are_judged() -> None:
    """A system prompt is one."""
    assert UltraChat().turns({"data": ["q", "a", "r"]}) == 3
    assert UltraChat().turns({"data": ["q", "a"], "system": "s"}) == 3
