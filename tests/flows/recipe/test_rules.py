"""docs/rules.md is what the rules say of themselves."""

from tests.harness.builders import ROOT
from thinkmix.curation.rules.known import RULES, known_reasons, why
from thinkmix.flows.recipe.rules import page
from thinkmix.schemas.reasons import Reason


def test_the_page_of_rules_is_current() -> None:
    """It is what `thinkmix rules` prints."""
    published = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    assert published == page(), "run: thinkmix rules > docs/rules.md"


def test_every_rule_has_a_name_of_its_own_and_a_sentence() -> None:
    """A name is the reason of the rows that it drops, so no stage has it."""
    names = [kind.name for kind in RULES]
    assert len({*names, *Reason}) == len(names) + len(Reason)
    assert [why(kind.name).sentence for kind in RULES] == [kind.sentence for kind in RULES]
    assert set(known_reasons()) == {*names, *Reason}


def test_no_rule_drops_rows_that_a_recipe_does_not_name() -> None:
    """Wrong answers are flagged where a source names the answer; all others are off."""
    assert {kind.name: kind.default for kind in RULES if kind.default != "off"} == {"wrong_answer": "flag"}
