"""Counting what a stage kept and dropped."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.curation.validate.count import count_stage
from thinkmix.schemas.ledger import Amount, StageCount

FATES = pl.Schema({"reason": pl.String(), "messages": pl.Int64(), "text_bytes": pl.Int64()})


def test_rows_are_counted_by_outcome() -> None:
    """Kept where the reason is null, dropped by reason elsewhere, each in all units there are."""
    outcomes = pl.DataFrame(
        [(None, 2, 10), ("a", 1, 5), (None, 3, 1), ("b", 0, 0)], schema=FATES, orient="row"
    )
    assert count_stage("x", "s", outcomes) == StageCount(
        stage="x",
        source="s",
        read=Amount(rows=4, messages=6, text_bytes=16),
        kept=Amount(rows=2, messages=5, text_bytes=11),
        dropped={"a": Amount(rows=1, messages=1, text_bytes=5), "b": Amount(rows=1)},
    )


def test_examples_are_counted_as_examples() -> None:
    """Lines that stand for examples add up to examples and tokens, not to rows."""
    outcomes = pl.DataFrame(
        {"reason": [None, "a"], "tokens": [7, 3]}, schema={"reason": pl.String, "tokens": pl.Int64}
    )
    assert count_stage("x", "s", outcomes, of="examples") == StageCount(
        stage="x",
        source="s",
        read=Amount(examples=2, tokens=10),
        kept=Amount(examples=1, tokens=7),
        dropped={"a": Amount(examples=1, tokens=3)},
    )


@pytest.mark.acceptance("A7")
@given(
    st.lists(
        st.tuples(st.none() | st.sampled_from("abc"), st.integers(0, 99), st.integers(0, 99)), max_size=20
    )
)
def test_every_count_balances(rows: list[tuple[str | None, int, int]]) -> None:
    """Whatever the outcomes, what was read is what was kept and dropped."""
    count = count_stage("x", "s", pl.DataFrame(rows, schema=FATES, orient="row")).check()
    assert count.read.rows == len(rows)
