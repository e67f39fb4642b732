"""How answers are counted: by source, type, solver and pass rate, and which problems are unsolved."""

from pathlib import Path

import polars as pl

from thinkmix.curation.answers.statuses import AGREE, DISAGREE, NO_REFERENCE, NONE
from thinkmix.curation.dedup.answer_counts import count_answers
from thinkmix.curation.tables import CHECKED

ROWS = [
    ("r1", AGREE, "extracted", 0.75, "p"),
    ("qwq", DISAGREE, "extracted", 0.75, "p"),
    ("qwq", DISAGREE, "extracted", 0.2, "q"),
    ("r1", NONE, None, None, "r"),
    (None, NO_REFERENCE, None, None, "s"),
]


def test_answers_are_counted_by_what_rows_have_in_common(tmp_path: Path) -> None:
    """A problem is solved if one row has its answer; one without reference is not counted."""
    keys, verdicts = tmp_path / "keys", tmp_path / "verdicts"
    solver, check, kind, rate, problem = zip(*ROWS, strict=True)
    columns = {"answer_check": check, "problem_type": kind, "pass_rate": rate}
    frame = pl.DataFrame(columns, schema=CHECKED).with_columns(
        pl.lit("math").alias("source"), pl.Series("solver", solver)
    )
    frame.write_parquet(keys)
    pl.DataFrame({"problem": problem}).write_parquet(verdicts)
    frame.drop(CHECKED.names()).write_parquet(tmp_path / "other")
    found = count_answers([tmp_path / "other", keys], [verdicts, verdicts])
    assert {one["source"] for one in found} == {"math"}
    short = {
        (one["by"], one["value"]): [one[name] for name in ("agree", "disagree", "none", "no_reference")]
        + [one["problems"], one["unsolved"]]
        for one in found
    }
    assert short == {
        ("all", ""): [1, 2, 1, 1, 3, 2],
        ("problem_type", "extracted"): [1, 2, 0, 0, 2, 1],
        ("problem_type", ""): [0, 0, 1, 1, 1, 1],
        ("solver", "qwq"): [0, 2, 0, 0, 2, 2],
        ("solver", "r1"): [1, 0, 1, 0, 2, 1],
        ("solver", ""): [0, 0, 0, 1, 0, 0],
        ("pass_rate", "0 to 0.25"): [0, 1, 0, 0, 1, 1],
        ("pass_rate", "0.75 to 1"): [1, 1, 0, 0, 1, 0],
        ("pass_rate", ""): [0, 0, 1, 1, 1, 1],
    }


def test_a_mixture_without_references_has_no_counts(tmp_path: Path) -> None:
    """No rule compared answers."""
    pl.DataFrame({"source": ["chat"]}).write_parquet(tmp_path / "keys")
    assert count_answers([tmp_path / "keys"], [tmp_path / "verdicts"]) == []
