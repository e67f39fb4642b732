"""The gate `flags`: how much of a source a rule flags, alone and beside the last good build."""

import pytest

from tests.harness.builders import in_full, statement
from thinkmix.curation.gates.flags import Flags
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.ledger import Amount, Ledger, StageCount
from thinkmix.schemas.manifest import FlagCount
from thinkmix.schemas.report import ClusterView, Report


def facts(**flagged: int) -> Report:
    """Return a report of 1,200 raw rows of `math`, 1,000 of them valid, and what each rule flags of them."""
    read, kept = Amount(rows=1200), Amount(rows=1000)
    lost = {"too_big": Amount(rows=200)}
    count = StageCount(stage="validate", source="math", read=read, kept=kept, dropped=lost)
    flags = [FlagCount(source="math", rule=rule, rows=rows, mixed=0) for rule, rows in flagged.items()]
    return Report(
        mixture="small", title="", checks=(), shares=(), ledger=Ledger(stages=(count,)), lengths=(),
        flags=tuple(flags),
        clusters=ClusterView(by_size={}, largest=()), samples=(), sources=(), recipe=in_full(statement()),
        template_sha256="", tokenizer_sha256="", content_sha256="",
    )  # fmt: skip


def found(now: Report, before: Report | None = None, **settings: object) -> list[str]:
    """Return the sentences of what is broken."""
    recipe = Recipe.model_validate(statement())
    results = list(Flags(**settings).judge(now, before, recipe))
    assert results or not now.flags
    return [result.sentence for result in results if result.level != "pass"]


def test_a_rule_may_flag_a_twentieth_of_the_valid_rows():
    """Exactly as many pass; the row beyond is named with rule, source and limit."""
    assert found(facts(repetition=50, html_entities=3)) == []
    assert found(facts(repetition=51, html_entities=3)) == [
        "math: repetition flags 5.1 % (51 of 1,000 rows); the limit is 5 %"
    ]


@pytest.mark.parametrize(("now", "broken"), [(30, 0), (31, 1), (3, 0)])
def test_a_rule_may_flag_two_points_more_than_in_the_last_good_build(now, broken):
    """Fewer are never too many."""
    said = found(facts(repetition=now), facts(repetition=10))
    assert len(said) == broken
    assert all("flags 3.1 % (31 of 1,000 rows) and 1 % in the last good build" in one for one in said)


def test_a_rule_that_was_not_on_before_is_not_compared():
    """Its part alone decides."""
    assert found(facts(repetition=40), facts(html_entities=1)) == []
