"""Values in text: JSON, literals of Python, and mixtures; what is refused, and how long it takes."""

from time import process_time

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.formats.literals import literal_at, read_literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, -2.5, true, null]}', {"a": [1, -2.5, True, None]}),
        ("{'a': [1, -2.5, True, None]}", {"a": [1, -2.5, True, None]}),
        ("{'a': true, \"b\": (1, 2), 'c': (3), 'd': ()}", {"a": True, "b": [1, 2], "c": 3, "d": []}),
        ("[1, 2, ]", [1, 2]),
        (r"'it\'s \"x\"\n\t\x41\u00e9\q'", 'it\'s "x"\n\tAé\\q'),
        (r"{'mood': '\ud83d\ude00'}", {"mood": "😀"}),
        ("'''a 'b' c'''", "a 'b' c"),
        ('"""a "b" c"""', 'a "b" c'),
        ("'two\nlines'", "two\nlines"),
        ('{"x": "two\nlines"}', {"x": "two\nlines"}),
        (" 12 ", 12),
    ],
)
def test_both_notations_are_read(text: str, value: object) -> None:
    """JSON and Python may be mixed; a tuple is a list; a line break in a string is one."""
    assert read_literal(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f(1)",
        "__import__('os')",
        "{1, 2}",
        "b'x'",
        "nan",
        "-Infinity",
        "007",
        "1 2",
        "[1 2]",
        "{'a': 1, 'a': 2}",
        "{a: 1}",
        "'open",
        "{'a': 1",
        "'it's'",
        "1 + 1",
    ],
)
def test_all_else_is_refused(text: str) -> None:
    """Names, sets, bytes, sums, two keys of one name, and what is not closed are no values."""
    with pytest.raises(ValueError, match=r"."):
        read_literal(text)


@pytest.mark.parametrize("text", ["[" * 70 + "]" * 70, "{'a': " * 70 + "1" + "}" * 70, "['a', " * 10_000])
def test_deep_values_are_refused(text: str) -> None:
    """Nesting has a limit in both notations; it is found before a parser gives up."""
    with pytest.raises(PydanticCustomError) as error:
        read_literal(text)
    assert error.value.type == "too_deep"


def test_a_value_ends_where_it_ends() -> None:
    """The place behind a value is where the next one may begin."""
    assert literal_at("x = {'a': 1} and more", 4) == ({"a": 1}, 12)


@pytest.mark.parametrize("piece", [r"\'", r"\n", "a"])
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """A string of nothing but escaped quotes takes no longer for each of them, closed or not."""
    text = f"['{piece * 200_000}"
    begun = process_time()
    with pytest.raises(ValueError, match="without an end"):
        read_literal(text)
    assert read_literal(f"{text}']") != []
    assert process_time() - begun < 5
