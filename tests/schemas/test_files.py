"""Names of files stay inside the folder that they are joined to, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.schemas.files import safe_member


@given(st.text(st.sampled_from("a./\\\0\n中-"), max_size=8))
def test_a_safe_member_stays_in_its_folder(path: str) -> None:
    """Whatever is accepted has no way up or out."""
    try:
        member = safe_member(path)
    except ValueError:
        return
    assert not member.is_absolute()
    assert ".." not in member.parts
    assert "\\" not in str(member)


@pytest.mark.parametrize("path", ["", ".", "./", "/a", "../a", "a/../../b", "a\\b", "a\nb"])
def test_an_unsafe_member_is_refused(path: str) -> None:
    """The folder itself, absolute paths, ways up, backslashes and control characters."""
    with pytest.raises(ValueError, match="unsafe file name"):
        safe_member(path)
