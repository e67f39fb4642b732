"""s1K: the trace and the attempt of one of two models."""

import pytest

from tests.harness.reading import read, refused
from thinkmix.schemas.formats.s1k import S1K

ROW = {
    "question": "1+1?",
    "solution": "2",
    "deepseek_thinking_trajectory": "One and one.",
    "deepseek_attempt": "It is 2.",
    "gemini_thinking_trajectory": "Easy.",
    "gemini_attempt": "Two.",
}


def test_question_trace_and_attempt_are_one_answered_question() -> None:
    """The other model's attempt is counted, and nothing is an unread field."""
    got = read(ROW, "s1k")

    assert got.turns == [("user", "1+1?", None), ("assistant", "It is 2.", "One and one.")]
    assert (got.found, got.unread) == ({"alternative": 1}, [])


def test_the_other_model_is_two_settings() -> None:
    """Both names of columns."""
    gemini = {"type": "s1k", "reasoning": "gemini_thinking_trajectory", "answer": "gemini_attempt"}

    assert read(ROW, gemini).turns[1] == ("assistant", "Two.", "Easy.")


def test_an_attempt_that_is_null_is_refused() -> None:
    """Its trace alone answers nothing."""
    assert refused({**ROW, "deepseek_attempt": None}, "s1k")[0] == "wrong_type"


def test_columns_of_the_set_are_no_unread_fields() -> None:
    """Of both models, and what the set says of each attempt."""
    models = [
        f"{model}_{what}"
        for model in ("deepseek", "gemini")
        for what in ("attempt", "thinking_trajectory", "grade", "grade_reason")
    ]
    about = {"question", "solution", "cot_type", "source_type", "metadata", *models}

    assert S1K().columns() == {*about, "system", "system_prompt", "score"}


@pytest.mark.parametrize("missing", ["question", "deepseek_thinking_trajectory", "deepseek_attempt"])
def test_it_is_recognised_by_question_trace_and_attempt(missing: str) -> None:
    """All three of them, under the names of the set."""
    assert S1K.recognise([ROW]) == S1K()
    assert S1K.recognise([{**ROW, missing: None}]) is None


def test_an_attempt_of_the_other_model_that_says_nothing_is_none() -> None:
    """It is not counted."""
    assert read({**ROW, "gemini_attempt": " "}, "s1k").found == {}
    assert read({**ROW, "score": 3}, "s1k").quality == 3.0
