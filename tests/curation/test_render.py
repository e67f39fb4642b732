"""From conversations and verdicts to examples, an index, a quarantine and the fate of every row."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation import shards
from curation.dedup import VERDICT_SCHEMA
from curation.mix import INDEX
from curation.normalize import REJECTS, Origin, normalize_slice
from curation.read import RawSlice
from curation.render import EXAMPLES, ROW_FATES, render_slice
from curation.shards import read_groups, write_shard
from schemas.errors import LedgerError
from schemas.ledger import Amount, StageCount
from schemas.recipe import LocalSource, Template
from templates import count_tokens, render_chat

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
    """The four outputs of a run over `rows`."""

    def __init__(
        self,
        folder: Path,
        rows: list[dict[str, Any]],
        *,
        reasons: dict[int, str] | None = None,
        supervise: str = "all",
        template: Template = "qwen3",
        max_tokens: int = 10_000,
    ) -> None:
        source = LocalSource(name="s", format="messages", files=("*",), supervise=supervise)
        path = folder / "f.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        origin = Origin(source, "d", "r", "f.jsonl")
        piece = RawSlice(file="f.jsonl", path=path, sha256="0" * 64)
        normalize_slice(piece, origin=origin, max_row_bytes=100_000, out=folder)
        self.conversations = folder / "conversations.parquet"
        ids = pl.read_parquet(self.conversations)["id"].to_list()
        verdicts = [
            {
                "id": id_,
                "cluster": id_,
                "cluster_size": 1,
                "reason": (reasons or {}).get(place),
                "winner": "w" if place in (reasons or {}) else None,
                "similarity": 0.9 if place in (reasons or {}) else None,
            }
            for place, id_ in enumerate(ids)
        ]
        write_shard(folder / "verdicts.parquet", pl.DataFrame(verdicts, schema=VERDICT_SCHEMA, orient="row"))
        self.out = folder / "out"
        self.out.mkdir()
        self.count: StageCount = render_slice(
            self.conversations,
            folder / "verdicts.parquet",
            source=source,
            template=template,
            max_tokens=max_tokens,
            shard=5,
            out=self.out,
        ).check()
        self.examples, self.index, self.rejects, self.fates = (
            pl.read_parquet(self.out / f"{name}.parquet")
            for name in ("examples", "index", "rejects", "fates")
        )


def test_every_assistant_turn_is_an_example(tmp_path: Path) -> None:
    """One example per supervised turn, named by conversation and turn, counted with the real tokenizer."""
    got = Rendered(tmp_path, [AGENT, PLAIN])
    frames = (got.examples, got.index, got.rejects, got.fates)
    assert [frame.schema for frame in frames] == [EXAMPLES, INDEX, REJECTS, ROW_FATES]
    owner = got.examples["conversation_id"][0]
    assert got.examples["turn"].to_list() == [2, 5, 7, 1]
    assert got.examples["thinking"].to_list() == [True, True, False, False]
    assert got.examples["id"].to_list()[:3] == [f"{owner}-2", f"{owner}-5", f"{owner}-7"]
    assert got.examples["prompt_tokens"].to_list() == count_tokens(got.examples["prompt"].to_list()).tolist()
    assert (
        got.examples["completion_tokens"].to_list()
        == count_tokens(got.examples["completion"].to_list()).tolist()
    )
    assert got.fates["examples"].to_list() == [3, 1]
    assert got.fates["stage"].to_list() == [None, None]


def test_only_the_last_turn_is_learned_if_the_source_says_so(tmp_path: Path) -> None:
    """`supervise: last` makes one example a conversation."""
    assert Rendered(tmp_path, [AGENT, PLAIN], supervise="last").examples["turn"].to_list() == [7, 1]


@pytest.mark.parametrize("template", ["qwen3", "qwen3-thinking-2507"])
def test_published_messages_render_to_prompt_and_completion(tmp_path: Path, template: Template) -> None:
    """Messages and tools as they are published give the very text that is trained on, turn by turn."""
    got = Rendered(tmp_path, [AGENT, PLAIN, THINKS, LONG], template=template)
    assert got.examples.height == {"qwen3": 7, "qwen3-thinking-2507": 1}[template]
    for row in got.examples.iter_rows(named=True):
        tools = json.loads(row["tools"]) if row["tools"] else None
        text = render_chat(row["messages"], tools=tools, template=template)
        want = row["prompt"] + row["completion"]
        if row["thinking"] or template != "qwen3":
            assert text == want
        else:  # the empty trace is printed by the generation prompt, and for a last turn without tools
            prompt = render_chat(
                row["messages"][:-1],
                tools=tools,
                template=template,
                add_generation_prompt=True,
                enable_thinking=False,
            )
            assert row["prompt"] == prompt
            assert text.endswith(row["completion"])


def test_arguments_are_published_as_json_text(tmp_path: Path) -> None:
    """As the template prints them: keys in order, spaces, no escapes."""
    got = Rendered(tmp_path, [AGENT])
    call = got.examples["messages"][0][2]["tool_calls"][0]["function"]
    assert call == {"name": "add", "arguments": '{"y": "中 \\"<b>\\"", "x": [1, 2.0, null, true]}'}
    assert got.examples["tools"][0] == json.dumps([TOOL], ensure_ascii=False)
    assert got.examples["messages"][2][0]["tool_calls"] is None


def test_too_long_turns_are_left_out_whole(tmp_path: Path) -> None:
    """A conversation keeps its shorter turns; one without any is dropped with the reason and quarantined."""
    got = Rendered(tmp_path, [LONG, PLAIN, {"messages": LONG["messages"][:2]}], max_tokens=100)
    assert got.examples["conversation_id"].to_list() == [got.fates["id"][1]]
    assert got.fates["reason"].to_list() == ["too_long", None, "too_long"]
    assert got.fates["stage"].to_list() == ["render", None, "render"]
    assert got.rejects["row"].to_list() == [0, 2]
    assert "tokens, at most 100 are allowed" in got.rejects["detail"][0]
    got = Rendered(
        tmp_path_of(tmp_path), [{"messages": LONG["messages"][2:] + LONG["messages"][:2]}], max_tokens=100
    )
    assert (got.examples["turn"].to_list(), got.fates["reason"].to_list()) == ([1], [None])
    assert got.count.dropped["too_long"].rows == 0
    assert got.count.dropped["too_long"].examples == 1


def tmp_path_of(path: Path) -> Path:
    inner = path / "again"
    inner.mkdir()
    return inner


def test_a_mode_that_the_template_lacks_is_a_reason(tmp_path: Path) -> None:
    """A trace under the instruct template, or none under the thinking one."""
    got = Rendered(tmp_path, [PLAIN, THINKS], template="qwen3-instruct-2507")
    assert got.fates["reason"].to_list() == [None, "mode_unsupported"]
    got = Rendered(tmp_path_of(tmp_path), [PLAIN, THINKS], template="qwen3-thinking-2507")
    assert got.fates["reason"].to_list() == ["mode_unsupported", None]


def test_duplicates_are_quarantined_and_capped_solutions_only_listed(tmp_path: Path) -> None:
    """What dedup dropped is kept whole; a row beyond the cap is a good row and only has its fate."""
    got = Rendered(tmp_path, [AGENT, PLAIN, THINKS], reasons={0: "near_dup", 1: "solution_cap"})
    assert got.fates.select("row", "stage", "reason", "winner", "examples").rows() == [
        (0, "dedup", "near_dup", "w", 0),
        (1, "dedup", "solution_cap", "w", 0),
        (2, None, None, None, 1),
    ]
    assert got.rejects.select("row", "reason").rows() == [(0, "near_dup")]
    content = json.loads(got.rejects["content"][0])
    assert [message["role"] for message in content["messages"]] == [m["role"] for m in AGENT["messages"]]
    assert json.loads(content["tools"][0]) == TOOL
    assert json.loads(content["metadata"]) == {"note": "n"}


def test_the_stage_counts_rows_and_examples_apart(tmp_path: Path) -> None:
    """Rows that dedup dropped are not read here; a lost turn is a lost example, not a lost row."""
    got = Rendered(tmp_path, [AGENT, PLAIN, LONG], reasons={0: "near_dup"}, max_tokens=100)
    text = got.fates["text_bytes"].to_list()
    assert got.count.read.model_dump(exclude={"tokens"}) == {
        "rows": 2,
        "messages": 6,
        "text_bytes": text[1] + text[2],
        "examples": 3,
    }
    tokens = int(got.index.select(pl.col("prompt_tokens") + pl.col("completion_tokens")).sum().item())
    assert got.count.kept == Amount(rows=1, messages=2, text_bytes=text[1], examples=1, tokens=tokens)


def test_the_index_finds_each_example_in_its_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions run through all row groups of the shard."""
    monkeypatch.setattr(shards, "GROUP_BYTES", 300)
    rows = [
        {"messages": [user(f"question {n}"), says(f"answer {n}"), user("more?"), says("no")]}
        for n in range(20)
    ]
    got = Rendered(tmp_path, rows, reasons={3: "near_dup"})
    groups = list(read_groups(got.conversations))
    assert len(groups) > 5
    assert got.index["row"].to_list() == list(range(38))
    assert set(got.index["shard"]) == {5}
    assert (
        got.index.select("conversation_id", "turn").rows()
        == got.examples.select("conversation_id", "turn").rows()
    )
    sizes = got.examples["prompt"].str.len_bytes() + got.examples["completion"].str.len_bytes()
    assert got.index["text_bytes"].to_list() == sizes.to_list()
    assert got.fates["row"].to_list() == list(range(20))
    assert got.index["cluster"].to_list() == got.index["conversation_id"].to_list()


