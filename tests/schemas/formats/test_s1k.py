"""s1K: the trace and the attempt of one of two models."""

from tests.harness.reading import read, refused

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
