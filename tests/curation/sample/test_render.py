"""From raw rows to the examples that were asked for, their index, and what cannot be one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawSlice
from thinkmix.curation.sample import render
from thinkmix.curation.sample.render import render_rows
from thinkmix.curation.tables import COUNTED, EXAMPLES, LOST
from thinkmix.curation.validate.reading import Reading, reopen
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.schemas.errors import LedgerError
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.families.qwen3_instruct_2507 import QWEN3_INSTRUCT_2507
from thinkmix.templates.chat.families.qwen3_thinking_2507 import QWEN3_THINKING_2507
from thinkmix.templates.chat.render import render_chat
from thinkmix.templates.chat.tokenizer import count_tokens

Message = dict[str, Any]

TOOL = {
    "type": "function",
    "function": {"name": "add", "description": "中 <b>", "parameters": {"b": 1, "a": 2.5}},
}
CALL = {"function": {"name": "add", "arguments": {"y": '中 "<b>"', "x": [1, 2.0, None, True]}}}


def user(text: str = "q") -> Message:
    return {"role": "user", "content": text}


def says(text: str = "a", reasoning: str | None = None, *calls: Message) -> Message:
    return {"role": "assistant", "content": text, "reasoning_content": reasoning, "tool_calls": list(calls)}


AGENT = {
    "messages": [
        {"role": "system", "content": "s"},
        user(),
        says("", "call it", CALL, CALL),
        {"role": "tool", "content": "3"},
        {"role": "tool", "content": "3"},
        says("It is 3.", "so"),
        user("thanks"),
        says("Welcome!"),
    ],
    "tools": [TOOL],
    "note": "n",
}
PLAIN = {"messages": [user("hello"), says("hi")]}
THINKS = {"messages": [user("2+2?"), says("4", "two and two")]}
LONG = {"messages": [user("long"), says("word " * 300), user("short?"), says("yes")]}


class Rendered:
    """The three outputs of rendering turns of `rows`: all of the assistant's, or those of `asked`."""

    def __init__(
        self,
        folder: Path,
        rows: list[dict[str, Any]],
        *,
        asked: list[tuple[int, int]] | None = None,
        soft_switch: str = "plain",
        family: Family = QWEN3,
        max_tokens: int = 10_000,
    ) -> None:
        source = LocalSource(name="s", format="messages", files=("*",), soft_switch=soft_switch)
        path = folder / "f.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        if asked is None:
            asked = [
                (number, place)
                for number, row in enumerate(rows)
                for place, message in enumerate(row["messages"])
                if message["role"] == "assistant"
            ]
        wanted = pl.DataFrame(asked, schema={"row": pl.Int64, "turn": pl.Int32}, orient="row")
        out = folder / "out"
        out.mkdir()
        self.made = render_rows(
            reopen(
                RawSlice(file="f.jsonl", content=Blob(path, "0" * 64)),
                np.unique(wanted["row"].to_numpy()),
                reading=Reading(source, "f.jsonl"),
                max_row_bytes=100_000,
            ),
            wanted,
            source=source,
            family=family,
            max_tokens=max_tokens,
            out=out,
        )
        self.examples, self.index, self.lost = (
            pl.read_parquet(out / f"{name}.parquet") for name in ("examples", "index", "lost")
        )


def test_every_assistant_turn_is_an_example(tmp_path: Path) -> None:
    """One example per wanted turn, named by conversation and turn, counted with the real tokenizer."""
    got = Rendered(tmp_path, [AGENT, PLAIN])
    assert [frame.schema for frame in (got.examples, got.index, got.lost)] == [EXAMPLES, COUNTED, LOST]
    owner = got.examples["conversation_id"][0]
    assert got.examples["turn"].to_list() == [2, 5, 7, 1]
    assert got.examples["thinking"].to_list() == [True, True, False, False]
    assert got.examples["id"].to_list()[:3] == [f"{owner}-2", f"{owner}-5", f"{owner}-7"]
    assert got.examples["prompt_tokens"].to_list() == count_tokens(got.examples["prompt"].to_list()).tolist()
    assert (
        got.examples["completion_tokens"].to_list()
        == count_tokens(got.examples["completion"].to_list()).tolist()
    )
    assert (got.made, got.lost.height) == (4, 0)


