"""What all row formats have in common, tried on a row of every set."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from tests.harness.layouts import SAMPLES, TOOLS, Row
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.contract import Format, TextColumn, TurnColumn
from thinkmix.schemas.formats.fields import as_list
from thinkmix.schemas.formats.recognition import FORMATS, best, parse_format
from thinkmix.schemas.formats.roles import role_of

ROWS: list[tuple[str, Row]] = [
    *((sample.set, sample.rows[0]) for sample in SAMPLES),
    *((name, row) for name, _, row in TOOLS),
]
every_set = pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])

NOT_TEXT = {
    "Salesforce/xlam-function-calling-60k",
    "younissk/tool-calling-mix",
    "ZeroAgency/gemma3-pythonic-function-tool-calling-v1",
}
"""Sets whose answers are nothing but calls, in a form of their own."""
ANSWERED = [(name, row) for name, row in ROWS if name not in NOT_TEXT]

PLAIN = ("messages", "sharegpt", "alpaca", "qa", "openmathreasoning", "nemotron")
"""Formats that say where their turns lie in a table."""
TABLES = [
    (sample.set, sample.rows[0])
    for sample in SAMPLES
    if sample.statement.startswith(tuple(f"{{type: {name}" for name in PLAIN))
    and "answer_tag" not in sample.statement
]


def format_of(row: Row) -> Format:
    (found,) = best([row])
    return found


def test_each_format_is_stated_by_its_name() -> None:
    """The name of its class, in the letters of a recipe; its settings have defaults."""
    names = {kind: kind.model_fields["type"].default for kind in (*FORMATS, Auto)}

    assert list(names.values()) == [
        "openmathreasoning",
        "sharegpt",
        "alpaca",
        "messages",
        "xlam",
        "glaive",
        "toolace",
        "function_calling_chatml",
        "tool_calling_mix",
        "gemma",
        "smolagents",
        "qa",
        "s1k",
        "natural_reasoning",
        "nemotron",
        "capybara",
        "oasst",
        "rendered",
        "ultrachat",
        "auto",
    ]
    for kind, name in names.items():
        assert (
            type(parse_format({"type": name} | ({"dialect": "human"} if name == "rendered" else {}))) is kind
        )


def test_sets_are_those_of_which_there_is_a_row_here() -> None:
    """And one that has the rows of another."""
    named = [name for kind in FORMATS for name in kind.sets]

    assert sorted(named) == sorted({"mlabonne/FineTome-100k", *(name for name, _ in ROWS)})


def test_a_column_of_text_is_required_and_ends_with_its_text() -> None:
    """Unless it says otherwise."""
    assert TextColumn("a", "user") == TextColumn("a", "user", more="", optional=False)


def test_one_format_says_how_often_its_problems_were_solved() -> None:
    """The rows of the others do not."""
    assert [kind.__name__ for kind in FORMATS if kind.rated] == ["OpenMathReasoning"]
    assert Auto.rated is False


@every_set
def test_turns_are_counted_without_reading_the_row(name: str, row: Row) -> None:
    """As many as are read; none where the list is text that would have to be parsed."""
    format = format_of(row)
    is_parsed = name == "microsoft/orca-agentinstruct-1M-v1"

    assert format.turns(row) == (0 if is_parsed else len(format.read(row, Notes()).messages))


@every_set
def test_a_remark_states_the_settings_that_read_its_set(name: str, row: Row) -> None:
    """Which are those that are recognised."""
    format = format_of(row)
    stated = format.statement().removeprefix(f"{{type: {format.type}").removesuffix("}").removeprefix(", ")

    assert (
        f"`{stated}`" in type(format).remarks.get(name, "``")
        or format.statement() == f"{{type: {format.type}}}"
    )


@every_set
def test_a_remark_names_what_a_row_of_its_set_has(name: str, row: Row) -> None:
    """A tag, a key, a setting, a speaker; or it says in words how the list is stored."""
    format = format_of(row)
    remark = type(format).remarks.get(name)
    if remark is not None:
        named = re.findall("`([^`]+)`", remark)
        has = f"{format.statement()} {json.dumps(row)} *.trees.jsonl.gz score: helpfulness"
        assert named or remark in ("the list as one JSON text", "one JSON array")
        assert [word for word in named if word not in has] == []


def reason(format: Format, row: Row, **flags: bool) -> str | None:
    """Return why a row is refused, nothing if it is read."""
    try:
        format.read(row, Notes(), **flags)
    except PydanticCustomError as error:
        return error.type
    return None


def unopened(value: object, answer: str) -> Any:
    """Return a row whose answer begins with a trace that the template opened."""
    if isinstance(value, str):
        return (
            value.replace("<think>", "")
            if "<think>" in value
            else value.replace(answer, f"hm</think>{answer}")
        )
    if isinstance(value, dict):
        return {key: unopened(item, answer) for key, item in value.items()}
    return [unopened(item, answer) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "row"), ANSWERED, ids=[name for name, _ in ANSWERED])
def test_a_trace_that_is_not_opened_is_refused_unless_the_recipe_expects_it(name: str, row: Row) -> None:
    """In every format."""
    format = format_of(row)
    answer = [turn for turn in format.read(row, Notes()).messages if turn["role"] == "assistant"][-1]
    broken = unopened(row, answer["content"].strip())

    assert reason(format, broken) == "think_unopened"
    assert reason(format, broken, unopened=True) in (None, "think_repeated")


def laid_out(format: Format, row: Row) -> Iterator[tuple[str | None, str]]:
    """Yield role and text of each turn, as the layout says where they are."""
    layout = format.layout()
    assert layout is not None
    for place in layout.turns:
        if isinstance(place, TextColumn):
            texts = [row.get(name) for name in (place.name, place.more) if name and row.get(name)]
            assert texts or place.optional
            if texts:
                yield place.role, "\n".join(texts)
        else:
            yield from listed(place, row)


def listed(place: TurnColumn, row: Row) -> Iterator[tuple[str | None, str]]:
    for turn in as_list(row[place.name]) or ():
        (speaker,), (text,) = ([key for key in keys if key in turn] for keys in (place.speaker, place.text))
        if turn[text]:
            yield role_of(turn[speaker], place.roles), turn[text]


@pytest.mark.parametrize(("name", "row"), TABLES, ids=[name for name, _ in TABLES])
def test_a_layout_says_where_the_turns_are(name: str, row: Row) -> None:
    """In the order that they are read, with their traces inline."""
    format = format_of(row)
    messages = format.read(row, Notes()).messages
    found = list(laid_out(format, row))

    assert [role for role, _ in found] == [turn["role"] for turn in messages]
    assert all(text.endswith(turn["content"]) for (_, text), turn in zip(found, messages, strict=True))
