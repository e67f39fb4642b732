"""Chats written into one text: the marks are taken off, and everything else stays."""

from time import process_time
from typing import get_args

import pytest

from tests.harness.reading import read, refused
from thinkmix.schemas.formats.dialects import DIALECTS
from thinkmix.schemas.formats.rendered import Rendered

Turns = list[tuple[str, str, str | None]]
BOTH: Turns = [
    ("user", "1+1?", None),
    ("assistant", "2", None),
    ("user", "+1?", None),
    ("assistant", "3", None),
]
SYSTEM: Turns = [("system", "Be short.", None)]


def turns(text: str, dialect: str) -> Turns:
    return read({"text": text}, {"type": "rendered", "dialect": dialect}).turns


def detail(text: str, dialect: str) -> str:
    return refused({"text": text}, {"type": "rendered", "dialect": dialect})[1]


CASES = [
    ("human", "### Human: 1+1?### Assistant: 2### Human: +1?### Assistant: 3", BOTH),
    ("human", "### Human:\n1+1?\n\n### Assistant:\n2\n\n### Human:\n+1?\n\n### Assistant:\n3\n", BOTH),
    ("human", "### System: Be short.### Human: 1+1?### Assistant: 2", [*SYSTEM, *BOTH[:2]]),
    ("human", "### Human: 1+1?### Assistant: 2### Human: +1?", BOTH[:3]),
    ("human", "### Human: 1+1?### Assistant: 2### Human: +1?### Assistant:", BOTH[:3]),
    (
        "human",
        "### Human: How?### Assistant: # A\n### Step 1\nAsk.\n#### Human: not a turn",
        [("user", "How?", None), ("assistant", "# A\n### Step 1\nAsk.\n#### Human: not a turn", None)],
    ),
    (
        "chatml",
        "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n"
        "<|im_start|>user\n+1?<|im_end|>\n<|im_start|>assistant\n3<|im_end|>\n",
        BOTH,
    ),
    (
        "chatml",
        "<|im_start|>system\nBe short.<|im_end|><|im_start|>user\n1+1?<|im_end|>"
        "<|im_start|>assistant\n2<|im_end|>",
        [*SYSTEM, *BOTH[:2]],
    ),
    (
        "chatml",
        "<|im_start|>prompter\nq<|im_end|>\n<|im_start|>assistant\n<think>\nhm\n</think>\n\na\nb<|im_end|>\n",
        [("user", "q", None), ("assistant", "a\nb", "\nhm\n")],
    ),
    ("llama2", "<s>[INST] 1+1? [/INST] 2 </s><s>[INST] +1? [/INST] 3 </s>", BOTH),
    ("llama2", "[INST] 1+1? [/INST] 2 [INST] +1? [/INST] 3", BOTH),
    (
        "llama2",
        "<s>[INST] <<SYS>>\nBe short.\n<</SYS>>\n\n1+1? [/INST] 2 </s>",
        [*SYSTEM, *BOTH[:2]],
    ),
    ("llama2", "<s>[INST] 1+1? [/INST] 2 </s><s>[INST] +1? [/INST]", BOTH[:3]),
    ("usr", "<usr> 1+1?\n<bot> 2\n<usr> +1?\n<bot> 3", BOTH),
    ("usr", "<sys> Be short.\n<usr> 1+1?\n<bot> 2", [*SYSTEM, *BOTH[:2]]),
    ("usr", "<sys>\n<usr> 1+1?\n<bot> 2\n<usr> +1?", BOTH[:3]),
    (
        "usr",
        "<usr> Sum up.\n<sys> One\nline, two.\n<bot> Lines:\n  <b> two",
        [("user", "Sum up.\nOne\nline, two.", None), ("assistant", "Lines:\n  <b> two", None)],
    ),
]


@pytest.mark.parametrize(("dialect", "text", "want"), CASES)
def test_a_text_is_taken_apart_into_its_turns(dialect: str, text: str, want: Turns) -> None:
    """Only marks, and white space around turns, are taken off; an answer still to be written is none."""
    assert turns(text, dialect) == want


