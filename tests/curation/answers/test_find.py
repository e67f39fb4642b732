r"""Final answers: which of the places that state one count, and what is not one."""

import pytest

from thinkmix.curation.answers.find import final_answers, last_answer


def found(text: str) -> list[str]:
    data = f"before \\boxed{{9}}{text}after \\boxed{{8}}".encode()
    start = len(b"before \\boxed{9}")
    return [one.text for one in final_answers(data, start, start + len(text.encode()))]


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        (r"So \boxed{4}.", ["4"]),
        (r"\boxed{\frac{1}{2}} and \fbox{x_{1}}", [r"\frac{1}{2}", "x_{1}"]),
        (r"\boxed 7 follows", ["7"]),
        (r"\boxed{1}, no, \boxed{2}, so \boxed{1}", ["2", "1"]),
        (r"\boxed{a \} b}", [r"a \} b"]),
        (r"cut off \boxed{\frac{1}", []),
        ("<answer> 12 </answer>", ["12"]),
        ("<answer>12", ["12"]),
        (r"<answer>It is \boxed{3}</answer>", ["3"]),
        ("Text.\n#### 42", ["42"]),
        ("Text.\nThe answer is: $5$. It was easy.", ["$5$"]),
        ("Text.\n**Answer:** Tom has **250 minutes** left.", ["250 minutes"]),
        ("所以答案是 12 个。", ["12 个"]),
        ("134.0", ["134.0"]),
        ("A long story without any answer in it,\nwhich goes on for two lines.", []),
        ("", []),
    ],
)
def test_the_answers_of_a_text(text, answers):
    """Boxes and tags before words; equal ones once, at their last place; nothing of the texts beside it."""
    assert found(text) == answers


def test_places_are_those_of_the_column():
    """In bytes, without white space around the answer."""
    data = "é <answer> ü </answer>".encode()
    (one,) = final_answers(data, 0, len(data))
    assert data[one.start : one.end].decode() == one.text == "ü"


def test_the_last_box_that_closes_is_the_answer_of_a_trace():
    """One that is cut off is not."""
    data = rb"\boxed{1} then \boxed{2} then \boxed{3"
    last = last_answer(data, 0, len(data))
    assert last is not None
    assert last.text == "2"
    assert last_answer(data, 1, 8) is None
