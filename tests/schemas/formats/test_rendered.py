"""Chats written into one text: the marks are taken off, and everything else stays."""

from time import process_time
from typing import get_args

import pytest

from tests.harness.reading import read, refused
from thinkmix.schemas.findings import Notes
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
    """Only marks, and white space around turns, are taken off; an answer not yet written is not a turn."""
    assert turns(text, dialect) == want


@pytest.mark.parametrize(
    "end", ["<|im_start|>assistant\n", "<|im_start|>assistant", "<|im_start|>assistant\n\n"]
)
def test_an_answer_that_chatml_asks_for_at_its_end_is_none(end: str) -> None:
    """As a prompt of the template ends; the text before it is read."""
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


def test_a_dialect_is_shown_with_its_marks() -> None:
    """In the page of the formats, in backticks."""
    for dialect in DIALECTS.values():
        assert dialect.marks[0] in dialect.looks
        assert dialect.looks.startswith("`")
    assert [dialect.marks for dialect in DIALECTS.values()] == [
        ("### Human:", "### Assistant:"),
        ("<|im_start|>user", "<|im_start|>assistant"),
        ("[INST]", "[/INST]"),
        ("<usr>", "<bot>"),
    ]


@pytest.mark.parametrize(
    ("dialect", "text", "want"),
    [
        ("human", " \n### \tHuman: a\n###Assistant: b", [("user", "a"), ("assistant", "b")]),
        ("human", "### Human: a ### b\n### Human:c", [("user", "a ### b"), ("user", "c")]),
        ("human", "### Human: a######\n### Assistant: b", [("user", "a######"), ("assistant", "b")]),
        ("chatml", " \n<|im_start|>user\na\nb<|im_end|> \n", [("user", "a\nb")]),
        (
            "chatml",
            "<|im_start|>user\na<|im_end|><|im_start|>tool\nr<|im_end|>",
            [("user", "a"), ("tool", "r")],
        ),
        ("llama2", " <s> [INST]a[/INST]b</s><s>[INST]c[/INST]d", [*zip("uaua", "abcd", strict=True)]),
        (
            "llama2",
            "[INST] \n<<SYS>>s<</SYS>>a[/INST] b </s> <s> ",
            [("system", "s"), ("user", "a"), ("assistant", "b")],
        ),
        ("llama2", "[INST] a [/INST] b </s> c", [("user", "a"), ("assistant", "b </s> c")]),
        (
            "usr",
            " \n\t<usr> a\n <bot> b\nc <usr>\n<bot>d",
            [("user", "a"), ("assistant", "b\nc <usr>"), ("assistant", "d")],
        ),
        ("usr", "<sys>\n<usr> a\n<bot>", [("user", "a"), ("assistant", "")]),
        (
            "llama2",
            "[INST] <<SYS>>s<</SYS>>a<</SYS>>b[/INST] c",
            [("system", "s"), ("user", "a<</SYS>>b"), ("assistant", "c")],
        ),
        (
            "usr",
            "<usr> a\n<bot> b\n<sys> s\n<usr> c",
            [("user", "a"), ("assistant", "b"), ("system", "s"), ("user", "c")],
        ),
        (
            "usr",
            "<sys> s\n<sys>t\n<usr> a\n<sys> b\n <sys>c",
            [("system", "s"), ("system", "t"), ("user", "a\nb\nc")],
        ),
    ],
)
def test_marks_are_taken_off_and_all_else_stays(dialect: str, text: str, want: list[tuple[str, str]]) -> None:
    """White space around marks and turns is the rendering's."""
    roles = {"u": "user", "a": "assistant"}
    assert DIALECTS[dialect].read(text) == [(roles.get(who, who), said) for who, said in want]


@pytest.mark.parametrize(
    ("dialect", "text", "why"),
    [
        ("human", "Hi", "it does not begin with '### Human:'"),
        ("human", "### Step 1### Human: a", "it does not begin with '### Human:'"),
        ("chatml", "Hi <|im_start|>user\na<|im_end|>", "it does not begin with <|im_start|>"),
        ("chatml", "<|im_start|>user\na<|im_start|>assistant\n", "turn 0 is cut off"),
        ("chatml", "<|im_start|>user\n<|im_start|>assistant\nb<|im_end|>", "turn 0 is cut off"),
        ("chatml", "<|im_start|>user\na<|im_end|>b", "text stands after turn 0"),
        ("llama2", "</s>[INST] a [/INST] b", "it does not begin with [INST]"),
        ("llama2", "[INST] a [INST] b [/INST] c", "[INST] number 0 is not followed by one [/INST]"),
        (
            "llama2",
            "[INST] a [/INST] b [INST] c [/INST] d [/INST]",
            "[INST] number 1 is not followed by one [/INST]",
        ),
        ("llama2", "[INST] <<SYS>> s [/INST] b", "<<SYS>> is not followed by <</SYS>>"),
        ("usr", "a\n<usr> b", "it does not begin with <usr>, <bot> or <sys>"),
        ("usr", " \n", "it does not begin with <usr>, <bot> or <sys>"),
    ],
)
def test_what_a_text_lacks_is_said_in_full(dialect: str, text: str, why: str) -> None:
    """With the number of the turn."""
    want = ("wrong_type", f"the text is not of this dialect: {why}")
    assert refused({"text": text}, {"type": "rendered", "dialect": dialect}) == want


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<|im_start|>user\na<|im_end|><|im_start|>critic\nb<|im_end|>", "critic"),
        ("<|im_start|>user\na<|im_end|><|im_start|>user<|im_end|>", "user"),
        (f"<|im_start|>user\na<|im_end|><|im_start|>{'x' * 50}\nb<|im_end|>", "x" * 40),
    ],
)
def test_a_strange_speaker_is_told_with_its_turn(text: str, name: str) -> None:
    """In 40 characters; a name without a line of its own is not a speaker."""
    want = ("role_unknown", f"turn 1 is spoken by {name!r}")
    assert refused({"text": text}, {"type": "rendered", "dialect": "chatml"}) == want


def test_turns_of_tools_and_calls_are_read() -> None:
    """As ChatML may have them."""
    said = [("user", "q"), ("tool_call", '{"name": "f"}'), ("tool", "r"), ("assistant", "a"), ("system", "s")]
    text = "".join(f"<|im_start|>{who}\n{what}<|im_end|>\n" for who, what in said)
    draft = Rendered(dialect="chatml").read({"text": text, "reasoning": "hm", "score": 3}, Notes())
    assert draft.messages == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {}}]},
        {"role": "tool", "content": "r"},
        {"role": "assistant", "content": "a"},
        {"role": "system", "content": "s"},
    ]
    assert draft.quality == 3.0


def test_turns_are_counted_by_their_marks() -> None:
    """Before anything is read."""
    assert Rendered(dialect="human").turns({"text": CASES[0][1]}) == 4
    assert Rendered(dialect="human").turns({"text": None}) == 0
