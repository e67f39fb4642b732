"""The figures of a real build: what a report says adds up to what its version holds."""

import polars as pl
import pytest

from thinkmix.flows.build.pipeline import Built
from thinkmix.schemas.report import Report
from thinkmix.templates.chat.tokenizer import count_tokens


@pytest.fixture(scope="module")
def report(built: Built) -> Report:
    """The report of the small version."""
    return built.run.report


@pytest.fixture(scope="module")
def outcomes(built: Built) -> pl.DataFrame:
    """What became of every row."""
    return pl.read_parquet(built.version / "outcomes/*.parquet")


@pytest.fixture(scope="module")
def examples(built: Built) -> pl.DataFrame:
    """All published examples."""
    return pl.concat([pl.read_parquet(built.version / f"{split}-*.parquet") for split in ("train", "eval")])


def test_thinking_and_direct_are_the_examples_of_a_source(report: Report, examples: pl.DataFrame):
    """Of every source all sampled examples are counted, and the longest trace is one of theirs."""
    views = {view.source: view for view in report.thinking}
    sampled = examples.group_by("source").agg(pl.len(), pl.col("thinking").sum())
    assert {name: (view.thinking + view.direct, view.thinking) for name, view in views.items()} == {
        source: (number, thinking) for source, number, thinking in sampled.iter_rows()
    }
    traces = examples.filter("thinking")["messages"].list.last().struct.field("reasoning_content")
    assert views["math"].longest == count_tokens([f"\n{trace}\n" for trace in traces]).max()
    assert views["chat"].longest == 0


def test_spreads_sum_to_the_rows_in_the_mixture(report: Report, outcomes: pl.DataFrame):
    """Each row of the mixture is in one group of every measure of its source."""
    kept = dict(outcomes.filter(pl.col("reason").is_null())["source"].value_counts().iter_rows())
    assert {(spread.source, sum(spread.rows.values())) for spread in report.spreads} == set(kept.items())
    measures = {(spread.source, spread.measure) for spread in report.spreads}
    assert ("math", "pass_rate") in measures
    assert ("chat", "pass_rate") not in measures
    solutions = next(spread for spread in report.spreads if spread.source == "math")
    assert solutions.rows["2"] == 2  # the planted problem, capped at two solutions


def test_the_largest_clusters_are_shown_by_their_rows(report: Report, outcomes: pl.DataFrame):
    """Members have the outcome that outcomes/ states, kept ones stand first, and each says something."""
    assert report.clusters.largest
    known = set(outcomes.select("cluster", "id", pl.col("reason").fill_null("kept")).iter_rows())
    for cluster in report.clusters.largest:
        assert len(cluster.rows) == min(cluster.size, 6)
        assert {(cluster.id, row.id, row.outcome) for row in cluster.rows} <= known
        dropped = [row.outcome != "kept" for row in cluster.rows]
        assert dropped == sorted(dropped)
        assert all(row.text for row in cluster.rows)


def test_samples_are_rows_of_their_outcome(report: Report, outcomes: pl.DataFrame):
    """Kept and dropped rows stand where their sample says, and a marked place is what offends."""
    known = set(outcomes.select("source", "file", "row", "id", pl.col("reason").fill_null("")).iter_rows())
    shown = {(s.source, s.file, s.row, s.id, s.reason) for s in report.samples}
    assert shown <= known
    assert {("math", ""), ("chat", ""), ("math", "control_token")} <= {
        (s.source, s.reason) for s in report.samples
    }
    marked = {s.reason: s.content[slice(*s.highlight)] for s in report.samples if s.highlight}
    assert marked["control_token"] == "<|im_end|>"
    assert marked["think_unclosed"] == "<think>"
    assert marked["role_unknown"] == "oracle"
    assert "near_dup" not in marked
