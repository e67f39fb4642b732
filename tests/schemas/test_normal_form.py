"""Normal form C: the same text as the standard's, and no text that takes for ever."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.schemas.normal_form import compose_nfc

MARKS = st.text(st.sampled_from("\u0301\u0323\u0344\u05b0\u0f73\u3099e\u00e9\u1100\u1161한"), max_size=400)


@settings(max_examples=300, deadline=None)
@given(before=st.text(max_size=3), marks=MARKS, times=st.integers(1, 40))
def test_text_is_composed_as_the_standard_says(before: str, marks: str, times: int) -> None:
    """Whatever the marks, and however long their runs: the result of `unicodedata`."""
    text = before + marks * times
    if len(text) < 4_000:
        assert compose_nfc(text) == unicodedata.normalize("NFC", text)


@pytest.mark.acceptance("A28")
@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0344\u0323", "\u05b0\u0301\u0323"])
def test_runs_of_marks_take_no_longer_than_they_are(marks: str) -> None:
    """A million marks out of order are composed within two seconds of a processor."""
    began = time.process_time()
    compose_nfc("e" + marks * (1_000_000 // len(marks)))
    assert time.process_time() - began < 2
