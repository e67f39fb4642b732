"""A source that asks for repairs trains the repaired text, counts the rows, and can show each as it was."""

import json
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.harness.builders import quick_build, recipe, text, write_rows
from thinkmix.flows.cli.show.show_rows import show_explanation
from thinkmix.flows.inspect.explain import Explanation, explain

TRACE, ANSWER = "So it is 4.", "It's 4."


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a version of eight problems; the first two solutions are damaged."""
    folder = tmp_path_factory.mktemp("repaired")
    rows = [
        {"problem": f"Find {text(n)}.", "generated_solution": f"<think>\n{TRACE}\n</think>\n\n{ANSWER} {n}"}
        for n in range(8)
    ]
    rows[0]["generated_solution"] = f"think\n{TRACE}\nanswer\nIt&#39;s 4.\n\nHuman:"
    rows[1]["generated_solution"] = f"{ANSWER}\u200b"
    write_rows(folder / "math.jsonl", rows)
    source = {"name": "math", "kind": "local", "files": ["math.jsonl"], "format": "openmathreasoning"}
    stated = recipe(sources=[{**source, "repair": "all"}], shares={"math": 1}, eval_share=0)
    return quick_build(stated, folder / "store", folder).version


def row_of(version: Path, flag: str) -> str:
    """Return the id of the row with a flag."""
    outcomes = pl.concat([pl.read_parquet(path) for path in (version / "outcomes").iterdir()])
    return outcomes.filter(pl.col("flags").list.contains(flag))["id"].item()


def shown(found: Explanation) -> str:
    """Return what a person reads."""
    out = StringIO()
    show_explanation(found, Console(file=out, width=400))
    return out.getvalue()


def test_a_repaired_row_is_trained_as_it_was_meant(version):
    """With its trace and its answer, and with the names of the repairs beside it."""
    trained = pl.concat([pl.read_parquet(path) for path in version.glob("train-*.parquet")])
    mine = trained.filter(conversation_id=row_of(version, "foreign_markers")).row(0, named=True)
    assert mine["completion"] == f"<think>\n{TRACE}\n</think>\n\n{ANSWER}<|im_end|>\n"
    assert mine["flags"] == ["entities", "foreign_markers", "next_speaker"]
    assert trained.filter(pl.col("flags").list.len() > 0).height == 2


def test_repaired_rows_are_counted_by_source_and_repair(version):
    """In report and manifest, as flags are."""
    flags = json.loads((version / "report.json").read_bytes())["flags"]
    assert flags == json.loads((version / "manifest.json").read_bytes())["flags"]
    assert {(one["rule"], one["rows"]) for one in flags} == {
        ("entities", 1),
        ("foreign_markers", 1),
        ("next_speaker", 1),
        ("zero_width", 1),
    }


def test_a_repaired_row_is_explained_with_each_edit_and_as_it_was(version):
    """Before and after, and the raw row."""
    found = explain(version, row_of(version, "foreign_markers"))
    assert [(one.repair, one.before, one.after) for one in found.repaired] == [
        ("entities", "&#39;", "'"),
        ("foreign_markers", "think\n", "<think>\n"),
        ("foreign_markers", "\nanswer\n", "\n</think>\n\n"),
        ("next_speaker", "\n\nHuman:", ""),
    ]
    assert json.loads(found.was or "")["generated_solution"].startswith("think\n")
    words = shown(found)
    assert "'&#39;' became \"'\"" in words
    assert "the row as it was" in words


def test_a_row_that_needed_no_repair_is_explained_without_one(version):
    """Nothing is said of repairs."""
    outcomes = pl.concat([pl.read_parquet(path) for path in (version / "outcomes").iterdir()])
    whole = outcomes.filter(pl.col("flags").list.len() == 0)["id"][0]
    found = explain(version, whole)
    assert (found.repaired, found.was) == ((), None)
    assert "repaired" not in shown(found)
