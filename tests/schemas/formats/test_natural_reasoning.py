"""A question and a list of responses: the first one that says something is learned."""

import json

import pytest

from tests.harness.reading import Row, read, refused
from thinkmix.schemas.formats.natural_reasoning import NaturalReasoning


def row(*responses: object, **columns: object) -> Row:
    return {"question": "1+1?", "reference_answer": "2", "responses": list(responses), **columns}


def by(model: object, text: object, **more: object) -> Row:
    return {"response_model": model, "response": text, **more}


def test_the_first_response_is_the_answer_and_its_model_the_solver() -> None:
    """Other responses are counted, none of them is trained."""
    got = read(row(by("a-70b", "Two."), by("b-8b", "2.")), "natural_reasoning")

    assert got.turns == [("user", "1+1?", None), ("assistant", "Two.", None)]
    assert (got.solver, got.found) == ("a-70b", {"alternative": 1})


@pytest.mark.parametrize("blank", [by("a", None), by("a", " "), "", None, 7])
def test_a_response_that_says_nothing_is_passed_over(blank: object) -> None:
    """The next one counts."""
    got = read(row(blank, by("b", "2.")), "natural_reasoning")

    assert (got.turns[1], got.solver, got.found) == (("assistant", "2.", None), "b", {})


def test_responses_may_be_texts_or_one_json_text() -> None:
    """A text has no model, and a trace in it is a trace."""
    assert read(row("<think>hm</think>2."), "natural_reasoning").turns[1] == ("assistant", "2.", "hm")
    stored = {"question": "1+1?", "responses": json.dumps([by("a", "2.")])}
    assert read(stored, "natural_reasoning").solver == "a"


@pytest.mark.parametrize("responses", [[], [by("a", "")], None, "2."])
def test_a_question_without_a_response_is_refused(responses: object) -> None:
    """There is nothing to learn."""
    assert refused({"question": "1+1?", "responses": responses}, "natural_reasoning")[0] == "wrong_type"


def test_other_keys_of_a_response_are_unread_fields() -> None:
    """A score of it, for one; a model that is not text is counted, and the row is kept."""
    got = read(row(by(7, "2.", score=1.0)), "natural_reasoning")

    assert (got.solver, got.found, got.unread) == (None, {"value_unusable": 1}, ["responses[].score"])


def test_it_is_recognised_by_a_question_and_a_response_that_says_something() -> None:
    """Among others that say nothing, as objects or texts."""
    found = NaturalReasoning()

    assert NaturalReasoning.recognise([row(by("a", ""), by("b", "2."))]) == found
    assert NaturalReasoning.recognise([row("", "2.")]) == found
    assert NaturalReasoning.recognise([{**row("2."), "responses": ("2.",)}]) == found
    for other in (
        row(),
        row(by("a", "")),
        row("2.", question=""),
        row("2.", responses="2."),
        {"responses": ["2."]},
    ):
        assert NaturalReasoning.recognise([other]) is None


def test_the_reference_is_no_unread_field() -> None:
    """It is a short result, and not trained."""
    usual = {"question", "responses", "system", "system_prompt", "score"}
    assert NaturalReasoning().columns() == {*usual, "reference_answer"}


def test_a_row_without_a_response_says_how_many_there_are() -> None:
    """And in which column."""
    assert refused(row(by("a", ""), by("b", None)), "natural_reasoning") == (
        "wrong_type",
        "none of the 2 in responses is a text",
    )
    got = read(row("2.", "two", "", score=3), "natural_reasoning")
    assert (got.found, got.quality) == ({"alternative": 1}, 3.0)
