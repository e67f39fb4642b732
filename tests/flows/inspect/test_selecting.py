"""What a selection keeps before a build is what the build keeps."""

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.harness.builders import quick_build, text, write_rows
from thinkmix.flows.recipe.recipes import load


def write(folder: Path, **source) -> Path:
    """Write a recipe over 40 problems; every fifth answer is wrong, every seventh row has no trace."""
    rows = [
        {
            "problem": f"Find {text(n)}.",
            "generated_solution": ("" if n % 7 == 3 else f"<think>\n{text((n, 1), 9)}.\n</think>\n\n")
            + f"It is \\boxed{{{n + (n % 5 == 0)}}}.",
            "expected_answer": str(n),
            "problem_type": "has_answer_extracted",
            "pass_rate_72b_tir": str(n / 40),
            "generation_model": ("qwq", "r1", "other")[n % 3],
        }
        for n in range(40)
    ]
    write_rows(folder / "rows.jsonl", rows)
    stated = {
        "name": "math",
        "kind": "local",
        "files": ["rows.jsonl"],
        "format": "openmathreasoning",
        **source,
    }
    recipe = {"name": "small", "sources": [stated], "mix": {"shares": {"math": 1}, "eval_share": 0}}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def test_a_build_keeps_what_was_said(tmp_path, run):
    """Row by row: what is left out first, by which criterion, and nothing is lost in between."""
    select = {"pass_rate": [0.1, 0.9], "verified": True, "solvers": ["qwq", "r1"], "turns": [2, 2]}
    path = write(tmp_path, select=select, thinking="required")

    code, out, _ = run("select", path, "--json", "--show", 100)
    (found,) = json.loads(out)["sources"]
    seen = found["selection"]
    located = load(str(path))
    version = quick_build(located.recipe, tmp_path / "store", located.base).version
    rows = pl.read_parquet(version / "outcomes/math.parquet")

    assert (code, found["exact"], found["rows"]) == (0, True, 40)
    assert seen["read"] == seen["invalid"] + seen["dropped"] + seen["left_out"] + seen["kept"] == 40
    assert rows.filter(pl.col("reason").is_null()).height == seen["kept"]
    left = dict(rows.filter(reason="not_selected").select("row", "detail").iter_rows())
    told = {row["row"]: row["why"] for one in seen["criteria"] for row in one["examples"]}
    assert left == told
    assert sum(one["rows"] for one in seen["criteria"]) == seen["left_out"] == len(left)


def test_what_fails_nothing_else_stays_without_the_criterion(tmp_path, run):
    """For each criterion as many rows more are kept as were said."""
    select = {"pass_rate": [0.2, 0.8], "verified": True, "solvers": ["qwq", "r1"]}
    (tmp_path / "all").mkdir()
    _, out, _ = run("select", write(tmp_path / "all", select=select), "--json")
    seen = json.loads(out)["sources"][0]["selection"]
    alone = {one["name"]: one["alone"] for one in seen["criteria"]}
    kept = Counter()
    for name in select:
        folder = tmp_path / name
        folder.mkdir()
        path = write(folder, select={key: value for key, value in select.items() if key != name})
        kept[name] = json.loads(run("select", path, "--json")[1])["sources"][0]["selection"]["kept"]

    assert {name: kept[name] - seen["kept"] for name in select} == alone
    assert all(alone.values())


def test_a_person_reads_what_stays(tmp_path, run):
    """The table names each criterion, and a selection that keeps nothing says so."""
    code, out, _ = run("select", write(tmp_path, select={"pass_rate": [0.99, 1]}))

    assert code == 0
    assert "0 kept, 40 left out by `select`" in out
    assert "no row stays" in out


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({}, "has `select`; write what is to stay"),
        (
            {"select": {"verified": True}, "rules": {"wrong_answer": "off"}},
            "add `rules: {wrong_answer: flag}`",
        ),
        ({"select": {"pass_rate": [0, 1]}, "format": "alpaca"}, "do not state"),
    ],
)
def test_what_selects_nothing_is_refused_with_the_way_out(tmp_path, run, source, says):
    """A recipe that cannot keep a row, and one that asks for nothing."""
    code, _, err = run("select", write(tmp_path, **source))

    assert code == 2
    assert says in err