@pytest.mark.parametrize(
    "end", ["<|im_start|>assistant\n", "<|im_start|>assistant", "<|im_start|>assistant\n\n"]
)
def test_an_answer_that_chatml_asks_for_at_its_end_is_none(end: str) -> None:
    """As a prompt of the template ends; what stands before it is read."""
    text = f"<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n{end}"
    assert turns(text, "chatml") == [("user", "q", None), ("assistant", "a", None)]


@pytest.mark.parametrize(
    ("dialect", "text", "words"),
    [
        ("human", "Hello there.", "does not begin with '### Human:'"),
        ("human", "Intro ### Human: 1+1?### Assistant: 2", "does not begin with '### Human:'"),
        ("chatml", "Hello there.", "does not begin with <|im_start|>"),
        ("chatml", "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na", "turn 1 is cut off"),
        ("chatml", "<|im_start|>user\nq<|im_end|> and\n<|im_start|>assistant\na<|im_end|>", "after turn 0"),
        ("chatml", "<|im_start|>critic\nq<|im_end|>", "spoken by 'critic'"),
        ("chatml", "<|im_start|>user<|im_end|>", "spoken by 'user'"),
        ("llama2", "Hello there.", "does not begin with [INST]"),
        ("llama2", "Intro [INST] q [/INST] a", "does not begin with [INST]"),
        ("llama2", "<s>[INST] q a </s>", "[INST] number 0"),
        ("llama2", "<s>[INST] q [/INST] a [/INST] b</s>", "[INST] number 0"),
        ("llama2", "<s>[INST] <<SYS>> s [/INST] a</s>", "<<SYS>> is not followed"),
        ("usr", "Hello there.", "does not begin with <usr>"),
        ("usr", "", "does not begin with <usr>"),
        ("usr", "Hello.\n<usr> q\n<bot> a", "does not begin with <usr>"),
    ],
)
def test_text_of_another_dialect_is_refused_in_words(dialect: str, text: str, words: str) -> None:
    """No part of a text vanishes because it stands where the dialect has none."""
    assert words in detail(text, dialect)


def test_dialects_of_recipes_are_those_of_the_table() -> None:
    """The setting takes each name of the table, and no other."""
    assert set(get_args(Rendered.model_fields["dialect"].annotation)) == set(DIALECTS)


@pytest.mark.parametrize(("dialect", "text", "want"), CASES)
def test_a_text_with_all_marks_is_recognised_as_its_dialect_alone(
    dialect: str, text: str, want: Turns
) -> None:
    """Wherever it stands; two texts in a row are told apart by the column's usual name."""
    marked = all(mark in text for mark in DIALECTS[dialect].marks)
    found = [format.statement() for format in Rendered.candidates([{"chat": text}])]
    assert found == ([f"{{type: rendered, dialect: {dialect}, text: chat}}"] if marked else [])

    both = [format.statement() for format in Rendered.candidates([{"prompt": text, "text": text}])]
    assert both == ([f"{{type: rendered, dialect: {dialect}}}"] if marked else [])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("number", [20_000, 200_000])
def test_hostile_text_is_read_in_time(dialect: str, number: int) -> None:
    """Marks without end, in whatever order, cost time in proportion to their number."""
    marks = DIALECTS[dialect].marks
    started = process_time()
    for text in (marks[0] * number, (marks[1] + marks[0]) * number, "".join(marks) * number, "#" * number):
        try:
            DIALECTS[dialect].read(text)
        except ValueError:
            continue
    assert process_time() - started < 10


def test_a_trace_in_a_column_belongs_to_the_last_answer() -> None:
    """A text that was rendered without its trace may have it beside."""
    row = {"text": CASES[0][1], "reasoning": "hm"}
    got = read(row, {"type": "rendered", "dialect": "human"})

    assert [trace for _, _, trace in got.turns] == [None, None, None, "hm"]
