"""Questions and answers in columns: which columns, what is beside them, and what makes them unclear."""

import pytest

from tests.harness.reading import read, refused
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.qa import QuestionAnswer

ROW = {"question": "1+1?", "answer": "2"}


def recognised(row: dict[str, object]) -> list[str]:
    return [format.statement() for format in QuestionAnswer.candidates([row])]


def test_question_and_answer_are_two_turns() -> None:
    """The defaults are `question` and `answer`; other names are settings."""
    want = [("user", "1+1?", None), ("assistant", "2", None)]

    assert read(ROW, "qa").turns == want
    assert read({"q": "1+1?", "a": "2"}, {"type": "qa", "question": "q", "answer": "a"}).turns == want


def test_an_inline_trace_and_one_beside_the_answer_are_its_trace() -> None:
    """A word for yes or no in a column of such a name is not a trace."""
    want = ("assistant", "2", "hm")

    assert read({**ROW, "answer": "<think>hm</think>2"}, "qa").turns[1] == want
    assert read({**ROW, "reasoning": "hm"}, "qa").turns[1] == want
    assert read({**ROW, "cot": "hm"}, {"type": "qa", "reasoning": "cot"}).turns[1] == want
    assert read({**ROW, "reasoning": "on"}, "qa").turns[1] == ("assistant", "2", None)


@pytest.mark.parametrize("column", ["system", "system_prompt"])
def test_a_system_prompt_stands_before_them(column: str) -> None:
    """Both usual names are read; blank text is not a prompt."""
    assert read({**ROW, column: "Be short."}, "qa").turns[0] == ("system", "Be short.", None)
    assert len(read({**ROW, column: " "}, "qa").turns) == 2


def test_a_score_is_the_quality_where_it_is_asked_for() -> None:
    """One that is not a number is counted, and the row is kept."""
    assert read({**ROW, "score": 3}, "qa").quality == 3.0
    assert read({**ROW, "helpfulness": 4}, {"type": "qa", "score": "helpfulness"}).quality == 4.0
    assert read({**ROW, "score": "good"}, "qa").found == {"score_unusable": 1}


@pytest.mark.parametrize("row", [{"question": "q"}, {"question": None, "answer": "a"}, {**ROW, "answer": 2}])
def test_what_is_no_text_is_refused(row: dict[str, object]) -> None:
    """Neither column may be missing, null or a number."""
    assert refused(row, "qa")[0] == "wrong_type"


@pytest.mark.parametrize(
    "pair",
    [
        ("question", "answer"),
        ("question", "response"),
        ("question", "solution"),
        ("query", "response"),
        ("query", "answer"),
        ("prompt", "response"),
        ("prompt", "completion"),
        ("prompt", "answer"),
        ("inputs", "targets"),
        ("input", "output"),
        ("problem", "generated_solution"),
        ("problem", "solution"),
        ("problem", "answer"),
        ("instruction", "response"),
        ("instruction", "completion"),
        ("instruction", "answer"),
    ],
    ids=" ".join,
)
def test_known_pairs_are_recognised_in_any_letter_case(pair: tuple[str, str]) -> None:
    """And read by what was recognised."""
    for names in (pair, tuple(map(str.capitalize, pair)), tuple(map(str.upper, pair))):
        row = dict(zip(names, ("1+1?", "2"), strict=True))
        (format,) = QuestionAnswer.candidates([row])
        assert (format.question, format.answer) == names
        assert [turn["content"] for turn in format.read(row, Notes()).messages] == ["1+1?", "2"]


def test_two_answers_to_one_question_are_two_candidates() -> None:
    """Nothing tells which one is meant; a short result beside its solution is not meant."""
    assert recognised({**ROW, "response": "two"}) == ["{type: qa}", "{type: qa, answer: response}"]
    assert recognised({"problem": "1+1?", "solution": "1+1 is 2.", "answer": "2"}) == [
        "{type: qa, question: problem, answer: solution}"
    ]


def test_columns_that_hold_no_text_are_no_pair() -> None:
    """Numbers, lists and blank answers are something else; a few such rows among others do not matter."""
    assert recognised({"question": "1+1?", "answer": 2}) == []
    assert recognised({"prompt": [{"role": "user"}], "response": "a"}) == []
    assert len(QuestionAnswer.candidates([ROW, ROW, {"question": "q", "answer": None}])) == 1


def test_rows_are_recognised_by_most_of_them() -> None:
    """A solution is preferred to the short answer beside it, to the same problem only."""
    assert recognised({"question": "q", "solution": "s", "prompt": "p", "answer": "a"}) == [
        "{type: qa, answer: solution}",
        "{type: qa, question: prompt}",
    ]
    assert recognised({"question": "q", "generated_solution": "s", "answer": "a"}) == ["{type: qa}"]
    assert recognised({"problem": "q", "generated_solution": "s", "answer": "a"}) == [
        "{type: qa, question: problem, answer: generated_solution}"
    ]
