"""The ledger balances, or nothing is published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.ledger import Amount, Ledger, StageCount, total

READ = Amount(rows=3, messages=6, text_bytes=30)
KEPT = Amount(rows=2, messages=4, text_bytes=20)
LOST = Amount(rows=1, messages=2, text_bytes=10)


def count(stage: str = "a", read: Amount = READ, kept: Amount = KEPT, **dropped: Amount) -> StageCount:
    return StageCount(stage=stage, source="s", read=read, kept=kept, dropped=dropped or {"why": LOST})


def test_a_stage_balances_when_all_is_accounted_for() -> None:
    """Read equals kept and the sum of what was dropped."""
    assert count().check() == count()


@pytest.mark.parametrize("unit", ["rows", "messages", "text_bytes", "examples", "tokens"])
@pytest.mark.parametrize("by", [1, -1])
def test_a_stage_that_is_off_in_any_unit_is_refused(unit: str, by: int) -> None:
    """One row, message, byte, example or token too many or too few."""
    off = KEPT.model_copy(update={unit: getattr(KEPT, unit) + by})
    with pytest.raises(LedgerError, match="a of s does not balance"):
        count(kept=off).check()


def test_a_chain_of_stages_is_followed() -> None:
    """Each stage reads what the one before kept; examples and tokens are born in one of them."""
    born = KEPT.model_copy(update={"examples": 5, "tokens": 50})
    stages = (
        count("a"),
        StageCount(stage="b", source="s", read=born, kept=born),
        StageCount(stage="c", source="s", read=born, kept=born),
    )
    assert Ledger(stages=stages).check().of("b") == {"s": stages[1]}


@pytest.mark.parametrize(
    "change", [{"rows": 1}, {"messages": 3}, {"text_bytes": 21}, {"examples": 4}, {"tokens": 49}]
)
def test_a_broken_chain_is_refused(change: dict[str, int]) -> None:
    """What is lost between two stages is lost in no stage's own count."""
    born = KEPT.model_copy(update={"examples": 5, "tokens": 50})
    off = born.model_copy(update=change)
    stages = (
        StageCount(stage="b", source="s", read=born, kept=born),
        StageCount(stage="c", source="s", read=off, kept=off),
    )
    with pytest.raises(LedgerError, match=r"c of s read .* but b kept"):
        Ledger(stages=stages).check()


def test_sources_have_chains_of_their_own() -> None:
    """Two sources are not compared with each other."""
    other = StageCount(stage="b", source="t", read=LOST, kept=LOST)
    assert Ledger(stages=(count("a"), other)).check()


AMOUNTS = st.builds(Amount, **{unit: st.integers(0, 9) for unit in Amount.model_fields})
COUNTS = st.builds(
    StageCount,
    stage=st.just("a"),
    source=st.just("s"),
    read=AMOUNTS,
    kept=AMOUNTS,
    dropped=st.dictionaries(st.sampled_from("xyz"), AMOUNTS),
)


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_adding_parts_loses_nothing_in_any_order(parts: list[StageCount]) -> None:
    """The sum of shards is the same whichever ended first, and adds up unit by unit."""
    whole = total(parts)
    assert whole == total(reversed(parts))
    for unit in Amount.model_fields:
        for name in {name for part in parts for name in part.dropped}:
            want = sum(getattr(part.dropped[name], unit) for part in parts if name in part.dropped)
            assert getattr(whole.dropped[name], unit) == want
        assert getattr(whole.read, unit) == sum(getattr(part.read, unit) for part in parts)


def test_parts_of_different_stages_are_never_added() -> None:
    """A mixed-up part is a defect, not a sum."""
    with pytest.raises(LedgerError, match="a of s cannot be added to b of s"):
        total([count("a"), count("b")])
