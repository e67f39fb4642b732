"""Values in text: JSON, literals of Python, and mixtures; what is refused, and how long it takes."""

from time import process_time

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.formats.literals import NotLiteral, literal_at, read_literal
from thinkmix.schemas.record import MAX_DEPTH


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
    ("escape", "char"),
    [
        *zip((r"\n", r"\t", r"\r", r"\b", r"\f", r"\v", r"\a"), "\n\t\r\b\f\v\a", strict=True),
        *((f"\\{char}", char) for char in "\\'\"/"),
        ("\\\n", ""),
        (r"\x4f", "O"),
        (r"\u00e9", "é"),
        (r"\U0001F600", "😀"),
        (r"\U0010FFFF", "\U0010ffff"),
        (r"\ud800\udc00", "\U00010000"),
        (r"\udbff\udfff", "\U0010ffff"),
    ],
)
@pytest.mark.parametrize("quote", ["'", "'''"], ids=["one", "three"])
def test_escapes_are_those_of_python(escape: str, char: str, quote: str) -> None:
    """A line break after a backslash vanishes; two halves of a character are one."""
    assert read_literal(f"{quote}a{escape}b{quote}") == f"a{char}b"


@pytest.mark.parametrize(
    "text",
    [r"\q", r"\x4", r"\xg0", r"\u12", r"\u12 4", r"\U00110000", r"\U0001F60", "\ud83d"],
    ids=ascii,
)
def test_what_is_no_escape_stays(text: str) -> None:
    """Too few digits, others than digits, a code beyond all characters, half a character."""
    assert read_literal(f"'a{text}.'") == f"a{text}."


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': true, 'b': false, 'c': null}", {"a": True, "b": False, "c": None}),
        ("('True', True, False, None)", ["True", True, False, None]),
        ("'a/b'", "a/b"),
        ("''", ""),
        ("''''''", ""),
        (r"'''a\'''b'''", "a'''b"),
        (r"'\\'", "\\"),
        (r"('a\'b\'c', 'd')", ["a'b'c", "d"]),
        ("[]", []),
        ("{'a':1,'b':['c','d']}", {"a": 1, "b": ["c", "d"]}),
        ("{ }", {}),
        ("( )", []),
        ("(1,)", [1]),
        ("( 'a' , )", ["a"]),
        ("(1, 2)", [1, 2]),
        ("['a', ['b', ('c')], {'d': ['e']}]", ["a", ["b", "c"], {"d": ["e"]}]),
        ("\t{'a'\r\n:\t1 ,\n'b' : 2 , }\n", {"a": 1, "b": 2}),
        ("('a', -0, +7, 10, -12)", ["a", 0, 7, 10, -12]),
        ("('a', 1e3, .5, -1.5E-2, 2.)", ["a", 1000.0, 0.5, -0.015, 2.0]),
        ("('a', 0.5, 00.5)", ["a", 0.5, 0.5]),
        (f"('a', {'9' * 400})", ["a", int("9" * 400)]),
        ('["a", {"b": \'c\'}]', ["a", {"b": "c"}]),
    ],
)
def test_values_that_are_not_json_are_read(text: str, value: object) -> None:
    """Words of both notations, brackets with and without a comma, numbers as Python writes them."""
    found = read_literal(text)
    assert (found, repr(found)) == (value, repr(value))


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "no value at ''"),
        (f"f({'x' * 50})", f"no value at {'f(' + 'x' * 38!r}"),
        ("['a', trueish]", "no value at 'trueish]'"),
        ("['a', falsefalse]", "no value at 'falsefalse]'"),
        (f"{{'a': 1}} {'x' * 50}", f"{' ' + 'x' * 39!r} follows a value"),
        (f"{{'a': 1, {'b' * 50}}}", f"no key at {'b' * 40!r}"),
        (f"{{'{'k' * 50}' 1}}", f"no value for the key {'k' * 40!r}"),
        (f"{{'{'k' * 50}': 1, '{'k' * 50}': 2}}", f"the key {'k' * 40!r} stands there twice"),
        (f"['a' {'b' * 50}]", f"neither a comma nor ] at {'b' * 40!r}"),
        ("('a' 'b')", "neither a comma nor ) at \"'b')\""),
        ("{'a': 1 'b': 2}", "neither a comma nor } at \"'b': 2}\""),
        ("['a', 007]", "no number at '007'"),
        ("['a', 07]", "no number at '07'"),
        ("['a', --7]", "no number at '--7'"),
        ("['a', +-7]", "no number at '+-7'"),
        ("['a', -]", "no number at '-'"),
        ("['a', 1.2.3]", "no number at '1.2.3'"),
        (f"['a', {'9' * 401}]", f"no number at {'9' * 40!r}"),
        (f"['a', {'1.' * 30}]", f"no number at {'1.' * 20!r}"),
        (f"['a', {'0' * 50}]", f"no number at {'0' * 40!r}"),
        (f"['a', '{'x' * 50}]", f"a string without an end: {chr(39) + 'x' * 39!r}"),
        (r"'a\'", r"""a string without an end: "'a\\'" """.rstrip()),
        ("'''a''", "a string without an end: \"'''a''\""),
    ],
)
def test_what_is_refused_is_shown(text: str, detail: str) -> None:
    """Up to 40 characters of it, and what it lacks."""
    with pytest.raises(NotLiteral) as error:
        read_literal(text)
    assert str(error.value) == detail


@pytest.mark.parametrize(
    ("opening", "inner", "closing"),
    [("[", '"a"', "]"), ("[", "'a'", "]"), ("{'a': ", "'a'", "}"), ("(", "'a',", ")")],
)
def test_values_nest_as_deep_as_a_row_may(opening: str, inner: str, closing: str) -> None:
    """In both notations; one level more is too deep."""
    read_literal(opening * MAX_DEPTH + inner + closing * MAX_DEPTH)
    deeper = MAX_DEPTH + 1
    with pytest.raises(PydanticCustomError, match=f"deeper than {MAX_DEPTH} levels"):
        read_literal(opening * deeper + inner + closing * deeper)


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
    assert literal_at('"""a""" and more', 0) == ("a", 7)


@pytest.mark.parametrize("piece", [r"\'", r"\n", "a"])
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """A string of nothing but escaped quotes takes no longer for each of them, closed or not."""
    text = f"['{piece * 200_000}"
    begun = process_time()
    with pytest.raises(ValueError, match="without an end"):
        read_literal(text)
    assert read_literal(f"{text}']") != []
    assert process_time() - begun < 5
