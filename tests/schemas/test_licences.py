"""What licences ask a person to look at."""

import pytest

from thinkmix.schemas.licences import caution


@pytest.mark.parametrize(
    ("licence", "says"),
    [
        (None, ["no licence"]),
        ("unknown", ["no licence"]),
        ("CC-BY-NC-4.0", ["commercial"]),
        ("cc-by-nd-4.0", ["derivatives"]),
        ("CC BY-NC-ND 4.0", ["commercial", "derivatives"]),
        ("non-commercial", ["commercial"]),
        ("Research Only", ["commercial"]),
    ],
)
def test_limits_are_named(licence: str | None, says: list[str]) -> None:
    """By the words of the licence, however they are joined."""
    assert all(word in caution(licence) for word in says)


@pytest.mark.parametrize("licence", ["cc-by-4.0", "apache-2.0", "MIT", "CC-BY-SA-4.0", "Franco's terms"])
def test_other_licences_have_no_caution(licence: str) -> None:
    """Letters inside other words are no limits."""
    assert caution(licence) == ""
