"""The figures of the report, on frames small enough to count by hand."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.audit.measure import (
    EDGES,
    check_ledger,
    check_shares,
    check_split,
    check_targets,
    lengths,
    thinking,
)
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.curation.tables import SAMPLED
from thinkmix.schemas.ledger import Amount, Ledger, StageCount
from thinkmix.schemas.manifest import Share


def sampled(*rows: tuple[str, int, str]) -> pl.DataFrame:
    """Make sampled examples of (cluster, completion tokens, split)."""
    blank = dict.fromkeys(SAMPLED.names())
    listed = [
        blank
        | {"row": row, "cluster": ord(cluster), "split": split, "prompt_tokens": 6, "completion_tokens": n}
        for row, (cluster, n, split) in enumerate(rows)
    ]
    return pl.DataFrame(listed, schema=SAMPLED, orient="row")


def test_lengths_are_of_prompt_and_completion_together() -> None:
    """Quantiles are lengths that occur, in whichever shard; an edge belongs to the bin below it."""
    a, b = lengths({"b": [pl.Series([7])], "a": [pl.Series([10, 40_000]), pl.Series([257, 256])]})
    assert (a.source, a.examples, a.median, a.p90, a.longest) == ("a", 4, 256, 257, 40_000)
    assert a.histogram == (2, 1, 0, 0, 0, 0, 0, 0, 1)
    assert a.fits == (0.5, *[0.75] * 7)
    assert len(a.histogram) == len(EDGES) + 1
    assert (b.source, b.examples, b.histogram[0], b.fits) == ("b", 1, 1, (1.0,) * 8)


@given(
    st.lists(st.lists(st.tuples(st.booleans(), st.integers(1, 40_000)), max_size=6), min_size=1, max_size=3)
)
@settings(max_examples=50, deadline=None)
def test_thinking_and_direct_examples_are_all_examples(parts: list[list[tuple[bool, int]]]) -> None:
    """Every thinking example is in one bin of its trace's length, whichever part it stands in."""
    frames = [
        pl.DataFrame(
            [(thinks, tokens * thinks) for thinks, tokens in part],
            schema={"thinking": pl.Boolean, "think_tokens": pl.Int64},
            orient="row",
        )
        for part in parts
    ]
    (view,) = thinking({"a": frames})
    traces = [tokens for part in parts for thinks, tokens in part if thinks]
    assert view.thinking == len(traces) == sum(view.histogram)
    assert view.thinking + view.direct == sum(map(len, parts))
    assert view.longest == max(traces, default=0)
    assert not traces or view.median in traces


def share(source: str, examples: int, tokens: int = 0, split: str = "train") -> Share:
    return Share(
        source=source,
        split=split,
        declared=0.5,
        available=9,
        examples=examples,
        tokens=tokens,
        trainable_tokens=tokens,
        thinking=0,
        repeated=0,
    )


@pytest.mark.parametrize(
    ("a", "b", "unit", "passed"),
    [
        (70, 30, "examples", True),
        (71, 30, "examples", True),
        (72, 28, "examples", False),
        (7_050, 2_950, "tokens", True),
        (7_200, 2_800, "tokens", False),
    ],
)
def test_shares_must_be_reached_within_one_example(a: int, b: int, unit: str, passed: bool) -> None:
    """By tokens, one example is as long as the longest."""
    plan = MixPlan(shares={"a": 0.7, "b": 0.3}, unit=unit)
    by_unit = [share("a", a, a), share("b", b, b), share("a", 0, split="eval"), share("b", 0, split="eval")]
    checks = check_shares(by_unit, plan, longest=100)
    assert [(check.name, check.passed) for check in checks] == [(f"shares of train by {unit}", passed)]


@pytest.mark.parametrize(
    ("splits", "passed"), [(["train", "train", "eval"], True), (["train", "eval", "eval"], False)]
)
def test_a_cluster_on_both_sides_fails_the_audit(splits: list[str], passed: bool) -> None:
    """Near-duplicates in train and eval would measure memory, in whichever shards they stand."""
    one, two, three = splits
    assert check_split([sampled(("x", 1, one)), sampled(("x", 1, two), ("y", 1, three))]).passed is passed


@pytest.mark.parametrize(("tokens", "passed"), [(1, True), (0, False)])
def test_an_example_without_a_trained_token_fails_the_audit(tokens: int, passed: bool) -> None:
    """An example must have something to learn."""
    assert (
        check_targets([sampled(("x", 5, "train")), sampled(), sampled(("y", tokens, "eval"))]).passed
        is passed
    )


def test_the_ledger_check_tells_how_many_rows() -> None:
    """Rows are counted where they are first read."""
    stages = [
        StageCount(stage="a", source=name, read=Amount(rows=2), kept=Amount(rows=2)) for name in ("s", "t")
    ]
    assert check_ledger(Ledger(stages=tuple(stages))).detail == "4 rows read, 4 accounted for"


@pytest.mark.parametrize(("kept", "passed"), [(3, True), (2, False)])
def test_a_row_that_ends_nowhere_fails_the_audit(kept: int, passed: bool) -> None:
    """Rows dropped on the way and rows kept at the end are all rows that were read."""
    stages = (
        StageCount(
            stage="a", source="s", read=Amount(rows=5), kept=Amount(rows=4), dropped={"x": Amount(rows=1)}
        ),
        StageCount(
            stage="b", source="s", read=Amount(rows=4), kept=Amount(rows=kept), dropped={"y": Amount(rows=1)}
        ),
    )
    assert check_ledger(Ledger(stages=stages)).passed is passed
