"""A row's answer beside the reference: each status, and why an answer of the right value is not taken."""

import pytest

from thinkmix.curation.answers.check import check
from thinkmix.curation.answers.find import Stated
from thinkmix.curation.answers.statuses import STATUSES


def status(*stated: str, reference: str | None = "12", question: str = "How many?") -> tuple[str, str]:
    found = check([Stated(one, 0, 0) for one in stated], reference, lambda: question.lower().encode())
    return STATUSES[found.status], found.why


@pytest.mark.parametrize(
    ("stated", "reference", "wanted"),
    [
        (["12"], "12", "agree"),
        (["11", "12.0"], "12", "agree"),
        (["1", "2"], "2, 1", "agree"),
        (["13"], "12", "disagree"),
        (["13", "14"], "12", "disagree"),
        (["12", "13"], "12", "several"),
        (["a dozen of them"], "12", "unparseable"),
        (["perhaps", "13"], "12", "unparseable"),
        ([], "12", "none"),
        (["12"], None, "no_reference"),
        ([], "n/a", "no_reference"),
    ],
)
def test_each_status(stated, reference, wanted):
    """The last answer counts; what is not agreement says why, but for another answer."""
    found, why = status(*stated, reference=reference)
    assert found == wanted
    assert bool(why) == (wanted not in ("agree", "disagree"))


@pytest.mark.parametrize(
    "question",
    ["Prove that n is even.", "Show that it is 12.", "证明它是 12。", "Give an example of such a number."],
)
def test_an_answer_to_an_open_question_is_never_wrong(question):
    """A proof, or one of several answers; it may be right, though."""
    assert status("13", question=question)[0] == "unparseable"
    assert status("12", question=question)[0] == "agree"


@pytest.mark.parametrize(
    ("stated", "reference", "question"),
    [
        ("3657/18709", "69/353", "Simplify 7314/37418 to its lowest terms."),
        (r"\frac{8}{6}", "4/3", "Simplify the fraction."),
        ("(x+1)*(x+2)", "x**2 + 3*x + 2", "Calculate (x+1)*(x+2)."),
        ("(2+x)*(x+1)", "x**2 + 3*x + 2", "Simplify (x+1)*(x+2)."),
        ("x^2 + 3*x", "x**2 + 3*x", "Use ** instead of ^."),
        ("x**2 + 3x", "x**2 + 3*x", "Always include the * symbol."),
    ],
)
def test_the_right_value_may_not_be_what_is_asked_for(stated, reference, question):
    """A question that is repeated, a form that is not simple, or a notation that is excluded."""
    found, why = status(stated, reference=reference, question=question)
    assert found == "unparseable"
    assert why.startswith("the right value, ")
    assert status(reference, reference=reference, question=question)[0] == "agree"
    assert status(stated, reference=reference, question="What is it?")[0] == "agree"