@pytest.mark.parametrize("family", [QWEN3, QWEN3_THINKING_2507])
def test_published_messages_render_to_prompt_and_completion(tmp_path: Path, family: Family) -> None:
    """Messages and tools as they are published give the very text that is trained on, turn by turn."""
    got = Rendered(tmp_path, [AGENT, PLAIN, THINKS, LONG], family=family)
    assert got.examples.height == {QWEN3: 7, QWEN3_THINKING_2507: 3}[family]
    for row in got.examples.iter_rows(named=True):
        tools = json.loads(row["tools"]) if row["tools"] else None
        text = render_chat(row["messages"], tools=tools, family=family)
        want = row["prompt"] + row["completion"]
        if row["thinking"] or family != QWEN3:
            assert text == want
        else:  # the empty trace is printed by the generation prompt, and for a last turn without tools
            prompt = render_chat(
                row["messages"][:-1],
                tools=tools,
                family=family,
                add_generation_prompt=True,
                enable_thinking=False,
            )
            assert row["prompt"] == prompt
            assert text.endswith(row["completion"])


def test_arguments_are_published_as_json_text(tmp_path: Path) -> None:
    """As the template prints them: keys in order, spaces, no escapes."""
    got = Rendered(tmp_path, [AGENT])
    call = got.examples["messages"][0][2]["tool_calls"][0]
    function = {"name": "add", "arguments": '{"y": "中 \\"<b>\\"", "x": [1, 2.0, null, true]}'}
    assert call == {"type": "function", "function": function}
    assert got.examples["tools"][0] == json.dumps([TOOL], ensure_ascii=False)
    assert got.examples["messages"][2][0]["tool_calls"] is None


def test_only_what_is_asked_for_is_rendered(tmp_path: Path) -> None:
    """Other turns and rows are neither rendered nor counted."""
    got = Rendered(tmp_path, [AGENT, PLAIN, LONG], asked=[(0, 5), (2, 3)])
    assert got.index.select("row", "turn", "place").rows() == [(0, 5, 0), (2, 3, 1)]
    assert got.examples["completion"].to_list()[1].endswith("yes<|im_end|>\n")


def test_too_long_turns_are_left_out_whole(tmp_path: Path) -> None:
    """Never cut: a turn beyond the limit is lost with its length, the shorter ones stay."""
    last = {"messages": LONG["messages"][2:] + LONG["messages"][:2]}
    got = Rendered(tmp_path, [LONG, PLAIN, last], max_tokens=100)
    assert got.index.select("row", "turn").rows() == [(1, 1), (2, 1)]
    assert got.lost.select("row", "turn", "reason").rows() == [
        (0, 1, "too_long"),
        (0, 3, "too_long"),
        (2, 3, "too_long"),
    ]
    assert got.lost["detail"][0] == f"{got.lost['tokens'][0]} tokens, at most 100 are allowed"
    assert got.lost["tokens"].min() > 100


def test_the_limit_is_the_longest_example_that_stays(tmp_path: Path) -> None:
    """An example of exactly `max_tokens` tokens is kept; one token more is too long."""
    (size,) = (
        Rendered(tmp_path, [PLAIN]).index.select(pl.col("prompt_tokens") + pl.col("completion_tokens")).row(0)
    )
    for limit, kept in ((size, 1), (size - 1, 0)):
        folder = tmp_path / str(limit)
        folder.mkdir()
        got = Rendered(folder, [PLAIN], max_tokens=limit)
        assert (got.made, got.lost["tokens"].to_list()) == (kept, [size] * (1 - kept))


@pytest.mark.parametrize(
    ("family", "kept", "lost"),
    [(QWEN3_INSTRUCT_2507, [0], [(1, 1)]), (QWEN3_THINKING_2507, [1], [(0, 1), (2, 2)])],
)
def test_a_mode_that_the_template_lacks_is_a_reason(
    tmp_path: Path, family: Family, kept: list[int], lost: list[tuple[int, int]]
) -> None:
    """A trace under the instruct template, or none under the thinking one; all turns that were asked for."""
    rows = [PLAIN, THINKS]
    if family == QWEN3_THINKING_2507:
        rows.append({"messages": [{"role": "system", "content": "s"}, *PLAIN["messages"]]})
    got = Rendered(tmp_path, rows, family=family)
    assert got.index["row"].to_list() == kept
    assert set(got.lost["reason"]) == {"mode_unsupported"}
    assert set(got.lost["tokens"]) == {0}  # there is no text to count
    assert got.lost.select("row", "turn").rows() == lost


