"""A build with rules on answers: wrong rows are flagged, lose under a cap, and are counted."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.harness.builders import quick_build, text, write_rows
from thinkmix.curation.answers.statuses import AGREE, DISAGREE
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawSlice
from thinkmix.curation.rules.contract import Judging
from thinkmix.curation.rules.wrong_answer import WrongAnswer
from thinkmix.curation.validate.rowwise import Origin, validate_slice
from thinkmix.curation.validate.settings import RowSettings
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning

SOLVED = {"Q": (4, 5), "R": (5, 6), "S": (4, 4)}
"""Of each problem, whose answer is 4, what its two rows say."""


def rows() -> list[dict[str, str]]:
    """Return three problems with two solutions each."""
    return [
        {
            "problem": f"What is {name}, if {text(name, 20)}?",
            "generated_solution": f"<think>{text((name, said, n), 30)}</think>So it is \\boxed{{{said}}}.",
            "expected_answer": "4.0",
            "problem_type": "has_answer_extracted",
            "pass_rate_72b_tir": "0.5" if name == "Q" else "n/a",
            "generation_model": ("r1", "qwq")[n],
            "inference_mode": "cot",
        }
        for name, answers in SOLVED.items()
        for n, said in enumerate(answers)
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a version of three problems with two solutions each; one of them may stay."""
    base = tmp_path_factory.mktemp("answers")
    pl.DataFrame(rows()).write_parquet(base / "math.parquet")
    source = {"name": "math", "kind": "local", "format": "openmathreasoning", "files": ["math.parquet"]}
    recipe = {
        "name": "small",
        "sources": [source],
        "rules": {"wrong_answer": "flag"},
        "mix": {"shares": {"math": 1}, "eval_share": 0},
    }
    return quick_build(Recipe.model_validate(recipe), base / "store", base).version


def test_a_wrong_answer_stays_only_where_no_other_is(built: Path) -> None:
    """It is flagged, with the answer that the source names."""
    rows = pl.concat([pl.read_parquet(path) for path in built.glob("train-*.parquet")])
    said = rows["completion"].str.extract(r"boxed\{(\d)\}").to_list()
    assert sorted(said) in (["4", "4", "5"], ["4", "4", "6"])
    (flagged,) = rows.filter(pl.col("flags").list.contains("wrong_answer"))["checks"].to_list()
    assert flagged[0]["evidence"]["text"].endswith(", and the source says 4.0")


def test_a_row_that_loses_by_its_answer_says_so(built: Path) -> None:
    """In its outcome, which `explain` prints."""
    outcomes = pl.concat([pl.read_parquet(path) for path in built.glob("outcomes/*.parquet")])
    lost = outcomes.filter(pl.col("detail").is_not_null())
    assert lost["reason"].to_list() == ["near_dup"]
    assert lost["detail"].to_list() == ["its answer is wrong, that of the row that stays is verified"]


def test_the_report_counts_answers_and_unsolved_problems(built: Path) -> None:
    """By source, problem type, solver and pass rate; its page shows them."""
    counted = json.loads((built / "report.json").read_bytes())["answers"]
    short = {(one["by"], one["value"]): (one["agree"], one["disagree"], one["unsolved"]) for one in counted}
    assert short == {
        ("all", ""): (3, 3, 1),
        ("problem_type", "has_answer_extracted"): (3, 3, 1),
        ("solver", "qwq"): (1, 2, 2),
        ("solver", "r1"): (2, 1, 1),
        ("pass_rate", "0.5 to 0.75"): (1, 1, 0),
        ("pass_rate", ""): (2, 2, 1),
    }
    (page,) = built.parents[1].glob("runs/*/report.html")
    shown = page.read_text(encoding="utf-8")
    assert "Answers beside those that sources name" in shown
    assert '<td>math</td><td class="l">all</td><td>3</td><td>3</td>' in shown


def test_tables_and_lines_of_json_say_the_same_of_answers(tmp_path: Path) -> None:
    """One is judged by columns, the other row by row."""
    judging = Judging((WrongAnswer(action="flag"),))
    origin = Origin(RowSettings(name="math", format=OpenMathReasoning()), "math", judging=judging)
    pl.DataFrame(rows()).write_parquet(tmp_path / "math.parquet")
    write_rows(tmp_path / "math.jsonl", rows())
    found = []
    for end in ("parquet", "jsonl"):
        out = tmp_path / end
        out.mkdir()
        groups = (0, 1) if end == "parquet" else None
        content = Blob(tmp_path / f"math.{end}", "0" * 64)
        piece = RawSlice(file="math", content=content, row_groups=groups)
        validate_slice(piece, origin=origin, max_row_bytes=10_000, out=out)
        found.append(pl.read_parquet(out / "keys.parquet"))
    assert_frame_equal(*found)
    assert found[0]["answer_check"].to_list() == [AGREE, DISAGREE, DISAGREE, DISAGREE, AGREE, AGREE]
    assert found[0]["pass_rate"].to_list() == [0.5, 0.5, None, None, None, None]
