"""How a JSON array comes apart into its elements without being parsed."""

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.curation.read import json_array as room
from thinkmix.curation.read.json_array import FirstObject, NoSuchList, array_items, first_object, lists_in
from thinkmix.schemas.errors import SourceError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('ab"\\[]{},\n中😀'), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('a"\\]', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=8), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_elements_are_those_that_a_parser_finds(
    rows: list[object], chunk: int, ascii_only: bool, indent: int | None
) -> None:
    """Wherever the stream is cut, the elements parse to the rows that were written."""
    text = json.dumps(rows, ensure_ascii=ascii_only, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_CHUNK", chunk)
        got = [json.loads(piece.text) for piece in array_items(BytesIO(text), most=10_000)]
    assert got == rows


@given(
    st.lists(VALUES, max_size=4),
    st.dictionaries(st.text('a"\\]:', max_size=3), VALUES, max_size=3),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
)
def test_elements_of_a_list_in_an_object_are_those_that_a_parser_finds(
    rows: list[object], around: dict[str, object], chunk: int, indent: int | None
) -> None:
    """Whatever stands beside it, and whatever its keys are spelled like."""
    around.pop("a", None)
    text = json.dumps({**around, "a": {**around, '"]': rows, "b": [0]}, "c": around}, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_CHUNK", chunk)
        if '"]' not in around:
            got = array_items(BytesIO(text), most=10_000, path=("a", '"]'))
            assert [json.loads(piece.text) for piece in got] == rows
        assert first_object(BytesIO(text + b"\n 1")) == FirstObject(indent is not None, b"1")


@pytest.mark.parametrize(
    ("text", "path", "error"),
    [
        (b'{"a": {"b": [1]}}', ("a", "c"), NoSuchList),
        (b'{"a": {"b": [1]}}', ("b",), NoSuchList),
        (b'{"a": {"b": [1]}}', ("a",), NoSuchList),
        (b'{"a": [[1]]}', ("a", "b"), NoSuchList),
        (b"[1]", ("a",), NoSuchList),
        (b"", ("a",), NoSuchList),
        (b'{"a": [1}, 2]', ("a",), SourceError),
        (b'{"a": [1]', ("a",), SourceError),
        (b'{"a": [1]}}', ("a",), SourceError),
    ],
)
def test_an_object_without_such_a_list_is_refused(
    text: bytes, path: tuple[str, ...], error: type[Exception]
) -> None:
    """Also if it is cut off, or goes on."""
    with pytest.raises(error):
        list(array_items(BytesIO(text), most=100, path=path))


def test_lists_of_objects_are_found_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the top and one key below, as far as is looked; lists of something else are none."""
    text = b'{"a": [{}, {"x": [{}]}], "b": {"c": [{}], "d": 1}, "e": [1, "[{"], "f": [[{}]], "g": []}'
    assert lists_in(BytesIO(text)) == ({"a": 2, "b.c": 1}, True)
    monkeypatch.setattr(room, "_MOST_MARKS", 5)
    assert lists_in(BytesIO(text)) == ({"a": 1}, False)


def test_an_object_that_never_ends_is_none() -> None:
    """However its strings and brackets go on."""
    assert first_object(BytesIO(b'{"a": "}')) is None
    assert first_object(BytesIO(b'{"a": [}')) is None


def test_a_long_element_is_cut_and_measured() -> None:
    """Of an element beyond the limit only the beginning is held, and its size is known."""
    got = list(array_items(BytesIO(b'[1, "' + b"x" * 5000 + b'", 2]'), most=100))
    assert [(len(piece.text), piece.size) for piece in got] == [(1, 1), (99, 5003), (1, 2)]
