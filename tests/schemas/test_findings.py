"""What is found in rows besides: counted, added up over shards, and shown in bounds."""

import pytest

from thinkmix.schemas.findings import (
    HARMLESS,
    MOST_FIELDS,
    Finding,
    Notes,
    Tally,
    UnreadField,
    looks_like,
    states_something,
    total,
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("reasoning", "reasoning"),
        ("turns[].Chain_of_Thought", "reasoning"),
        ("deepseek_thinking_trajectory", "reasoning"),
        ("messages[].loss_weight", "weight"),
        ("assistant_masks", "weight"),
        ("available_tools", "tools"),
        ("function_list", "tools"),
        ("system_prompt", "system"),
        ("chat_history", "history"),
        ("reward", "score"),
        ("images", "image"),
        ("lossMask", "weight"),
        ("COT", "reasoning"),
        ("answer.trace", "reasoning"),
        ("colour", None),
        ("constraints", None),
        ("capital", None),
        ("glossary", None),
    ],
)
def test_a_field_looks_like_what_its_name_says(path: str, kind: str | None) -> None:
    """By one word in the name, however words are joined."""
    assert looks_like(path) == kind


def test_no_harmless_name_looks_like_something_to_train_on() -> None:
    """But for those that say who wrote or rated a row."""
    assert {name for name in HARMLESS if looks_like(name)} <= {"toxic"}


@pytest.mark.parametrize(
    "nothing", [None, "", " \n\u3000", [], {}, float("nan"), {"a": None, "b": {"c": ""}}]
)
def test_words_for_nothing_say_nothing(nothing: object) -> None:
    """An object says something if one of its values does."""
    assert not states_something(nothing)
    assert states_something({"a": nothing, "b": 0})


def test_the_first_value_of_a_field_is_shown_cut_and_harmless() -> None:
    """Without characters that a terminal or a page would obey."""
    notes = Notes()
    notes.leave("a\x1bb", "x" * 500)
    notes.leave("a\x1bb", "y")
    notes.leave("c", {"k": [1, None]})
    notes.leave("d", "")
    long, short = notes.tally().unread
    assert (long.path, long.count, len(long.example)) == ("a·b", 2, 80)
    assert (short.path, short.example) == ("c", '{"k": [1, null]}')


def test_of_a_dropped_row_only_the_unread_fields_are_noted() -> None:
    """Its findings are of a row that nobody trains."""
    row, all_rows = Notes(), Notes()
    row.count(Finding.CRLF)
    row.leave("cot", "hm")
    all_rows.add(row, kept=False)
    assert (all_rows.found, len(all_rows.tally().unread)) == ({}, 1)
    all_rows.add(row, kept=True)
    assert (all_rows.found, all_rows.tally().unread[0].count) == ({Finding.CRLF: 1}, 2)


def test_fields_are_listed_up_to_a_bound() -> None:
    """Each row of JSON may have its own names."""
    notes = Notes()
    for number in range(MOST_FIELDS + 1):
        notes.leave(f"field {number}", 1)
    assert (len(notes.tally().unread), notes.tally().cut) == (MOST_FIELDS, True)


def test_shards_add_up_in_their_order() -> None:
    """Counts are sums, the example is the first one."""
    parts = [
        Tally(findings={"crlf": 1}, unread=(UnreadField(path="a", count=1, example="1"),)),
        Tally(
            findings={"crlf": 2, "reordered": 1},
            unread=(UnreadField(path="b", count=1, example="2"), UnreadField(path="a", count=3, example="4")),
        ),
    ]
    assert total(parts) == Tally(
        findings={"crlf": 3, "reordered": 1},
        unread=(UnreadField(path="a", count=4, example="1"), UnreadField(path="b", count=1, example="2")),
    )
