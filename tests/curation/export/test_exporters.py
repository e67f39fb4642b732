"""Exporters on rows made by hand: what a line says, and that reading back notices whatever is not so."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.toys.exporter import Toy
from thinkmix.curation.export import known
from thinkmix.curation.export.messages import Messages
from thinkmix.curation.export.record import Counter, Counts
from thinkmix.curation.export.rendered import Rendered
from thinkmix.curation.export.version import Example
from thinkmix.curation.tables import EXAMPLES
from thinkmix.schemas.errors import LedgerError, RecipeError
from thinkmix.schemas.record import descriptions, json_text
from thinkmix.templates.chat.turns import EMPTY_TRACE


def turn(role: str, content: str, trace: str | None = None, calls: list[tuple[str, object]] | None = None):
    """Make a turn as a version has it."""
    made = [
        {"type": "function", "function": {"name": name, "arguments": json_text(arguments)}}
        for name, arguments in calls or ()
    ]
    return {"role": role, "content": content, "reasoning_content": trace, "tool_calls": made or None}


def example(*turns: dict[str, Any], tools: str | None = None, completion: str = "said") -> Example:
    """Make an example that learns the last turn."""
    thinking = turns[-1]["reasoning_content"] is not None
    return Example(
        "a-1", "chat", "a", len(turns) - 1, thinking, list(turns), tools, "asked", completion, 3, 4
    )


TOOLS = json_text([{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}])
CHAT = example(
    turn("user", "Hi"), turn("assistant", "Hello"), turn("user", "2+3?"), turn("assistant", "5", "2+3=5")
)
ACTS = example(
    turn("system", "Be brief."),
    turn("user", "Add them.\u2028Now."),
    turn("assistant", "", None, [("add", {"a": 1, "b": 10**18}), ("add", {"a": "é"})]),
    turn("tool", "3"),
    turn("tool", ""),
    turn("tool", "one too many"),
    turn("user", "And?"),
    turn("assistant", "Again.", "hm", [("add", {})]),
    turn("tool", "4"),
    turn("assistant", "4"),
    tools=TOOLS,
)
ROWS = (CHAT, ACTS, CHAT._replace(id="a-1#2"))


def written(rows: tuple[Example, ...], folder: Path, **options: Any) -> list[dict[str, Any]]:
    """Write rows as `messages` and return what the lines say to any JSON reader."""
    Messages(**options).write(rows, folder / "train.jsonl")
    lines = (folder / "train.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    return [json.loads(line) for line in lines]


def test_a_line_is_an_example_in_openais_form(tmp_path: Path):
    """Traces lie beside the answer, and of the answers of a line the last one alone has weight 1."""
    said, _, again = written(ROWS, tmp_path)
    assert said == again
    assert said == {
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello", "weight": 0},
            {"role": "user", "content": "2+3?"},
            {"role": "assistant", "content": "5", "reasoning_content": "2+3=5", "weight": 1},
        ]
    }


def test_calls_have_ids_that_their_responses_repeat(tmp_path: Path):
    """In the order of the calls; arguments are JSON text; a response too many has no id."""
    (said,) = written((ACTS,), tmp_path)
    calls = [call for message in said["messages"] for call in message.get("tool_calls", ())]
    assert [call["id"] for call in calls] == ["call_1", "call_2", "call_3"]
    assert [call["function"]["arguments"] for call in calls] == [
        '{"a": 1, "b": 1000000000000000000}',
        '{"a": "é"}',
        "{}",
    ]
    answers = [message.get("tool_call_id") for message in said["messages"] if message["role"] == "tool"]
    assert answers == ["call_1", "call_2", None, "call_3"]
    assert json_text(said["tools"]) == TOOLS


@pytest.mark.parametrize(
    ("options", "marks"),
    [
        ({}, [("weight", 0), ("weight", 1)]),
        ({"mark": "loss"}, [("loss", False), ("loss", True)]),
        ({"mark": "training"}, [("training", False), ("training", True)]),
        ({"mark": "none"}, []),
    ],
)
def test_which_answer_is_learned_is_marked_as_asked(options, marks, tmp_path: Path):
    """By the key of the trainer that is meant, with the type that it reads, or not at all."""
    (said,) = written((CHAT,), tmp_path, **options)
    keys = {"role", "content", "reasoning_content"}
    found = [item for message in said["messages"] for item in message.items() if item[0] not in keys]
    assert found == marks
    assert [type(value) for _, value in found] == [type(value) for _, value in marks]


def test_tools_may_be_text(tmp_path: Path):
    """Then they are the very text of the version."""
    (said,) = written((ACTS,), tmp_path, tools="text")
    assert said["tools"] == TOOLS


@pytest.mark.parametrize(
    "exporter",
    [
        Messages(),
        Messages(mark="loss"),
        Messages(mark="training"),
        Messages(mark="none", tools="text"),
        Rendered(),
        Rendered(final_newline="keep"),
        Toy(),
    ],
    ids=repr,
)
def test_what_is_written_reads_back(exporter, tmp_path: Path):
    """With every option; and the same rows are the same bytes."""
    files = [tmp_path / folder / exporter.file("train") for folder in ("one", "two")]
    for file in files:
        file.parent.mkdir()
        exporter.write(iter(ROWS), file)
        exporter.check(iter(ROWS), file)
    assert files[0].read_bytes() == files[1].read_bytes()


def _changed(rows: list[dict[str, Any]], change: str) -> list[dict[str, Any]]:
    turns = rows[1]["messages"]
    if change == "a row less":
        return rows[:-1]
    if change == "a row more":
        return [*rows, rows[0]]
    if change == "a turn less":
        del turns[0]
    elif change == "another text":
        turns[1]["content"] += " "
    elif change == "another role":
        turns[0]["role"] = "user"
    elif change == "no trace":
        del turns[7]["reasoning_content"]
    elif change == "other arguments":
        turns[2]["tool_calls"][0]["function"]["arguments"] = '{"a": 1, "b": 1e18}'
    elif change == "another tool":
        turns[2]["tool_calls"][0]["function"]["name"] = "sub"
    elif change == "no mark":
        del turns[2]["weight"]
    elif change == "the wrong mark":
        turns[-1]["weight"] = 0
    elif change == "no tools":
        del rows[1]["tools"]
    elif change == "other tools":
        rows[1]["tools"][0]["function"]["parameters"]["type"] = "array"
    elif change == "a control token":
        turns[-1]["content"] = "<think>"
    else:
        assert change == "nothing"
    return rows


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("a row less", "train.jsonl ends after 2 rows, the version does not"),
        ("a row more", "the version ends after 3 rows, train.jsonl does not"),
        ("a turn less", "row 1, example a-1 reads back differently: 9 turns, not 10"),
        ("another text", "content of turn 1 is"),
        ("another role", "role of turn 0 is 'user', not 'system'"),
        ("no trace", "reasoning of turn 7 is None, not 'hm'"),
        ("other arguments", "calls of turn 2 is"),
        ("another tool", "calls of turn 2 is"),
        ("no mark", "context of turn 2 is False, not True"),
        ("the wrong mark", "context of turn 9 is True, not False"),
        ("no tools", "tools are None, not '["),
        ("other tools", "tools are '["),
        ("a control token", "cannot be read back"),
    ],
)
def test_reading_back_notices(change: str, says: str, tmp_path: Path):
    """A file that says anything else than the version is refused with the row and the field."""
    rows = written(ROWS, tmp_path)
    file = tmp_path / "train.jsonl"
    for made in ("nothing", change):
        lines = (json.dumps(row, ensure_ascii=False) for row in _changed(rows, made))
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if made == "nothing":
            Messages().check(ROWS, file)
    with pytest.raises(LedgerError) as raised:
        Messages().check(ROWS, file)
    assert says in str(raised.value)


def test_examples_are_counted_as_they_pass():
    """All that the manifest of an export says of a split."""
    soft = example(turn("user", "Hi /no_think"), turn("assistant", "Hi"), completion=f"{EMPTY_TRACE}Hi")
    counter = Counter()
    assert list(counter.count([*ROWS, soft])) == [*ROWS, soft]
    assert counter.counts == Counts(
        examples=4,
        thinking=2,
        soft_switch=1,
        messages=4 + 10 + 4 + 2,
        earlier_answers=1 + 2 + 1,
        traces=3,
        earlier_traces=1,
        calls=3,
        responses=4,
        with_tools=1,
        prompt_tokens=12,
        completion_tokens=16,
        longest=7,
        longest_shown=7 + 8 + 8 + len("hm"),
    )


def test_what_trl_does_otherwise_is_said_with_numbers():
    """A sentence for each kind of row that there is in train, none for what there is not."""
    soft = example(turn("user", "Hi /no_think"), turn("assistant", "Hi"), completion=f"{EMPTY_TRACE}Hi")
    counter = Counter()
    list(counter.count([*ROWS, soft]))
    told = Messages().remarks({"train": counter.counts, "eval": Counts(examples=9)})
    assert [sentence.partition(" of train")[0] for sentence in told] == [
        "4 answers",
        "1 answers",
        "1 answers",
        "1 traces",
    ]
    assert "`weight` says so" in told[0]
    assert "no mark says so" in Messages(mark="none").remarks({"train": counter.counts})[0]
    assert Messages().remarks({"train": Counts(examples=2, thinking=2)}) == ()
    assert Messages().remarks({"eval": Counts(examples=2)}) == ()


@pytest.mark.parametrize("kind", [*known.EXPORTERS, Toy], ids=lambda kind: kind.name)
def test_every_exporter_says_what_becomes_of_every_column(kind):
    """Held somewhere, or left out for a reason; and each option has a sentence."""
    assert sorted([*kind.held, *kind.left_out]) == sorted(EXAMPLES.names())
    assert all((*kind.held.values(), *kind.left_out.values(), kind.readers, kind.sentence()))
    assert set(descriptions(kind)) == set(kind.model_fields)


def test_an_example_has_the_columns_of_a_version():
    """Under their names, in their order."""
    assert list(Example._fields) == EXAMPLES.names()


def test_a_name_that_is_not_known_is_refused_with_those_that_are():
    """And shown such that it steers no terminal."""
    assert [known.exporter(kind.name) for kind in known.EXPORTERS] == list(known.EXPORTERS)
    with pytest.raises(RecipeError) as raised:
        known.exporter("al\x1bpaca")
    assert (
        str(raised.value)
        == f"there is no exporter 'al·paca'; known are {', '.join(kind.name for kind in known.EXPORTERS)}"
    )
