"""nvidia/OpenMathReasoning: recognised by columns of its own, ranked by where its answer comes from."""

import pytest

from tests.harness.reading import Row, read, refused
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning

ROW: Row = {"problem": "1+1?", "generated_solution": "<think>hm</think>2"}


@pytest.mark.parametrize(
    "column", ["generation_model", "pass_rate_72b_tir", "inference_mode", "used_in_kaggle"]
)
def test_any_column_of_its_own_tells_it_from_other_problems(column: str) -> None:
    """Beside a problem and its solution, both of them text."""
    assert OpenMathReasoning.recognise([{**ROW, column: None}]) == OpenMathReasoning()
    assert OpenMathReasoning.recognise([ROW]) is None
    for name in ROW:
        assert OpenMathReasoning.recognise([{**ROW, column: "x", name: None}]) is None


def test_all_columns_of_the_set_are_known() -> None:
    """Those that are read, and those that say where a problem comes from."""
    assert OpenMathReasoning().columns() == {
        *("problem", "generated_solution", "expected_answer", "problem_type", "problem_source"),
        *("generation_model", "pass_rate_72b_tir", "inference_mode", "used_in_kaggle"),
    }


@pytest.mark.parametrize(
    ("kind", "quality"), [("has_answer_extracted", 1.0), ("no_answer", 0.0), (None, 0.0)]
)
def test_an_answer_that_was_extracted_is_the_better_one(kind: str | None, quality: float) -> None:
    """Than one that was voted for."""
    assert read({**ROW, "problem_type": kind}, "openmathreasoning").quality == quality


def test_the_solver_is_the_model_that_wrote_the_solution() -> None:
    """Where the row says it in text."""
    assert read({**ROW, "generation_model": "R1"}, "openmathreasoning").solver == "R1"
    got = read({**ROW, "generation_model": 7}, "openmathreasoning")
    assert (got.solver, got.found) == (None, {"value_unusable": 1})


@pytest.mark.parametrize("column", ROW)
def test_what_is_no_text_is_refused_with_its_column(column: str) -> None:
    """And counted as no turn, if it is null."""
    assert refused({**ROW, column: None}, "openmathreasoning") == (
        "wrong_type",
        f"{column} is missing, not text",
    )
    assert OpenMathReasoning().turns({**ROW, column: None}) == 1
    assert OpenMathReasoning().turns({**ROW, column: ""}) == 2


@pytest.mark.parametrize(
    ("stated", "rate"), [("0", 0.0), ("1", 1.0), ("-0.1", None), ("1.1", None), (False, None)]
)
def test_a_pass_rate_is_from_0_to_1(stated: object, rate: float | None) -> None:
    """Both of them included."""
    assert OpenMathReasoning().pass_rate({"pass_rate_72b_tir": stated}) == rate


def test_a_layout_names_solver_and_quality() -> None:
    """As they are read row by row."""
    layout = OpenMathReasoning().layout()
    assert (layout.solver, layout.preferred) == ("generation_model", ("problem_type", "has_answer_extracted"))
