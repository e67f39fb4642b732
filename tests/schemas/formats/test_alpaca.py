"""Alpaca rows: names of the columns, and what is recognised as such."""

import pytest

from tests.harness.reading import read, refused
from thinkmix.schemas.formats.alpaca import Alpaca

ROW = {"instruction": "Add.", "input": "1, 2", "output": "3"}


@pytest.mark.parametrize(
    ("row", "settings"),
    [
        (ROW, {}),
        ({"id": 7, **ROW}, {}),
        (
            {"instruction": "Add.", "context": "1, 2", "response": "3"},
            {"input": "context", "output": "response"},
        ),
        (
            {"question": "Add.", "context": "1, 2", "answer": "3"},
            {"instruction": "question", "input": "context", "output": "answer"},
        ),
        (
            {"Instruction": "Add.", "Input": "1, 2", "Output": "3"},
            {"instruction": "Instruction", "input": "Input", "output": "Output"},
        ),
    ],
)
def test_request_and_material_are_one_turn(row: dict[str, object], settings: dict[str, str]) -> None:
    """The material stands on the next line, whatever the columns are called; and so it is recognised."""
    stated = {"type": "alpaca", **settings}
    found = Alpaca.recognise([row])

    assert read(row, stated).turns == [("user", "Add.\n1, 2", None), ("assistant", "3", None)]
    assert found is not None
    assert found.model_dump(exclude_defaults=True) == settings


@pytest.mark.parametrize("material", ["", None, " \n", float("nan")])
def test_a_request_without_material_stands_alone(material: object) -> None:
    """Nothing is joined to it, and a column that is empty in the sample is still its material."""
    row = {**ROW, "input": material}
    found = Alpaca.recognise([row])

    assert read(row, "alpaca").turns[0] == ("user", "Add.", None)
    assert found == Alpaca()


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Add.", "response": "3"},
        {"question": "Add.", "answer": "3"},
        {"question": "Add.", "context": [{"role": "user"}], "answer": "3"},
        {"instruction": "Add.", "input": "1, 2"},
    ],
)
def test_other_columns_are_not_alpaca(row: dict[str, object]) -> None:
    """A question and its answer without material are another format, and a list is not material."""
    assert Alpaca.recognise([row]) is None


@pytest.mark.parametrize("request_name", ["instruction", "question", "query", "prompt"])
@pytest.mark.parametrize("answer_name", ["output", "response", "answer"])
@pytest.mark.parametrize("material", ["input", "context"])
def test_usual_names_are_recognised_beside_a_material(
    request_name: str, answer_name: str, material: str
) -> None:
    """The first of them that are there; without a material they are a question and its answer."""
    row = {request_name: "Add.", material: "1, 2", answer_name: "3"}
    want = Alpaca(instruction=request_name, input=material, output=answer_name)

    assert Alpaca.recognise([row]) == want
    assert Alpaca.recognise([row, {**row, material: None}, {**row, material: 7}]) == want


@pytest.mark.parametrize(
    ("history", "detail"),
    [
        (7, "history is int, not a list"),
        ([["q", "a"], 7], "history[1] is not a pair of texts"),
        (["qa"], "history[0] is not a pair of texts"),
        ([b"qa"], "history[0] is not a pair of texts"),
        ([["q"]], "history[0] is not a pair of texts"),
        ([["q", "a", "b"]], "history[0] is not a pair of texts"),
        ([["q", 7]], "history is int, not text"),
    ],
)
def test_a_history_of_anything_but_pairs_is_refused(history: object, detail: str) -> None:
    """With the place of the first that is not a pair."""
    assert refused({**ROW, "history": history}, "alpaca") == ("wrong_type", detail)


def test_turns_are_counted_with_the_history_and_without_the_material() -> None:
    """A request and its material are one turn."""
    row = {**ROW, "system": "s", "history": [["q", "a"], ["q", "b"], ["q", "c"]]}

    assert [Alpaca().turns(one) for one in (row, {**row, "input": ""}, {**row, "instruction": ""})] == [9] * 3


def test_both_usual_system_columns_are_read() -> None:
    """Unless the recipe names the one."""
    row = {**ROW, "system_prompt": "Be short."}

    assert read(row, "alpaca").turns[0] == ("system", "Be short.", None)
    assert read(row, {"type": "alpaca", "system": "system"}).turns[0][0] == "user"
