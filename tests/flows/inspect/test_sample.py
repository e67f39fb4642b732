"""The embedded sample, built by its recipe: each planted fault is found and counted, and nothing else is."""

import json
from collections import Counter
from fractions import Fraction

import orjson
import polars as pl
import pytest

from tests.harness.builders import ROOT
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.report import Report
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.render import render_chat
from thinkmix.templates.chat.tokenizer import count_tokens

SAMPLES = ROOT / "data" / "samples"
PLANTED = json.loads((SAMPLES / "planted.json").read_bytes())
NOT_SAMPLED = "not_sampled"


@pytest.fixture(scope="module")
def outcomes(sample: Built) -> dict[tuple[str, int], dict[str, object]]:
    """The outcome of each row of the sample, by file and row."""
    frame = pl.concat([pl.read_parquet(path) for path in sorted((sample.version / "outcomes").iterdir())])
    return {(row["file"], row["row"]): row for row in frame.iter_rows(named=True)}


@pytest.fixture(scope="module")
def splits(sample: Built) -> dict[str, pl.DataFrame]:
    """The published rows of each split."""
    return {
        split: pl.concat(
            [pl.read_parquet(path) for path in sorted(sample.version.glob(f"{split}-*.parquet"))]
        )
        for split in ("train", "eval")
    }


@pytest.mark.parametrize("source", sorted(PLANTED))
def test_ledger_counts_what_was_planted(source: str, sample: Built):
    """For each source the ledger drops exactly the planted rows for each reason; none but long ones late.

    How long a row is, is only asked where sampling gets to it.
    """
    dropped: dict[str, int] = {}
    for count in sample.manifest.ledger.stages:
        if count.source == source:
            for reason, amount in count.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + amount.rows
    dropped.pop(NOT_SAMPLED, None)
    planted = dict(PLANTED[source])
    assert dropped.pop("too_long", 0) <= planted.pop("too_long", 0)
    assert {reason: rows for reason, rows in dropped.items() if rows} == planted


def test_planted_rows_have_their_outcomes(outcomes):
    """Each planted group loses the stated number of rows for its reason; its other rows are good."""
    lines = (SAMPLES / "planted_rows.jsonl").read_text(encoding="utf-8").splitlines()
    named: dict[tuple[str, int], set[str]] = {}
    for group in map(json.loads, lines):
        places = [tuple(place) for place in group["rows"]]
        reasons = [outcomes[place]["reason"] for place in places]
        assert {outcomes[place]["source"] for place in places} <= set(PLANTED)
        unasked = reasons.count(NOT_SAMPLED) if group["reason"] == "too_long" else 0
        assert reasons.count(group["reason"]) + unasked == group["count"], group
        for place in places:
            named.setdefault(place, set()).add(group["reason"])
    left_out = {
        place: outcome["reason"]
        for place, outcome in outcomes.items()
        if outcome["reason"] not in (None, NOT_SAMPLED)
    }
    assert set(left_out) <= set(named)
    assert [place for place, reason in left_out.items() if reason not in named[place]] == []
    found = Counter(left_out.values())
    planted = sum((Counter(counts) for counts in PLANTED.values()), Counter())
    assert 0 < found.pop("too_long") <= planted.pop("too_long")
    assert found == planted


@pytest.mark.parametrize("split", ["train", "eval"])
def test_shares_are_exact(split: str, splits):
    """The published rows themselves stand 70 to 25 to 5, in both splits."""
    rows = splits[split]
    shares = {
        source: Fraction(count, rows.height) for source, count in rows["source"].value_counts().iter_rows()
    }
    assert shares == {"math": Fraction(70, 100), "chat": Fraction(25, 100), "tools": Fraction(5, 100)}


def test_prompt_and_completion_are_the_chat(splits):
    """Prompt and completion joined are the template's text, and the prompt alone is what serving sends."""
    rows = pl.concat([splits["eval"], *(part.head(60) for _, part in splits["train"].group_by("source"))])
    assert set(rows["source"]) == set(PLANTED)
    for row in rows.iter_rows(named=True):
        tools = orjson.loads(row["tools"]) if row["tools"] else None
        assert row["prompt"] + row["completion"] == render_chat(row["messages"], tools=tools, family=QWEN3)
        asked = {"add_generation_prompt": True, "enable_thinking": row["thinking"]}
        assert row["prompt"] == render_chat(row["messages"][:-1], tools=tools, family=QWEN3, **asked)
        assert row["completion"].endswith("<|im_end|>\n")
        tokens = count_tokens([row["prompt"], row["completion"]]).tolist()
        assert [row["prompt_tokens"], row["completion_tokens"]] == tokens


def test_reasoning_is_in_every_mathematical_completion(splits):
    """All of the mathematics thinks, none of the tools does, and the column says so."""
    for rows in splits.values():
        traced = pl.col("completion").str.contains("<think>\n[^<]*\\S[^<]*</think>")
        found = rows.group_by("source").agg(traced=traced.mean(), thinking=pl.col("thinking").mean())
        by_source = {source: (traced, thinking) for source, traced, thinking in found.iter_rows()}
        assert by_source["math"] == (1, 1)
        assert by_source["tools"] == (0, 0)


def test_version_is_whole_and_may_be_trained_on(sample: Built):
    """Every file is what the manifest says, and every check of the report passed."""
    assert problems(sample.version) == []
    report = Report.model_validate_json((sample.version / "report.json").read_bytes())
    assert [check.detail for check in report.checks if not check.passed] == []
