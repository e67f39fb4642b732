"""Rows that repeat an evaluation leave a build with a reason, and a changed evaluation is noticed."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import ROOT, quick_build, recipe, write_rows
from thinkmix.curation.decontaminate.contamination import (
    Questions,
    find_overlap,
    read_questions,
    write_questions,
)
from thinkmix.flows.inspect.explain import explain
from thinkmix.flows.inspect.flagged import flagged as flagged_rows
from thinkmix.flows.inspect.rows import sentence
from thinkmix.schemas.errors import RecipeError, SourceNotFound

SHARED = (ROOT / "../shared").resolve()


def asking(field: str = "question", files: str = "evals/*.jsonl", **more):
    """Return a recipe that checks rows against the questions of `files`."""
    benchmark = {"name": "exam", "files": [files], "field": field}
    return recipe(decontaminate={"benchmarks": [benchmark], **more})


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
    assert rejects["detail"][0].startswith("exam/1: the whole question, in turn 1: ")
    assert question(base) in rejects["content"][0]
    told = sentence(explain(built.version, rejects["id"][0]).rows[0])
    assert "left out at dedup as eval_overlap" in told
    assert "exam/1: the whole question" in told
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


def test_a_question_is_found_in_every_turn_whatever_is_compared(sources: Path, tmp_path: Path) -> None:
    """In a system prompt, a later turn of the user, and an answer; `compare` says the first turn."""
    base = shutil.copytree(sources, tmp_path / "base")
    asked = "A farmer has 17 sheep and buys 5 more on each of the next 3 market days. How many has he now?"
    turns = [
        [("system", f"Example: {asked} 32."), ("human", "Hello there, friend"), ("gpt", "Hello.")],
        [("human", "A riddle, please"), ("gpt", "Gladly."), ("human", asked), ("gpt", "32.")],
        [("human", "Tell me one more riddle"), ("gpt", f"Here it is: {asked}")],
    ]
    rows = [{"conversations": [{"from": role, "value": text} for role, text in row]} for row in turns]
    write_rows(base / "chat" / "9.jsonl", rows)
    write_rows(base / "evals" / "a.jsonl", [{"question": asked}])
    built = quick_build(asking(), tmp_path / "store", base)
    assert built.manifest.ledger.of("dedup")["chat"].dropped["eval_overlap"].rows == 3


def test_a_row_near_a_question_stays_unless_the_recipe_drops_it(sources: Path, tmp_path: Path) -> None:
    """The recipe decides, and may allow a question that rows repeat rightly."""
    base = shutil.copytree(sources, tmp_path / "base")
    words = question(base).split()
    write_rows(
        base / "evals" / "a.jsonl", [{"question": f"{' '.join(words)} Say why in three words, please."}]
    )

    def dropped(**more) -> int:
        built = quick_build(asking(**more), tmp_path / "store", base)
        counts = built.manifest.ledger.of("dedup")["chat"].dropped
        return counts["eval_overlap"].rows if "eval_overlap" in counts else 0

    assert [dropped(), dropped(near="drop"), dropped(near="drop", allow=["exam/0"])] == [0, 1, 0]


def test_a_row_near_a_question_is_flagged_wherever_it_goes(sources: Path, tmp_path: Path) -> None:
    """Flag and question are in outcomes, published rows, manifest, `explain` and `show --flag`."""
    base = shutil.copytree(sources, tmp_path / "base")
    asked = f"{question(base)} Say why in three words, please."
    write_rows(base / "evals" / "a.jsonl", [{"question": asked}])
    built = quick_build(asking(), tmp_path / "store", base)
    (count,) = built.manifest.flags
    assert (count.source, count.rule, count.rows) == ("chat", "eval_overlap", 1)
    outcomes = pl.read_parquet(built.version / "outcomes" / "chat.parquet")
    (row,) = outcomes.filter(pl.col("flags").list.contains("eval_overlap")).to_dicts()
    (check,) = row["checks"]
    assert check["evidence"]["text"].startswith(
        "exam/0: 13 words or more in a row of the question, in turn 1: "
    )
    assert 0.5 <= check["value"] < 1
    published = pl.concat(map(pl.read_parquet, built.version.glob("*-*.parquet")))
    flagged = published.filter(pl.col("flags").list.len() > 0)
    assert set(flagged["conversation_id"]) <= {row["id"]}
    assert flagged.height == row["sampled"]
    assert "flagged eval_overlap" in sentence(explain(built.version, row["id"]).rows[0])
    assert flagged_rows(built.version, "eval_overlap").total == 1


def test_a_build_without_evaluations_has_no_flags(sources: Path, tmp_path: Path) -> None:
    """Nor has one that leaves near rows alone: the columns are absent, and the bytes are those of before."""
    base = shutil.copytree(sources, tmp_path / "base")
    write_rows(base / "evals" / "a.jsonl", [{"question": "Does anybody ask this of anyone at all, ever?"}])
    benchmark = {"name": "exam", "files": ["evals/*.jsonl"], "field": "question"}
    silent = {"rules": {"wrong_answer": "off"}}
    unasked = {"decontaminate": {"benchmarks": [benchmark], "near": "off"}}
    for stated in (recipe(**silent), recipe(**silent, **unasked)):
        built = quick_build(stated, tmp_path / "store", base)
        assert "flags" not in pl.read_parquet_schema(built.version / "outcomes" / "chat.parquet")
        assert "flags" not in pl.read_parquet_schema(next(built.version.glob("train-*.parquet")))


def test_an_allowed_question_that_is_not_there_is_refused(sources: Path, tmp_path: Path) -> None:
    """It would allow nothing, and nobody would notice: its number or its name is wrong."""
    base = shutil.copytree(sources, tmp_path / "base")
    write_rows(base / "evals" / "a.jsonl", [{"question": "What?"}])
    for name in ("exam/7", "exma/0"):
        with pytest.raises(RecipeError, match=rf"there is no question '{name}'; write benchmark/number"):
            quick_build(asking(allow=[name]), tmp_path / "store", base)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real data is not beside the checkout")
def test_known_leaks_are_all_dropped_and_made_up_problems_are_not(tmp_path: Path) -> None:
    """Of real rows every one that is known to be a GSM8K or MATH-500 test question, and no generated one.

    Copies of questions with a condition left out are flagged at least, nine of ten.
    """
    asked = [
        Questions(path.stem, pl.read_ndjson(path)["question"])
        for path in sorted((SHARED / "benchmarks").glob("*.jsonl"))
    ]
    known = write_questions(asked, tmp_path)
    index = read_questions(tmp_path / "words.index", tmp_path / "anchors.index", known)
    rows = pl.read_parquet(SHARED / "hub/nvidia/OpenMathReasoning/data/*.parquet")
    rows.select(said="problem").write_parquet(tmp_path / "said")
    hits = find_overlap(tmp_path / "said", index, known, score=0.5)
    place = pl.int_range(len(rows), eager=True)
    dropped = place.is_in(hits.filter(action="drop")["place"].implode())
    leaked = rows["problem_source"].is_in(["mip_gsm8k_normal", "mip_math_normal"])
    copies = rows["problem_source"].str.ends_with("_MiP")
    made_up = rows["problem_source"].str.starts_with("rgym_")
    hit = place.is_in(hits["place"].implode())
    assert (leaked & ~dropped).sum() == 0
    assert (made_up & hit).sum() == 0
    assert (copies & hit).sum() >= 0.9 * copies.sum()
    assert leaked.sum() > 2000
    assert made_up.sum() > 2000
