"""A sample of rows: what most of them have, and how columns are found by name."""

import json

import pytest

from thinkmix.schemas.formats.sample import (
    are_text,
    columns_of,
    filled_columns,
    find_column,
    is_said,
    most,
    objects,
)


@pytest.mark.parametrize(
    ("fits", "want"), [([], False), ([True], True), ([True, False], False), ([True, True, False], True)]
)
def test_most_is_more_than_half(fits: list[bool], want: bool) -> None:
    """Of nothing, nothing is."""
    assert most(fits) == want


def test_columns_are_those_of_all_rows() -> None:
    """In the order that they come; those that say something, in any of them."""
    rows = [{"b": None, "a": 1}, {"c": "", "b": "x"}]
    assert columns_of(rows) == ["b", "a", "c"]
    assert filled_columns(rows) == ["a", "b"]


def test_a_column_is_found_by_its_name_or_in_other_letter_case() -> None:
    """Unless two are alike."""
    assert find_column([{"Text": 1, "text": 2}], "text") == "text"
    assert find_column([{"Text": 1}, {"other": 2}], "text") == "Text"
    assert find_column([{"Text": 1, "TEXT": 2}], "text") is None
    assert find_column([{"texts": 1}], "text") is None


def test_columns_are_text_if_all_of_them_are_in_most_rows() -> None:
    """And say something."""
    rows = [{"a": "x", "b": "y"}, {"a": "x", "b": "y"}, {"a": "x", "b": None}]
    assert are_text(rows, "a", "b")
    assert not are_text(rows[1:], "a", "b")
    assert are_text(rows[1:], "a")
    assert [is_said(value) for value in ("a", " ", "", None, 7, ["a"])] == [True, *[False] * 5]


ITEM = {"a": 1}


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ([ITEM], [ITEM]),
        ((ITEM,), (ITEM,)),
        ({"a": [1]}, [ITEM]),
        (json.dumps([ITEM]), [ITEM]),
        (f" \n{json.dumps({'a': [1]})}", [ITEM]),
        ("a", ()),
        ("[broken", ()),
        ('["a"]', ()),
        ([ITEM, "a"], ()),
        ([], ()),
        ({}, ()),
        (None, ()),
        (7, ()),
    ],
)
def test_objects_are_found_in_whichever_way_they_are_written(value: object, want: object) -> None:
    """Nothing is found in anything else, and nothing is raised."""
    assert objects(value) == want
