"""docs/repairs.md is what the repairs say of themselves, and a recipe asks for them by name."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.harness.builders import ROOT
from thinkmix.curation.repairs.known import REPAIRS, Repairs
from thinkmix.curation.rules.known import RULES, why
from thinkmix.flows.recipe.repairs import page
from thinkmix.schemas.reasons import Reason

ASKED = TypeAdapter(Repairs)


def test_the_page_of_repairs_is_current():
    """It is what `thinkmix repairs` prints."""
    published = (ROOT / "docs/repairs.md").read_text(encoding="utf-8")
    assert published == page(), "run: thinkmix repairs > docs/repairs.md"


def test_every_repair_has_a_name_of_its_own():
    """A flag is a repair, a rule or a reason."""
    names = [one.name for one in (*REPAIRS, *RULES)] + list(Reason)
    assert len(set(names)) == len(names)
    assert [why(one.name).sentence for one in REPAIRS] == [one.sentence for one in REPAIRS]


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        ("all", tuple(one.name for one in REPAIRS)),
        (["all"], tuple(one.name for one in REPAIRS)),
        ("entities", ("entities",)),
        (["cut_trace", "zero_width"], ("zero_width", "cut_trace")),
        (False, ()),
        ([], ()),
    ],
)
def test_repairs_are_made_in_their_order_however_they_are_listed(stated, wanted):
    """By name, as a list, or all of them."""
    assert ASKED.validate_python(stated) == wanted


@pytest.mark.parametrize("stated", ["entitys", ["entities", "x"], 3, [1], {"entities": True}])
def test_another_repair_is_refused_with_the_names_that_there_are(stated):
    """The way out stands in the message."""
    with pytest.raises(ValidationError, match="zero_width, entities, foreign_markers"):
        ASKED.validate_python(stated)
