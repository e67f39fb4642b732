"""Lists of turns as public sets have them: prompts that are withheld, marks in a list, answers in a tag."""

import json

import pytest

from tests.harness.layouts import chat, gpt
from tests.harness.reading import Row, read, refused
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.messages import Messages
from thinkmix.schemas.formats.sharegpt import ShareGPT

ASKED: list[Row] = chat(("user", "1+1?"), ("assistant", "2"))
TAGGED = "<think>hm</think>\n<answer>2</answer>"


def test_a_prompt_that_is_null_costs_the_row_and_says_why() -> None:
    """An answer to nothing teaches nothing; a system turn that is null says nothing, and costs nothing."""
    withheld = {"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "2"}]}
    reason, detail = refused(withheld, "messages")

    assert (reason, detail) == (
        "prompt_withheld",
        "the text of turn 0, the user's, is null: its owner may withhold it",
    )
    silent = {"messages": [{"role": "system", "content": None}, *ASKED]}
    assert [role for role, _, _ in read(silent, "messages").turns] == ["user", "assistant"]


@pytest.mark.parametrize("turn", [{"role": "user"}, {"role": "user", "weight": 0, "name": "a"}])
def test_a_turn_without_its_text_is_one_whose_text_is_null(turn: Row) -> None:
    """Parquet keeps no key that is null, and gives the same reason."""
    assert refused({"messages": [turn, *ASKED[1:]]}, "messages")[0] == "prompt_withheld"
    silent = {"messages": [{**turn, "role": "system"}, *ASKED]}
    assert [role for role, _, _ in read(silent, "messages").turns] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("turn", "detail"),
    [
        ({"role": "assistant", "content": None}, "the text of turn 1, the assistant's, is null"),
        (
            {"role": "assistant", "says": "2"},
            "turn 1 has no content: its keys are 'role', 'says'; see `text`",
        ),
    ],
)
def test_an_answer_without_text_says_whether_it_is_null_or_elsewhere(turn: Row, detail: str) -> None:
    """A key that may hold the text is named with the setting that reads it."""
    assert refused({"messages": [*ASKED[:1], turn]}, "messages") == ("wrong_type", detail)


def test_a_trace_in_a_column_of_another_name_is_read_with_the_setting_that_is_shown() -> None:
    """The setting names a key of the turns, or a column; once it is stated, it is not proposed again."""
    row = {"conversations": gpt(("human", "1+1?"), ("gpt", "2")), "cot": "One more."}
    stated = {"type": "sharegpt", "reasoning": "cot"}

    assert ShareGPT().setting_for("cot") == "format: {type: sharegpt, reasoning: cot}"
    assert ShareGPT().setting_for("conversations[].cot") == "format: {type: sharegpt, reasoning: cot}"
    assert read(row, stated).turns[-1] == ("assistant", "2", "One more.")
    assert ShareGPT(reasoning="cot").setting_for("cot") is None


def learned(row: Row, **settings: str) -> list[bool]:
    draft = Messages(**settings).read(row, Notes())
    return [not turn.get("context") for turn in draft.messages if turn["role"] == "assistant"]


@pytest.mark.parametrize(
    ("columns", "setting", "want"),
    [
        ({"metadata": {"train_turns": [False, False, False, True]}}, "metadata.train_turns", [False, True]),
        ({"metadata": {"train_turns": None}}, "metadata.train_turns", [True, True]),
        ({"metadata": "none"}, "metadata.train_turns", [True, True]),
        ({}, "metadata.train_turns", [True, True]),
        ({"mask": [0, 1, 0, 0]}, "mask", [True, False]),
        ({"a.b": [0, 0, 0, 1]}, "a.b", [False, True]),
        ({"a": {"b.c": [0, 0, 0, 1]}}, "a.b.c", [False, True]),
    ],
)
def test_a_list_of_marks_says_which_turns_are_learned(columns: Row, setting: str, want: list[bool]) -> None:
    """One mark a turn, in a column or in a key of one; where a row has none, all answers are learned."""
    row = {"messages": chat(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")), **columns}

    assert learned(row, turn_marks=setting) == want


@pytest.mark.parametrize(("marks", "times"), [([1], 1), ("1, 0", 1), ([1, "perhaps"], 1), ([1, None], 1)])
def test_marks_that_cannot_be_read_are_counted(marks: object, times: int) -> None:
    """A list of another length marks nothing; these turns are trained."""
    got = read({"messages": ASKED, "mask": marks}, {"type": "messages", "turn_marks": "mask"})

    assert got.found == {"mark_unreadable": times}


def test_a_list_of_marks_is_recognised() -> None:
    """Only where it says one thing of each turn."""
    marked = {"messages": ASKED, "metadata": {"train_turns": [False, True]}}

    for row, want in (
        (marked, "{type: messages, turn_marks: metadata.train_turns}"),
        ({**marked, "metadata": {"train_turns": [True]}}, "{type: messages}"),
    ):
        assert [format.statement() for format in Messages.candidates([row])] == [want]


def test_answers_in_a_tag_are_taken_out_of_it() -> None:
    """So is what the system prompt says of the tags, which the template does not print."""
    row = {
        "system": "You help. Write <think> first. Then <answer> x </answer>.\nBe short.",
        "conversations": gpt(("human", "1+1?"), ("gpt", TAGGED)),
    }
    got = read(row, {"type": "sharegpt", "answer_tag": "answer"})

    assert got.turns == [
        ("system", "You help.\nBe short.", None),
        ("user", "1+1?", None),
        ("assistant", "2", "hm"),
    ]
    assert got.found == {"answer_form": 2, "answer_tag": 1}


@pytest.mark.parametrize(
    ("answers", "want"),
    [
        ([TAGGED, TAGGED, "2"], "{type: sharegpt, answer_tag: answer}"),
        ([TAGGED, "2", "2"], "{type: sharegpt}"),
        (["<answer>2</answer>"], "{type: sharegpt, answer_tag: answer}"),
        (["It is <answer>2</answer>"], "{type: sharegpt}"),
    ],
)
def test_the_tag_is_recognised_where_most_answers_are_enclosed_whole(answers: list[str], want: str) -> None:
    """After their trace, if they have one."""
    rows = [{"conversations": gpt(("human", "1+1?"), ("gpt", answer))} for answer in answers]

    assert [format.statement() for format in ShareGPT.candidates(rows)] == [want]


def test_the_keys_of_a_turn_tell_the_two_formats_of_turns_apart() -> None:
    """Whatever the column is called, and however the list is stored."""
    pairs = (("user", "1+1?"), ("assistant", "2"))
    stored = {key: [turn[key] for turn in chat(*pairs)] for key in ("role", "content")}

    for value in (ASKED, json.dumps(ASKED), stored):
        assert [one.statement() for one in Messages.candidates([{"messages": value}])] == ["{type: messages}"]
        assert ShareGPT.candidates([{"messages": value}]) == []
    (found,) = ShareGPT.candidates([{"turns": gpt(*pairs), "extra": gpt(*pairs)}])
    assert found.statement() == "{type: sharegpt, conversations: turns}"


@pytest.mark.parametrize(
    "value",
    [
        chat(("user", "1+1?")),
        chat(("assistant", "2")),
        chat(("A", "1+1?"), ("B", "2")),
        ["1+1?", "2"],
        "1+1?",
        "[broken",
        [],
        {"role": ["user"], "content": []},
    ],
)
def test_what_is_no_chat_between_known_speakers_is_not_recognised(value: object) -> None:
    """A prompt alone, answers alone, speakers that nobody knows, and no turns at all."""
    assert Messages.candidates([{"messages": value}]) == []
