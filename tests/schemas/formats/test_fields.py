"""Single values of a row: what is text, a number, a list or an object, and how the rest is told."""

import json
from math import inf, nan
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.fields import (
    as_list,
    as_object,
    as_text,
    first_stated,
    is_nothing,
    list_length,
    optional_name,
    optional_number,
    optional_text,
    parse_value,
    refuse_media,
    required_list,
    required_text,
    type_name,
    wrong_type,
)
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import MAX_DEPTH, Unreadable


def refused(read: Any, *args: Any) -> tuple[str, str]:
    with pytest.raises(PydanticCustomError) as caught:
        read(*args)
    return caught.value.type, caught.value.message()


@pytest.mark.parametrize("column", ["image", "images", "video", "videos", "audio", "audios"])
def test_a_row_with_media_is_refused(column: str) -> None:
    """With the column, and what it holds; empty ones are none, and no unread fields."""
    notes = Notes()
    for nothing in (None, "", [], {}, nan, False, 0):
        refuse_media({"text": "a", column: nothing}, notes)
    assert column in notes.read
    assert refused(refuse_media, {column: ["a.png"]}, notes) == ("media", f"the column {column} is list")
    refuse_media({"text": "a"}, notes := Notes())
    assert notes.read == set()


def test_text_keeps_its_words_and_loses_windows_line_breaks() -> None:
    """Which are counted, once a text."""
    notes = Notes()
    assert as_text("a\r\nb\r\n", "x", notes) == "a\nb\n"
    assert as_text("a\rb", "x", notes) == "a\rb"
    assert notes.found == {Finding.CRLF: 1}
    assert required_text({"x": "a"}, "x", notes) == "a"
    assert refused(required_text, {"x": 7}, "x", notes) == ("wrong_type", "x is int, not text")
    assert refused(required_text, {}, "x", notes) == ("wrong_type", "x is missing, not text")


@pytest.mark.parametrize("value", [None, nan, 0.0, 0, False, ""])
def test_words_for_nothing_are_no_text(value: object) -> None:
    """Neither is a blank one."""
    assert is_nothing(value)
    assert optional_text({"x": value}, "x", Notes()) is None
    assert optional_text({"x": " \n"}, "x", Notes()) is None


@pytest.mark.parametrize("value", [1, True, 1.5, inf, [], {}, b""])
def test_all_other_values_are_something(value: object) -> None:
    """And refused where a text may stand."""
    assert not is_nothing(value)
    assert refused(optional_text, {"x": value}, "x", Notes())[0] == "wrong_type"
    assert optional_text({"x": " a "}, "x", Notes()) == " a "


@pytest.mark.parametrize(
    ("value", "number", "found"),
    [
        (3, 3.0, {}),
        (0.5, 0.5, {}),
        (0, 0.0, {}),
        (None, None, {}),
        ("", None, {}),
        (nan, None, {}),
        (-inf, None, {}),
        (10**400, None, {}),
        (True, None, {Finding.SCORE_UNUSABLE: 1}),
        ("3", None, {Finding.SCORE_UNUSABLE: 1}),
        ([3], None, {Finding.SCORE_UNUSABLE: 1}),
    ],
)
def test_a_number_is_finite_or_none(value: object, number: float | None, found: dict[Finding, int]) -> None:
    """Other types are counted."""
    notes = Notes()
    assert (optional_number({"x": value}, "x", notes), notes.found) == (number, found)