def test_a_turn_that_the_template_lacks_costs_itself_alone(tmp_path: Path) -> None:
    """The other turns of its row are examples."""
    mixed = {"messages": [*THINKS["messages"], *PLAIN["messages"]]}
    got = Rendered(tmp_path, [mixed], family=QWEN3_THINKING_2507)
    assert got.index.select("row", "turn").rows() == [(0, 1)]
    assert got.lost.select("row", "turn", "reason").rows() == [(0, 3, "mode_unsupported")]


@pytest.mark.parametrize(
    ("family", "row", "seam"),
    [
        (
            QWEN3_INSTRUCT_2507,
            {"messages": [user(), says(" \nThe Black Sea.")]},
            r"'|>assistant\n' + ' \nThe Black '",
        ),
        (
            QWEN3_THINKING_2507,
            {"messages": [user(), says("The Black Sea.", " \nWhich one?")]},
            r"'ant\n<think>\n' + ' \nWhich one?'",
        ),
    ],
)
def test_a_token_across_the_seam_is_a_reason(
    tmp_path: Path, family: Family, row: dict[str, Any], seam: str
) -> None:
    """No trainer is given such a row; the detail shows the seam, and says what to edit."""
    good = says("The Black Sea.", " Which one?" if family == QWEN3_THINKING_2507 else None)
    got = Rendered(tmp_path, [row, {"messages": [user(), good]}], family=family)
    assert got.index["row"].to_list() == [1]
    way_out = "remove the white space that messages[1] begins with"
    want = (0, 1, "seam", f"a token spans the end of the prompt ({seam}): {way_out}")
    assert got.lost.select("row", "turn", "reason", "detail").rows() == [want]


def test_white_space_that_spans_no_seam_is_kept(tmp_path: Path) -> None:
    """The hybrid template opens a trace in the completion, and no token joins an answer to two breaks."""
    rows = [{"messages": [user(), says(" \na", " \nb")]}, {"messages": [user(), says(" \na")]}]
    got = Rendered(tmp_path, rows)
    assert got.lost.height == 0
    assert [text.partition("a<")[0] for text in got.examples["completion"]] == [
        "<think>\n \nb\n</think>\n\n \n",
        " \n",
    ]


def test_an_answer_to_no_think_learns_its_empty_trace_on_demand(tmp_path: Path) -> None:
    """Its tokens are trained then, none of them counts as a trace, and the example is not a thinking one."""
    row = {"messages": [user("q /no_think"), says("a")]}
    folders = {name: tmp_path / name for name in ("plain", "train")}
    for folder in folders.values():
        folder.mkdir()
    got = {name: Rendered(folder, [row], soft_switch=name) for name, folder in folders.items()}
    asked = render_chat(row["messages"][:1], family=QWEN3, add_generation_prompt=True)
    block = "<think>\n\n</think>\n\n"
    texts = {name: one.examples.select("prompt", "completion").row(0) for name, one in got.items()}
    assert texts == {
        "plain": (asked + block, "a<|im_end|>\n"),
        "train": (asked, f"{block}a<|im_end|>\n"),
    }
    columns = ["thinking", "prompt_tokens", "completion_tokens", "think_tokens"]
    prompt, answer = count_tokens(texts["train"]).tolist()
    assert got["train"].index.select(columns).row(0) == (False, prompt, answer, 0)
    assert got["plain"].index.select(columns).row(0) == (False, prompt + 4, answer - 4, 0)


