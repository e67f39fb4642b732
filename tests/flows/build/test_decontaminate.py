"""Rows that repeat an evaluation leave a build with a reason, and a changed evaluation is noticed."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import ROOT, quick_build, recipe, write_rows
from thinkmix.curation.decontaminate.contamination import Questions, find_overlap, write_questions
from thinkmix.flows.inspect.explain import explain
from thinkmix.flows.inspect.rows import sentence
from thinkmix.schemas.errors import RecipeError, SourceNotFound

SHARED = (ROOT / "../shared").resolve()


def asking(field: str = "question", files: str = "evals/*.jsonl"):
    """Return a recipe that checks rows against the questions of `files`."""
    benchmark = {"name": "exam", "files": [files], "field": field}
    return recipe(decontaminate={"benchmarks": [benchmark], "ngram": 5})


def question(sources: Path) -> str:
    """Return the question of a chat row that has duplicates of no kind."""
    line = (sources / "chat" / "0.jsonl").read_text(encoding="utf-8").splitlines()[7]
    return json.loads(line)["conversations"][0]["value"]


def test_rows_that_an_evaluation_asks_are_left_out_by_name(sources: Path, tmp_path: Path) -> None:
    """The ledger counts them, the row can be opened, and its detail names the question."""
    base = shutil.copytree(sources, tmp_path / "base")
    write_rows(base / "evals" / "a.jsonl", [{"question": "x"}, {"question": question(base)}])
    built = quick_build(asking(), tmp_path / "store", base)
    dropped = built.manifest.ledger.of("dedup")["chat"].dropped
    assert dropped["eval_overlap"].rows == 1
    rejects = pl.read_parquet(built.version / "rejects" / "chat-00000-of-00001.parquet").filter(
        reason="eval_overlap"
    )
    assert rejects["detail"][0].startswith("exam, question 1: ")
    assert question(base) in rejects["content"][0]
    told = sentence(explain(built.version, rejects["id"][0]).rows[0])
    assert "left out at dedup as eval_overlap" in told
    assert "exam, question 1" in told
    assert explain(built.version, rejects["id"][0]).rows[0].winner is None
    trained = pl.concat(map(pl.read_parquet, built.version.glob("*-*.parquet")))
    assert question(base) not in "".join(trained["prompt"])


def test_a_new_question_means_a_new_build(sources: Path, tmp_path: Path) -> None:
    """The digest of the questions is part of the manifest; the same ones are the same run."""
    base = shutil.copytree(sources, tmp_path / "base")
    write_rows(base / "evals" / "a.jsonl", [{"question": "Nobody asks this of anyone at all, ever."}])
    first = quick_build(asking(), tmp_path / "store", base)
    assert quick_build(asking(), tmp_path / "store", base).status == "unchanged"
    write_rows(base / "evals" / "a.jsonl", [{"question": question(base)}])
    again = quick_build(asking(), tmp_path / "store", base)
    assert (again.status, again.manifest.benchmarks) != ("unchanged", first.manifest.benchmarks)
    assert again.manifest.ledger.of("dedup")["chat"].dropped["eval_overlap"].rows == 1


@pytest.mark.parametrize(
    ("stated", "error", "words"),
    [
        (asking(field="prompt"), RecipeError, r"exam: evals/a\.jsonl: row 0 has no text in field 'prompt'"),
        (asking(files="no/*.jsonl"), SourceNotFound, "exam: no file matches"),
    ],
)
def test_questions_that_cannot_be_read_end_the_build(stated, error, words, sources, tmp_path) -> None:
    """The error names benchmark, file, row and field."""
    base = shutil.copytree(sources, tmp_path / "base")
    write_rows(base / "evals" / "a.jsonl", [{"question": "What?"}])
    with pytest.raises(error, match=words):
        quick_build(stated, tmp_path / "store", base)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real data is not beside the checkout")
def test_known_leaks_are_all_found_and_made_up_problems_are_not(tmp_path: Path) -> None:
    """Of real rows every one that is known to be a GSM8K or MATH-500 test question, and no generated one."""
    asked = [
        Questions(path.stem, pl.read_ndjson(path)["question"])
        for path in sorted((SHARED / "benchmarks").glob("*.jsonl"))
    ]
    benchmarks = write_questions(asked, tmp_path / "index", ngram=13)
    rows = pl.read_parquet(SHARED / "hub/nvidia/OpenMathReasoning/data/*.parquet")
    rows.select(text="problem").write_parquet(tmp_path / "keys")
    hits = find_overlap(tmp_path / "keys", tmp_path / "index", benchmarks, ngram=13)["place"]
    leaked = rows["problem_source"].is_in(["mip_gsm8k_normal", "mip_math_normal"])
    made_up = rows["problem_source"].str.starts_with("rgym_")
    hit = pl.int_range(len(rows), eager=True).is_in(hits.implode())
    assert (leaked & ~hit).sum() == 0
    assert (made_up & hit).sum() == 0
    assert leaked.sum() > 2000
    assert made_up.sum() > 2000