@pytest.mark.parametrize(
    ("value", "name", "found"),
    [
        ("R1", "R1", {}),
        (None, None, {}),
        ("a\x00", None, {Finding.VALUE_UNUSABLE: 1}),
        (7, None, {Finding.VALUE_UNUSABLE: 1}),
    ],
)
def test_a_name_is_clean_text_or_none(value: object, name: str | None, found: dict[Finding, int]) -> None:
    """Others are counted."""
    notes = Notes()
    assert (optional_name({"x": value}, "x", notes), notes.found) == (name, found)


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ([1, 2], [1, 2]),
        ((1, 2), (1, 2)),
        ("[1, 2]", [1, 2]),
        ({"a": [1, 2], "b": ["x", "y"]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        ({"a": (1, 2), "b": None}, [{"a": 1}, {"a": 2}]),
        ('{"a": [1]}', [{"a": 1}]),
        ({"a": []}, []),
        ({"a": [1], "b": [1, 2]}, None),
        ({"a": [1], "b": 1}, None),
        ({"a": "x"}, None),
        ({"a": None}, None),
        ({}, None),
        ("7", None),
        (7, None),
        (None, None),
        (b"ab", None),
    ],
)
def test_lists_are_written_in_several_ways(value: object, want: object) -> None:
    """As such, as JSON text, as an object of lists of one length."""
    assert as_list(value) == want
    if want is None:
        is_what = "missing" if value is None else type(value).__name__
        assert refused(required_list, {"x": value}, "x") == ("wrong_type", f"x is {is_what}, not a list")
    else:
        assert required_list({"x": value}, "x") == want


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ([1, 2], 2),
        ((1,), 1),
        ({"a": [1, 2, 3], "b": [1]}, 3),
        ({"a": "xy"}, 0),
        ({}, 0),
        ("[1]", 0),
        (None, 0),
    ],
)
def test_the_length_of_a_list_is_seen_without_parsing_it(value: object, length: int) -> None:
    """That of the first of an object of lists."""
    assert list_length(value) == length


def test_an_object_is_a_mapping() -> None:
    """All else is refused, with the place where it stands."""
    assert as_object({"a": 1}, "x[0]") == {"a": 1}
    assert refused(as_object, [1], "x[0]") == ("wrong_type", "x[0] is list, not an object")


def test_the_first_key_that_is_there_counts() -> None:
    """Null is not there; other words for nothing are."""
    assert first_stated({"a": None, "b": "", "c": 1}, ("a", "b", "c")) == "b"
    assert first_stated({"a": None}, ("a", "b")) is None


def test_json_text_is_parsed_once() -> None:
    """Other values stay."""
    assert parse_value('"[1]"', Reason.WRONG_TYPE) == "[1]"
    assert parse_value({"a": "[1]"}, Reason.WRONG_TYPE) == {"a": "[1]"}
    for text in ("x" * 100, "NaN", "Infinity"):
        reason, detail = refused(parse_value, text, Reason.TOOLS_INVALID)
        assert reason == "tools_invalid"
        assert detail.startswith("not JSON (")
        assert detail.endswith(f"): {text[:80]!r}")
    assert "NaN is not JSON" in refused(parse_value, "NaN", Reason.WRONG_TYPE)[1]


def test_values_nest_as_deep_as_a_row_may() -> None:
    """Deeper text is refused whether or not a parser can follow it."""
    assert parse_value("[" * MAX_DEPTH + "]" * MAX_DEPTH, Reason.WRONG_TYPE)
    deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    assert refused(parse_value, deep, Reason.WRONG_TYPE) == (
        "too_deep",
        f"nested deeper than {MAX_DEPTH} levels",
    )
    assert refused(parse_value, "[" * 100_000, Reason.WRONG_TYPE) == (
        "too_deep",
        "nested deeper than a parser can follow",
    )


@pytest.mark.parametrize(
    ("number", "fits"), [(2**64 - 1, True), (2**64, False), (-(2**63), True), (-(2**63) - 1, False)]
)
def test_integers_have_64_bits(number: int, fits: bool) -> None:
    """Wherever they stand, in text or not."""
    for value in (number, [number], (1, number), {"a": [{"b": number}]}, json.dumps([number])):
        if fits:
            parse_value(value, Reason.WRONG_TYPE)
        else:
            detail = "an integer beyond 64 bits, which most readers of JSON round"
            assert refused(parse_value, value, Reason.TOOLS_INVALID) == ("wrong_type", detail)


def test_what_nobody_can_read_says_why() -> None:
    """In its own words, and not that it is of a wrong type."""
    fault = wrong_type(Unreadable(Reason.TOO_DEEP, "nested"), "x", "text")
    assert (fault.type, fault.message()) == ("too_deep", "x: nested")
    assert [type_name(value) for value in (None, 7, {})] == ["missing", "int", "dict"]
