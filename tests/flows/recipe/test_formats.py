"""docs/formats.md is what the classes say, and names every set whose layout is known."""

import pytest

from tests.harness.builders import ROOT
from thinkmix.flows.recipe.formats import page
from thinkmix.schemas.formats.recognition import FORMATS
from thinkmix.schemas.record import descriptions

LAYOUTS = (ROOT / "../shared/reference/layouts.md").resolve()


def test_the_page_is_current(run) -> None:
    """It is what `thinkmix formats` prints."""
    published = (ROOT / "docs/formats.md").read_text(encoding="utf-8")

    assert published == page(), "run: thinkmix formats > docs/formats.md"
    assert run("formats")[1] == published


def test_every_setting_of_every_format_is_described() -> None:
    """A setting without a sentence would be a riddle."""
    bare = [
        (kind, name) for kind in FORMATS for name in kind.model_fields if not descriptions(kind).get(name)
    ]
    assert bare == []


def test_every_setting_of_every_format_stands_on_the_page_with_its_default() -> None:
    """In the table of its format; a setting without a default says so."""
    sections = dict(part.partition("\n")[::2] for part in page().split("\n### "))

    for kind in FORMATS:
        table = sections[str(kind.model_fields["type"].default)]
        for name, field in kind.model_fields.items():
            default = "required" if field.is_required() else "unset" if field.default is None else "`"
            assert name == "type" or f"| `{name}` | {default}" in table


@pytest.mark.skipif(not LAYOUTS.is_file(), reason="the list of layouts is not beside the checkout")
def test_every_set_of_the_list_is_read_or_refused() -> None:
    """All sets whose layout was listed stand on the page."""
    lines = LAYOUTS.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").replace("\\|", "").rpartition("|") for line in lines if line.startswith("| ")]
    names = [
        name.split(" (")[0].strip()
        for layout, _, sets in rows
        for name in sets.replace("·", ",").split(",")
        if "/" in name
    ]
    assert len(names) >= 48
    assert [name for name in names if name not in page()] == []
