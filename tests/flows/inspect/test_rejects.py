"""What was left out, as a list: by reason, source and text, on the screen and in a file."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import REASONS
from thinkmix.flows.inspect.rejects import LISTED, export, matching, rejects
from thinkmix.schemas.errors import NotFound, StoreError


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_each_reason_lists_its_rows(reason: str, version: Path):
    """As many rows as the outcomes have of the reason; whole, but for good rows that were not needed."""
    outcomes = pl.scan_parquet(version / "outcomes" / "*.parquet").filter(reason=reason).collect()
    found = rejects(version, reason=reason, limit=100)
    assert (found.total, len(found.rows)) == (outcomes.height, outcomes.height)
    assert {row.reason for row in found.rows} == {reason}
    assert all((row.content is None) == (reason in LISTED) for row in found.rows)


def test_filters_go_together_and_the_total_counts_all(version: Path):
    """Source and text narrow the list, letter case aside; the limit does not change the numbers."""
    found = rejects(version, source="math", grep="FIND", limit=1)
    assert len(found.rows) == 1
    assert found.total == sum(found.reasons.values()) > 1
    assert {row.source for row in rejects(version, source="math").rows} == {"math"}
    assert rejects(version, grep="no row says this").total == 0


def test_a_file_gets_all_rows_as_lines_of_json(version: Path, tmp_path: Path):
    """What is exported is what the version keeps, line by line."""
    out = tmp_path / "out.jsonl"
    number = export(matching(version), out)
    kept = pl.scan_parquet(version / "rejects" / "*.parquet").select("id", "content").collect()
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert number == len(lines) == kept.height
    assert [(line["id"], line["content"]) for line in lines] == kept.rows()
    assert export(matching(version), out, limit=2) == 2


def test_unknown_words_are_answered_with_the_known_ones(version: Path, tmp_path: Path):
    """So are text of rows that are only listed, and a folder that is not there."""
    with pytest.raises(NotFound, match="there is no reason 'near'; the reasons are bad_json, "):
        rejects(version, reason="near")
    with pytest.raises(NotFound, match="no source 'maths'; it has math, chat"):
        rejects(version, source="maths")
    with pytest.raises(NotFound, match="not kept whole"):
        rejects(version, reason="not_sampled", grep="x")
    with pytest.raises(StoreError, match="cannot be written"):
        export(matching(version), tmp_path / "nowhere" / "out.jsonl")