def test_text_that_does_not_read_back_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the round trip finds is the reason, in its words."""
    monkeypatch.setattr(
        render, "round_trip_problem", lambda messages, *_: messages[0].content == "2+2?" and "odd"
    )
    got = Rendered(tmp_path, [PLAIN, THINKS])
    assert got.index["row"].to_list() == [0]
    assert got.lost.select("row", "reason", "detail").rows() == [(1, "round_trip", "odd")]


def test_the_index_finds_each_example_in_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places run through all batches of rows."""
    monkeypatch.setattr(render, "_AT_ONCE", 3)
    rows = [
        {"messages": [user(f"question {n}"), says(f"answer {n}"), user("more?"), says("no")]}
        for n in range(20)
    ]
    got = Rendered(tmp_path, rows)
    assert got.index["place"].to_list() == list(range(40))
    assert got.index["turn"].to_list() == got.examples["turn"].to_list()
    assert got.index["row"].to_list() == [n for n in range(20) for _ in "ab"]
    sizes = got.examples["prompt"].str.len_bytes() + got.examples["completion"].str.len_bytes()
    assert got.index["text_bytes"].to_list() == sizes.to_list()


def test_long_examples_are_counted_few_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on the characters of prompts and completions sizes each batch, so that memory is bounded."""
    batches: list[int] = []
    counted = render._examples

    def count(drafts: list[Any], *rest: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
        batches.append(len(drafts))
        return counted(drafts, *rest)

    monkeypatch.setattr(render, "_examples", count)
    text = Rendered(tmp_path, [PLAIN]).examples.select(pl.col("prompt") + pl.col("completion")).item()
    for letters, sizes in ((2 * len(text), [2, 2, 1]), (2 * len(text) + 1, [3, 2])):
        folder, batches[:] = tmp_path / str(letters), []
        folder.mkdir()
        monkeypatch.setattr(render, "_LETTERS_AT_ONCE", letters)
        Rendered(folder, [PLAIN] * 5)
        assert batches == sizes


def test_a_turn_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """What was valid when it was judged must be there when it is rendered."""
    with pytest.raises(LedgerError, match="2 examples of s were asked for, 1 found"):
        Rendered(tmp_path, [PLAIN], asked=[(0, 1), (0, 3)])


def test_a_turn_that_is_lost_counts_as_found(tmp_path: Path) -> None:
    """What cannot be an example is accounted for; only the turn that is not there is missing."""
    with pytest.raises(LedgerError, match="2 examples of s were asked for, 1 found"):
        Rendered(tmp_path, [THINKS], asked=[(0, 1), (0, 3)], family=QWEN3_INSTRUCT_2507)


def test_nothing_asked_for_gives_empty_outputs(tmp_path: Path) -> None:
    """No conversations, no examples."""
    got = Rendered(tmp_path, [PLAIN], asked=[])
    assert (got.examples.height, got.index.height, got.lost.height) == (0, 0, 0)


def test_the_index_tells_what_the_audit_shows(tmp_path: Path) -> None:
    """Tokens of the trace alone, and of the whole row its questions, its language and no pass rate."""
    chinese = {"messages": [user("一加一等于几？"), says("等于二。", "一加一是二")]}
    got = Rendered(tmp_path, [AGENT, PLAIN, chinese])
    traces = count_tokens(["\ncall it\n", "\nso\n", "", "", "\n一加一是二\n"]).tolist()
    assert got.index.select("think_tokens", "questions", "language", "pass_rate").rows() == [
        (traces[0], 2, "en", None),
        (traces[1], 2, "en", None),
        (0, 2, "en", None),
        (0, 1, "en", None),
        (traces[4], 1, "zh", None),
    ]


def test_the_language_of_a_row_is_that_of_its_first_question_and_last_answer(tmp_path: Path) -> None:
    """Neither a system prompt nor the turns between tell it, nor does a trace that is not there."""
    english = "the words of another language"
    rows = [
        {"messages": [{"role": "system", "content": english}, user("一加一等于几？"), says("二。")]},
        {"messages": [user("一加一等于几？"), says("等于二。"), user(english), says("等于三。")]},
        {"messages": [user("几？"), says("二。")]},
        {"messages": [user("1+1?"), says("等于二。", "一加一"), user("2+1?"), says("three")]},
    ]
    got = Rendered(tmp_path, rows, asked=[(0, 2), (1, 1), (2, 1), (3, 1)])
    assert got.index["language"].to_list() == ["zh", "zh", "zh", "en"]


def test_the_beginning_of_a_text_tells_its_language(tmp_path: Path) -> None:
    """160 characters of it, and not one more."""
    rows = [{"messages": [user(f"{'1' * before}一"), says("2")]} for before in (159, 160)]
    assert Rendered(tmp_path, rows).index["language"].to_list() == ["zh", "other"]
