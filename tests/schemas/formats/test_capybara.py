"""A list of pairs of what the user says and what the assistant answers."""

import pytest

from tests.harness.reading import Row, read, refused
from thinkmix.schemas.formats.capybara import Capybara


def row(*pairs: tuple[object, object], **columns: object) -> Row:
    return {"conversation": [{"input": asked, "output": said} for asked, said in pairs], **columns}


def test_pairs_are_turns() -> None:
    """In their order, traces inline."""
    got = read(row(("1+1?", "<think>hm</think>2"), ("+1?", "3")), "capybara")

    assert got.turns == [
        ("user", "1+1?", None),
        ("assistant", "2", "hm"),
        ("user", "+1?", None),
        ("assistant", "3", None),
    ]


def test_the_first_may_lack_its_question_and_the_last_its_answer() -> None:
    """A greeting, and a question that nobody answered."""
    got = read(row(("", "Hello!"), ("1+1?", "2"), ("+1?", "")), "capybara")

    assert [text for _, text, _ in got.turns] == ["Hello!", "1+1?", "2", "+1?"]


@pytest.mark.parametrize("pairs", [[("q", None), ("q", "a")], [("q", "a"), (None, "a")]])
def test_a_gap_between_them_is_refused(pairs: list[tuple[object, object]]) -> None:
    """What was said there is not known."""
    assert refused(row(*pairs), "capybara")[0] == "wrong_type"


def test_a_trace_in_a_column_belongs_to_the_last_answer() -> None:
    """And other keys of a pair are unread fields."""
    stated = row(("q", "a"), ("q", "b"), reasoning="hm")
    stated["conversation"][0]["score"] = 1
    got = read(stated, "capybara")

    assert [trace for _, _, trace in got.turns] == [None, None, None, "hm"]
    assert got.unread == ["conversation[].score"]


@pytest.mark.parametrize(
    ("pairs", "fits"),
    [
        ([("q", "a")], True),
        ([("", "a"), ("q", "")], True),
        ([("q", "a"), ("q", ""), ("q", "a")], True),
        ([("q", ""), ("q", "a")], False),
        ([("q", "a"), ("", "a")], False),
        ([("q", "a"), ("q", "a"), ("", "a")], False),
        ([("q", "a"), ("", "a"), ("q", "a")], False),
        ([], False),
    ],
)
def test_pairs_are_recognised_by_their_questions_and_the_first_answer(
    pairs: list[tuple[str, str]], fits: bool
) -> None:
    """The first may lack its question, and others their answers."""
    assert (Capybara.recognise([row(*pairs)]) == Capybara()) == fits


def test_turns_are_two_a_pair_and_the_system_prompt() -> None:
    """Before anything is read."""
    assert Capybara().turns(row(("q", "a"), ("q", "b"), ("q", "c"), system="s")) == 7


def test_names_of_column_and_keys_are_settings() -> None:
    """For sets that have the layout under other names."""
    stated = {"type": "capybara", "conversation": "dialog", "input": "q", "output": "a"}

    assert len(read({"dialog": [{"q": "1+1?", "a": "2"}]}, stated).turns) == 2