def test_two_rows_of_one_id_keep_their_fates_apart(tmp_path: Path) -> None:
    """Exact duplicates share an id; only the one that stays has examples."""
    got = Rendered(tmp_path, [PLAIN, PLAIN, THINKS], reasons={0: "exact_dup"})
    assert got.fates.select("row", "reason", "examples").rows() == [
        (0, "exact_dup", 0),
        (1, None, 1),
        (2, None, 1),
    ]
    assert got.examples["id"].is_unique().all()


def test_verdicts_of_other_rows_are_refused(tmp_path: Path) -> None:
    """A missing or shifted verdict would silently keep a duplicate."""
    got = Rendered(tmp_path, [PLAIN, THINKS])
    verdicts = pl.read_parquet(tmp_path / "verdicts.parquet")
    for wrong in (verdicts.head(1), verdicts.reverse()):
        write_shard(tmp_path / "verdicts.parquet", wrong)
        with pytest.raises(LedgerError, match="not about these conversations"):
            render_slice(
                got.conversations,
                tmp_path / "verdicts.parquet",
                source=LocalSource(name="s", format="messages", files=("*",)),
                template="qwen3",
                max_tokens=100,
                shard=0,
                out=got.out,
            )
    assert list(got.out.iterdir()) == []


def test_an_empty_shard_gives_empty_outputs(tmp_path: Path) -> None:
    """No conversations, no examples, nothing counted."""
    got = Rendered(tmp_path, [])
    assert (got.examples.height, got.fates.height, got.count.read) == (0, 0, Amount())
