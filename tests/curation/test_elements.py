"""How a JSON array comes apart into its elements without being parsed."""

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import elements as room
from curation.elements import elements

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
        got = [json.loads(piece.text) for piece in elements(BytesIO(text), most=10_000)]
    assert got == rows


def test_a_long_element_is_cut_and_measured() -> None:
    """Of an element beyond the limit only the beginning is held, and its size is known."""
    got = list(elements(BytesIO(b'[1, "' + b"x" * 5000 + b'", 2]'), most=100))
    assert [(len(piece.text), piece.size) for piece in got] == [(1, 1), (99, 5003), (1, 2)]
