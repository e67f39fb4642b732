"""Gates on what the mixture was asked to be name the source or setting that decides, and the way out."""

from collections.abc import Mapping

import pytest

from tests.curation.gates.test_gates import facts, found
from tests.harness.builders import in_full, statement
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import Amount, Ledger, StageCount
from thinkmix.schemas.manifest import Share
from thinkmix.schemas.report import Report


def share(source: str, examples: int, available: int, declared: float) -> Share:
    return Share(
        source=source, split="train", declared=declared, available=available, examples=examples,
        tokens=10 * examples, trainable_tokens=5 * examples, thinking=0, repeated=0,
    )  # fmt: skip


def report(shares: tuple[Share, ...], **mix: object) -> Report:
    """Return the facts of a mixture; its sources are those of the shares."""
    stated = statement(shares={one.source: one.declared for one in shares}, eval_share=0, **mix)
    math = stated["sources"][0]
    stated["sources"] = [{**math, "name": one.source} for one in shares]
    changed = {"shares": shares, "recipe": in_full(stated), "ledger": Ledger(stages=())}
    return facts().model_copy(update=changed)


def said(name: str, told: Report, **settings: object) -> list[GateResult]:
    return found(name, told, **settings)


SMALL = (share("math", 150, 150, 0.7), share("chat", 64, 9000, 0.3))


def test_size_that_was_not_reached_names_the_source_that_limits_it():
    """With what there is of it, its share, and the way out."""
    (found,) = said("size", report(SMALL, size=100_000))
    assert found.level == "warn"
    assert found.sentence == (
        "214 of 100,000 examples came: math limits the mixture, with 150 of its 150 examples sampled to train "
        "for a share of 70 %; add rows to it or lower its share, lower `size`, or say `when_short: repeat`"
    )


@pytest.mark.parametrize(("size", "level"), [(213, "pass"), (214, "pass"), (215, "warn")])
def test_size_by_examples_is_exact(size: int, level: str):
    """One example too few is one too few."""
    assert [one.level for one in said("size", report(SMALL, size=size))] == [level]


@pytest.mark.parametrize(("size", "level"), [(2140, "pass"), (2141, "warn")])
def test_size_by_tokens_is_reached_to_within_an_example_a_source(size: int, level: str):
    """A sample ends at the end of an example; here the longest has no tokens, so that none may be missing."""
    assert [one.level for one in said("size", report(SMALL, size=size, unit="tokens"))] == [level]
    view = facts().lengths[0].model_copy(update={"longest": 1})
    near = report(SMALL, size=size, unit="tokens").model_copy(update={"lengths": (view,)})
    assert [one.level for one in said("size", near)] == ["pass"]


def test_mixture_that_one_source_shrinks_to_a_fifth_names_it():
    """Twelve sources of equal shares, one of which has too little."""
    names = [f"s{number:02}" for number in range(12)]
    shares = tuple(
        share(name, 20, 20 if name == "s07" else 100, 0.12 if name == "s00" else 0.08) for name in names
    )
    (found,) = said("bottleneck", report(shares))
    assert (found.level, found.subject) == ("warn", "s07")
    assert found.sentence.startswith(
        "240 of 1,120 examples are sampled (21.4 %): s07 limits the mixture, with 20 of its 20 examples"
    )


def test_mixture_whose_size_is_stated_has_no_bottleneck():
    """What is left out then is what nobody asked for."""
    assert said("bottleneck", report(SMALL, size=214)) == []
    assert said("bottleneck", report(SMALL))[0].level == "warn"


def test_ordinary_shares_leave_rows_out_without_a_word():
    """A mixture of 7:3 does not use everything of both."""
    shares = (share("math", 2240, 2243, 0.7), share("chat", 960, 5085, 0.3))
    assert [one.level for one in said("bottleneck", report(shares))] == ["pass"]


def test_source_with_a_share_of_0_is_named():
    """It takes duplicates out of others and brings nothing."""
    told = report((share("math", 10, 10, 1.0), share("seen", 0, 50, 0.0)))
    levels = {one.subject: one.level for one in said("absent", told)}
    assert levels == {"math": "pass", "seen": "warn"}
    assert said("absent", told)[1].sentence == (
        "seen has a share of 0: none of its rows is in the mixture, and they only take duplicates out of "
        "other sources; give it a share, or say `gates: {absent: {action: off}}` if that is meant"
    )
    assert said("absent", told, action="off") == []


def test_share_of_less_than_an_example_is_named():
    """A small size rounds it away."""
    told = report((share("math", 10, 10, 0.99), share("rare", 0, 50, 0.01)), size=10)
    assert said("absent", told)[1].sentence == (
        "rare brings no example into the mixture: its share of 1 % of 10 examples is less than one; "
        "raise `size` or its share"
    )


def near(rows: int, *, source: Mapping[str, object], dedup: Mapping[str, object]) -> list[GateResult]:
    stated = statement(dedup=dedup)
    stated["sources"][0] |= source
    count = StageCount(
        stage="dedup", source="math", read=Amount(rows=100), kept=Amount(rows=100 - rows),
        dropped={"near_dup": Amount(rows=rows)},
    )  # fmt: skip
    told = facts().model_copy(update={"ledger": Ledger(stages=(count,)), "recipe": in_full(stated)})
    return said("near_duplicates", told)


def test_default_that_drops_most_of_a_source_is_named():
    """With what it does not look at, and the setting that does."""
    (found,) = near(51, source={}, dedup={})
    assert (found.level, found.measured) == ("warn", 0.51)
    assert "`compare: first_user` looks at the first question alone" in found.sentence
    assert "`compare: conversation`" in found.sentence
    assert "`dedup: {numbers: distinguish}`" in found.sentence
    assert near(50, source={}, dedup={})[0].level == "pass"


def test_setting_that_is_at_its_strictest_is_not_blamed():
    """Rows that are the same by every setting are duplicates, which the gate `duplicates` looks at."""
    (found,) = near(90, source={}, dedup={"numbers": "distinguish"})
    assert "numbers" not in found.sentence
    assert near(90, source={"compare": "conversation"}, dedup={"numbers": "distinguish"}) == []
