"""Every raw row ends as a conversation or as a reason, and costs nothing but itself."""

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read import read
from thinkmix.curation.read.read import RawRow, RawSlice, raw_json, read_rows, slices
from thinkmix.curation.tables import KEYS, REJECTS
from thinkmix.curation.validate import rowwise
from thinkmix.curation.validate.compared import comparison_text, preamble_of
from thinkmix.curation.validate.learned import TAG_BYTES
from thinkmix.curation.validate.reading import Reopened, reopen
from thinkmix.curation.validate.rowwise import Judged, Origin, judge, validate_slice
from thinkmix.curation.validate.settings import LIMITS, Limits
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.schemas.conversation import Conversation, Message
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.findings import Finding
from thinkmix.schemas.ledger import Amount, StageCount
from thinkmix.schemas.reasons import Reason

SHARED = (Path(__file__).parents[3] / "../shared").resolve()
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the shared real data is not beside the checkout"
)

LIMIT = 5_000
Row = dict[str, Any]


def source(format: object = "messages", **settings: Any) -> LocalSource:
    return LocalSource(name="s", format=format, files=("*",), **settings)


def judged(row: Row, format: object = "messages", **settings: Any) -> Judged:
    origin = Origin(source(format, **settings), "f.jsonl")
    return judge(RawRow(7, row, None, ""), origin=origin, max_row_bytes=LIMIT)


def math(solution: object = "<think>\nhm\n</think>\n\n4", problem: object = "2+2?", **more: object) -> Row:
    return {"problem": problem, "generated_solution": solution, **more}


def gpt(answer: object = "a", question: object = "q", **more: object) -> Row:
    return {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}], **more}


def alpaca(output: object = "a", instruction: object = "q", **more: object) -> Row:
    return {"instruction": instruction, "output": output, **more}


def chat(content: object = "a", question: object = "q", **more: object) -> Row:
    user = {"role": "user", "content": question}
    return {"messages": [user, {"role": "assistant", "content": content}], **more}


def says(*turns: tuple[str, str]) -> Row:
    return {"conversations": [{"from": speaker, "value": value} for speaker, value in turns]}


def turns(*said: tuple[str, str]) -> Row:
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def marked(**mark: object) -> Row:
    row = chat()
    row["messages"][1].update(mark)
    return row


def calls(call: object) -> Row:
    row = chat("")
    row["messages"][1]["tool_calls"] = [call]
    return row


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


ROWS = {"openmathreasoning": math, "sharegpt": gpt, "alpaca": alpaca, "messages": chat}

TEXTS = {
    "control_char": "a\x07b",
    "noncharacter": "a\ufdd0b",
    "bidi_control": "a\u202eb",
    "control_token": "a<|im_start|>b",
    "lone_surrogate": "a\ud800b",
    "empty_turn": " \n",
    "too_big": "x" * (LIMIT + 1),
    "think_unclosed": "<think>a",
    "think_unopened": "a</think>b",
    "think_repeated": "<think>a</think>b<think>c</think>",
    "think_nested": "<think>a<think>b</think>c",
    "think_not_first": "a<think>b</think>c",
    "think_foreign_tag": "<Thought>a</Thought>b",
    "think_no_answer": "<think>a</think>",
}

CASES = [
    *((name, make(text), reason) for name, make in ROWS.items() for reason, text in TEXTS.items()),
    *((name, make(value), "wrong_type") for name, make in ROWS.items() for value in (5, b"x", [1], {})),
    *((name, make(None), "wrong_type") for name, make in ROWS.items()),
    *((name, {}, "wrong_type") for name in ROWS),
    ("sharegpt", says(("human", "q"), ("oracle", "a")), "role_unknown"),
    ("sharegpt", says(("gpt", "a")), "role_order"),
    ("sharegpt", says(("human", "q"), ("gpt", "a"), ("gpt", "a")), "role_order"),
    ("sharegpt", says(("human", "q"), ("observation", "r"), ("gpt", "a")), "role_order"),
    ("sharegpt", says(("human", "q")), "no_final_assistant"),
    ("sharegpt", says(), "no_final_assistant"),
    ("sharegpt", says(("human", "q"), ("function_call", "f(x)")), "tool_call_invalid"),
    ("sharegpt", says(("human", "q"), ("function_call", "[]")), "tool_call_invalid"),
    (
        "sharegpt",
        says(("human", "q"), ("function_call", '{"name": "f", "arguments": [1]}')),
        "tool_call_invalid",
    ),
    (
        "sharegpt",
        says(("human", "q"), ("function_call", '{"name": "", "arguments": {}}')),
        "tool_call_invalid",
    ),
    (
        "sharegpt",
        says(("human", "q"), ("function_call", '{"name": "f", "arguments": {"x": NaN}}')),
        "tool_call_invalid",
    ),
    ("sharegpt", says(("human", "q"), ("function_call", "[" * 20_000)), "too_big"),
    ("alpaca", alpaca(history=[["q", "a"]] * 500), "too_many_turns"),
    ("sharegpt", says(("human", "q"), ("function_call", "[" * 2_000 + "]" * 2_000)), "too_deep"),
    ("sharegpt", says(("human", "q"), ("function_call", "[" * 70 + "]" * 70)), "too_deep"),
    ("sharegpt", gpt(tools="not json"), "tools_invalid"),
    ("sharegpt", gpt(tools="[1]"), "tools_invalid"),
    ("sharegpt", gpt(tools="[{}]"), "tools_invalid"),
    ("sharegpt", gpt(tools=7), "tools_invalid"),
    ("sharegpt", {"conversations": '[{"value": "q"}]'}, "wrong_type"),
    ("sharegpt", {"conversations": "no JSON"}, "wrong_type"),
    ("sharegpt", gpt(system=["s"]), "wrong_type"),
    ("messages", marked(weight=0.5), "weight_fractional"),
    ("messages", marked(weight=0), "all_context"),
    ("alpaca", alpaca(history=[["q"]]), "wrong_type"),
    ("alpaca", alpaca(history="q"), "wrong_type"),
    ("alpaca", alpaca(history=[["q", " "]]), "empty_turn"),
    ("messages", turns(("robot", "q")), "role_unknown"),
    ("messages", turns(("user", "q")), "no_final_assistant"),
    ("messages", calls("f(x)"), "tool_call_invalid"),
    ("messages", calls({"name": "f", "arguments": {"x": 2**70}}), "wrong_type"),
    ("messages", calls({"name": "f", "arguments": {"x": {1: 2}}}), "wrong_type"),
    ("messages", calls({"name": "f", "arguments": {"x": datetime(2025, 1, 1)}}), "wrong_type"),
    ("messages", calls({"name": "f", "arguments": {"x": "</tool_call>"}}), "control_token"),
    ("messages", calls({"name": "f" * 300, "arguments": {}}), "wrong_type"),
    *(
        ("messages", calls({"name": name, "arguments": {}}), "tool_call_invalid")
        for name in ('f"', 'f", "g": "', "f\\", "f\n", "f\t")
    ),
    ("messages", calls({"name": "f", "arguments": '{"x": "\\ud800"}'}), "lone_surrogate"),
    ("messages", calls({"name": "f", "arguments": '{"x": 123456789012345678901}'}), "wrong_type"),
    ("messages", chat(tools=[{"a": nested(70)}]), "too_deep"),
    ("messages", chat(tools="[" * 70 + "]" * 70), "too_deep"),
    ("messages", chat([{"type": "image", "url": "x"}]), "wrong_type"),
    ("messages", chat(image="1.jpg"), "media"),
    ("messages", chat(question=None), "prompt_withheld"),
]


@pytest.mark.parametrize(("format", "row", "reason"), CASES)
def test_each_reason_is_reached_in_each_format(format: str, row: Row, reason: str) -> None:
    """One literal row per format and reason."""
    got = judged(row, format)
    assert (got.reason, got.conversation) == (Reason(reason), None)
    assert got.detail


@pytest.mark.parametrize(("name", "make"), ROWS.items())
def test_thinking_is_required_allowed_or_forbidden(name: str, make: Any) -> None:
    """The recipe says whether a trace must be there, may, or must not."""
    thought, plain = make("<think>\nhm\n</think>\n\n4"), make("4")
    seen = [
        judged(row, name, thinking=thinking).reason
        for thinking in ("required", "allowed", "forbidden")
        for row in (thought, plain)
    ]
    assert seen == [None, "think_missing", None, None, "think_unexpected", None]


def test_reasons_of_validation_are_all_in_the_tables() -> None:
    """A new reason without a row that shows it fails here."""
    beside = {"think_missing", "think_unexpected", "bad_json", "bad_csv", "prompts_too_big", "worker_killed"}
    shown = {reason for _, _, reason in CASES} | beside
    later = {
        "eval_overlap",
        "exact_dup",
        "near_dup",
        "solution_cap",
        "mode_unsupported",
        "round_trip",
        "seam",
        "too_long",
        "not_selected",
        "not_sampled",
    }
    assert shown == {reason.value for reason in Reason} - later


def test_a_good_row_becomes_a_conversation_that_knows_its_origin() -> None:
    """Messages, lineage, quality, solver and id, and how much text it was."""
    row = math(problem_type="has_answer_extracted", generation_model="QwQ", pass_rate_72b_tir="0.5")
    got = judged(row, "openmathreasoning").conversation
    assert got is not None
    assert [message.model_dump(exclude_defaults=True) for message in got.messages] == [
        {"role": "user", "content": "2+2?"},
        {"role": "assistant", "content": "4", "reasoning": "hm"},
    ]
    assert got.lineage.model_dump() == {"file": "f.jsonl", "row": 7}
    assert (got.source, got.quality, got.solver) == ("s", 1.0, "QwQ")


@pytest.mark.parametrize(
    "meta",
    [datetime(2025, 1, 2), Decimal("1.50"), float("nan"), b"x", {(1, 2): 3}, 2**70, "\ud800", nested(70)],
)
@pytest.mark.parametrize(("name", "make"), ROWS.items())
def test_a_column_that_nobody_reads_costs_no_row(name: str, make: Any, meta: object) -> None:
    """Whatever stands in it, it is not trained on."""
    assert judged(make(meta=meta), name).reason is None


@pytest.mark.parametrize("score", ["4.5", "high", True, [1]])
@pytest.mark.parametrize("name", ["sharegpt", "alpaca", "messages"])
def test_a_score_that_is_not_a_number_is_counted(name: str, score: object) -> None:
    """The row has no quality then, and stays."""
    got = judged(ROWS[name](score=score), name)
    assert got.conversation is not None
    assert (got.conversation.quality, got.notes.found) == (None, {Finding.SCORE_UNUSABLE: 1})


def test_ids_depend_on_source_and_content_alone() -> None:
    """Not on the row's place, its metadata, or how a format spells the same conversation."""
    one = judged(chat("<think>a</think>b")).conversation
    row = {
        "conversations": [{"from": "user", "value": "q"}, {"from": "gpt", "value": "<think>\na\n</think>\nb"}]
    }
    origin = Origin(source("sharegpt"), "other")
    two = judge(RawRow(99, {**row, "x": 1}, None, ""), origin=origin, max_row_bytes=LIMIT).conversation
    assert one is not None
    assert two is not None
    assert one.id == two.id
    assert one.lineage != two.lineage


def test_text_is_measured_in_bytes_of_all_strings() -> None:
    """Keys and numbers do not count; binaries, nested text and surrogates do."""
    assert (
        rowwise.text_bytes({"key": ["é", {"k": "中"}], "n": 5, "b": b"12", "t": ("a", None), "s": "\ud800"})
        == 11
    )


@pytest.mark.parametrize(
    ("compare", "want"),
    [
        ("dialogue", "a\nr\nb\nc\nd"),
        ("first_user", "a"),
        ("user_turns", "a\nc"),
        ("conversation", "s\na\nr\nb\nc\nd"),
    ],
)
def test_the_recipe_says_what_is_compared(compare: Any, want: str) -> None:
    """All turns, the first question, all questions, or everything that was said."""
    said = [("user", "a"), ("assistant", "<think>r</think>b"), ("user", "c"), ("assistant", "d")]
    got = judged(turns(("system", "s"), *said))
    assert got.conversation is not None
    assert comparison_text(got.conversation.messages, compare) == want


def test_a_conversation_with_one_question_is_judged_by_that() -> None:
    """Its answers are ways to answer the question, and the better one stays."""
    got = judged(turns(("system", "s"), ("user", "a"), ("assistant", "<think>r</think>b")))
    assert got.conversation is not None
    assert comparison_text(got.conversation.messages, "dialogue") == "a"


@pytest.mark.parametrize(
    ("compare", "apart"),
    [("dialogue", True), ("first_user", False), ("user_turns", False), ("conversation", True)],
)
def test_system_prompts_and_tools_tell_rows_apart(compare: Any, apart: bool) -> None:
    """Where they are looked at: other prompts, other tools, and none of either."""
    rows = [
        (["s"], [{"name": "t"}]),
        (["s"], [{"name": "u"}]),
        (["s"], []),
        (["other"], []),
        ([], [{"name": "t"}]),
        ([], []),
    ]
    found = [
        preamble_of([Message(role="system", content=text) for text in prompts], tools, compare)
        for prompts, tools in rows
    ]
    assert len(set(found)) == (len(rows) if apart else 1)
    assert found[-1] is None


def test_one_system_prompt_in_two_normal_forms_is_one() -> None:
    """As for exact duplicates, and as the tokenizer reads it."""
    composed, parted = (Message(role="system", content=text) for text in ("\u00e9", "e\u0301"))
    assert preamble_of([composed], [], "dialogue") == preamble_of([parted], [], "dialogue")


# --- whole slices


def write_lines(tmp_path: Path, lines: list[bytes]) -> RawSlice:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return RawSlice(file="f.jsonl", content=Blob(path, "0" * 64))


def run(piece: RawSlice, out: Path, **settings: Any) -> StageCount:
    out.mkdir(exist_ok=True)
    origin = Origin(source(**settings), piece.file)
    return validate_slice(piece, origin=origin, max_row_bytes=LIMIT, out=out).rows


def line(row: Row) -> bytes:
    return json.dumps(row).encode()


def is_json(row: Row) -> bool:
    try:
        return json.loads(json.dumps(row)) == row
    except TypeError:
        return False


EVIL_LINES = [
    (b'{"messages": [', "bad_json"),
    (b'{"messages": nan}', "bad_json"),
    (b'{"messages": NaN}', "wrong_type"),
    (b"\xff\xfe{}", "bad_json"),
    (b"[]", "wrong_type"),
    (b"{}", "wrong_type"),
    (
        rb'{"messages": [{"role": "user", "content": "\ud800"}, {"role": "assistant", "content": "a"}]}',
        "lone_surrogate",
    ),
    (b'{"messages": ' + b"[" * 9_000 + b"]" * 9_000 + b"}", "too_deep"),
    (b'{"messages": ' + b"[" * 1_010 + b"1" * 25 + b"]" * 1_010 + b"}", "too_deep"),
    (b'{"messages": "' + b"x" * 100_000 + b'"}', "too_big"),
    *(
        (line(row), reason)
        for format, row, reason in CASES
        if format == "messages" and reason != "lone_surrogate" and is_json(row)
    ),
]


@pytest.mark.acceptance("A9")
def test_one_evil_row_of_each_kind_costs_exactly_itself(tmp_path: Path) -> None:
    """Dozens of good rows with an evil one among them lose that one, whatever is wrong with it."""
    assert len(EVIL_LINES) >= 30
    good = [line(chat(f"answer {n}", f"question {n}")) for n in range(40)]
    for number, (evil, reason) in enumerate(EVIL_LINES):
        place = number % len(good)
        out = tmp_path / str(number)
        count = run(write_lines(tmp_path, [*good[:place], evil, *good[place:]]), out)
        assert (count.kept.rows, {k: v.rows for k, v in count.dropped.items()}) == (40, {reason: 1}), evil[
            :80
        ]
        rejects = pl.read_parquet(out / "rejects.parquet")
        assert rejects.select("row", "reason").rows() == [(place, reason)]


@pytest.mark.acceptance("A9")
@pytest.mark.deep
def test_one_evil_row_of_each_kind_among_ten_thousand(tmp_path: Path) -> None:
    """The same among 10,000 good rows: 10,000 are kept and one is in quarantine, for each kind."""
    good = [line(chat(f"answer {n}", f"question {n}")) for n in range(10_000)]
    for number, (evil, reason) in enumerate(EVIL_LINES):
        place = number * 317 % len(good)
        count = run(write_lines(tmp_path, [*good[:place], evil, *good[place:]]), tmp_path / "out")
        assert (count.kept.rows, {k: v.rows for k, v in count.dropped.items()}) == (10_000, {reason: 1})


@pytest.mark.acceptance("A9")
def test_all_evil_rows_together_are_told_apart(tmp_path: Path) -> None:
    """Ledger, quarantine and what is kept agree on every row of a file full of dirt."""
    lines = [
        part for number, (evil, _) in enumerate(EVIL_LINES) for part in (line(chat(f"a {number}")), evil)
    ]
    count = run(write_lines(tmp_path, lines), tmp_path / "out").check()
    assert count.read.rows == 2 * len(EVIL_LINES)
    assert {k: v.rows for k, v in count.dropped.items()} == Counter(reason for _, reason in EVIL_LINES)
    frames = {name: pl.read_parquet(tmp_path / f"out/{name}.parquet") for name in ("keys", "rejects")}
    assert [frame.schema for frame in frames.values()] == [KEYS, REJECTS]
    assert frames["rejects"]["row"].to_list() == list(range(1, 2 * len(EVIL_LINES), 2))
    assert frames["keys"]["row"].to_list() == list(range(0, 2 * len(EVIL_LINES), 2))
    assert frames["rejects"]["content"].str.len_bytes().min() > 1


def test_a_rejected_row_is_kept_as_it_was(tmp_path: Path) -> None:
    """Quarantine holds the raw row, so that a person can see and mend it."""
    row = {**chat("<think>a"), "other": [1, {"x": "中"}]}
    run(write_lines(tmp_path, [line(row), b'{"broken": '.ljust(40)]), tmp_path / "out")
    contents = pl.read_parquet(tmp_path / "out/rejects.parquet")["content"].to_list()
    assert json.loads(contents[0]) == row
    assert contents[1].strip() == '{"broken":'


def test_keys_hold_what_duplicates_are_judged_by(tmp_path: Path) -> None:
    """One key a conversation, with the source's policy beside it."""
    run(
        write_lines(tmp_path, [line(chat())]),
        tmp_path / "out",
        priority=3,
        max_solutions_per_problem=4,
        compare="conversation",
    )
    key = pl.read_parquet(tmp_path / "out/keys.parquet").row(0, named=True)
    assert len(key.pop("content_key")) == 64
    assert len(key.pop("id")) == 32
    assert key == {
        "source": "s",
        "text": "q\na",
        "priority": 3,
        "quality": None,
        "solver": None,
        "answer": None,
        "preamble": None,
        "cap": 4,
        "file": "f.jsonl",
        "row": 0,
        "messages": 2,
        "text_bytes": 2 + len("userassistant"),
        "turns": [1],
    }


def test_keys_tell_the_turns_of_the_assistant(tmp_path: Path) -> None:
    """Positions among the messages of the conversation, calls included."""
    run(write_lines(tmp_path, [line(row) for _, row in GOOD_ROWS[3:]]), tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out/keys.parquet")["turns"].to_list() == [[2, 4]]


def test_memory_is_bounded_by_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large rows are written in smaller batches, and the files are the same bytes."""
    piece = write_lines(tmp_path, [line(chat(f"{n} {'x' * 500}")) for n in range(50)])
    run(piece, tmp_path / "one")
    monkeypatch.setattr(rowwise, "_BATCH_BYTES", 1_000)
    origin = Origin(source(), "f.jsonl")
    batches = rowwise._frames((judged(chat("x" * 500)) for _ in range(5)), origin)
    assert [kept.height for kept, _ in batches] == [2, 2, 1]
    run(piece, tmp_path / "two")
    for name in ("keys", "rejects"):
        one, two = (tmp_path / f"{half}/{name}.parquet" for half in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_a_parquet_file_with_odd_columns_is_read(tmp_path: Path) -> None:
    """Dates, decimals, lists and structs beside the turns are unread fields."""
    table = pa.table(
        {
            "instruction": ["q1", "q2"],
            "output": ["a1", None],
            "when": pa.array([0, 1], pa.timestamp("ns")),
            "price": pa.array([Decimal("1.5"), None], pa.decimal128(5, 2)),
            "vector": [[1.0, float("nan")], []],
        }
    )
    pq.write_table(table, tmp_path / "f.parquet")
    piece = slices("f.parquet", Blob(tmp_path / "f.parquet", "0" * 64))[0]
    count = run(piece, tmp_path / "out", format="alpaca")
    assert (count.kept.rows, list(count.dropped)) == (1, ["wrong_type"])
    origin = Origin(source("alpaca"), "f")
    row = next(read_rows(piece, max_row_bytes=LIMIT))
    good = judge(row, origin=origin, max_row_bytes=LIMIT)
    assert good.conversation is not None
    assert {field.path for field in good.notes.tally().unread} == {"when", "price", "vector"}


def test_a_file_with_fewer_rows_than_promised_is_refused(tmp_path: Path) -> None:
    """The footer's count is checked, and nothing is left behind."""
    piece = write_lines(tmp_path, [line(chat())]).model_copy(update={"rows": 2})
    with pytest.raises(SourceError, match=r"f\.jsonl: 1 rows where the footer promises 2"):
        run(piece, tmp_path / "out")


def test_no_shard_is_left_of_a_file_that_breaks_off(tmp_path: Path) -> None:
    """A packed file cut short leaves no valid shard with a part of its rows."""
    (tmp_path / "f.jsonl.gz").write_bytes(b"\x1f\x8b\x08")
    piece = RawSlice(file="f.jsonl.gz", content=Blob(tmp_path / "f.jsonl.gz", "0" * 64))
    with pytest.raises(SourceError):
        run(piece, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_without_rows_gives_empty_shards(tmp_path: Path) -> None:
    """Nothing read is nothing kept, and the schemas are there."""
    count = run(write_lines(tmp_path, []), tmp_path / "out")
    assert count.read == Amount()
    assert pl.read_parquet_schema(tmp_path / "out/keys.parquet") == KEYS
    assert pl.read_parquet_schema(tmp_path / "out/rejects.parquet") == REJECTS


# --- rows that are opened again


def opened(piece: RawSlice, rows: list[int], format: object = "messages") -> list[Reopened]:
    origin = Origin(source(format), piece.file)
    return list(reopen(piece, np.array(rows, np.int64), reading=origin, max_row_bytes=LIMIT))


@pytest.mark.parametrize("rows", [[], [0], [2, 3], [0, 9], [4, 5, 6, 7, 8]])
def test_reopened_rows_are_the_rows_that_were_judged(tmp_path: Path, rows: list[int]) -> None:
    """From lines, an array and tables alike: exactly the rows wanted, as they were judged the first time."""
    talks = [gpt(f"answer {n}", f"question {n}") if n != 5 else gpt("") for n in range(10)]
    (tmp_path / "f.jsonl").write_text("\n\n".join(map(json.dumps, talks)))
    (tmp_path / "f.json").write_text(json.dumps(talks))
    pq.write_table(pa.Table.from_pylist(talks), tmp_path / "f.parquet", row_group_size=3)
    for name in ("f.jsonl", "f.json", "f.parquet"):
        (piece,) = slices(name, Blob(tmp_path / name, "0" * 64))
        origin = Origin(source("sharegpt"), name)
        want = [
            judge(row, origin=origin, max_row_bytes=LIMIT) for row in read_rows(piece, max_row_bytes=LIMIT)
        ]
        assert [item.reason for item in want] == [None] * 5 + ["empty_turn"] + [None] * 4
        if 5 in rows:
            with pytest.raises(SourceError, match="row 5 was valid before and no longer is"):
                opened(piece, [5], "messages")
            rows = [row for row in rows if row != 5]
        assert opened(piece, rows, "sharegpt") == [again(want[row]) for row in rows]


def again(item: Judged) -> Reopened:
    """Return what is read again of a valid row."""
    found = item.conversation
    assert found is not None
    return Reopened(item.row.number, found.id, found.messages, found.tools)


ANSWERS = [
    "plain",
    "\n\nafter breaks\n",
    "<think>\nwhy\n</think>\n\nso",
    " \n<think> \n</think>\n\nempty trace",
    "<think>a\n\n</think>b",
    "中文 e\u0301",
]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("format", ["messages", "sharegpt", "openmathreasoning", "alpaca"])
def test_a_row_read_again_is_what_was_judged(tmp_path: Path, answer: str, format: str) -> None:
    """Without its checks a row says the same, in every format: seams trimmed, traces apart, the same id."""
    asked = "\nquestion\n"
    row = {
        "messages": {
            "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        },
        "sharegpt": {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]},
        "openmathreasoning": {"problem": asked, "generated_solution": answer},
        "alpaca": {"instruction": asked, "output": answer, "system": "s", "history": [["a", "b"]]},
    }[format]
    (tmp_path / "f.jsonl").write_text(json.dumps(row))
    (piece,) = slices("f.jsonl", Blob(tmp_path / "f.jsonl", "0" * 64))
    assert opened(piece, [0], format) == [again(judged_as_0(row, format))]


def judged_as_0(row: Row, format: str) -> Judged:
    origin = Origin(source(format), "f.jsonl")
    return judge(RawRow(0, row, None, ""), origin=origin, max_row_bytes=LIMIT)


def test_reopening_decodes_no_row_that_is_not_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups and batches without a wanted row are passed over, and rows become objects one by one."""
    monkeypatch.setattr(read, "SLICE_ROWS", 60)
    monkeypatch.setattr(read, "BATCH_ROWS", 5)
    talks = [gpt(f"answer {n}") for n in range(100)]
    pq.write_table(pa.Table.from_pylist(talks), tmp_path / "f.parquet", row_group_size=20)
    first, second = slices("f.parquet", Blob(tmp_path / "f.parquet", "0" * 64))
    batches = list(read.read_batches(second, np.array([63, 82, 84])))
    assert [(batch.first, batch.columns.num_rows) for batch in batches] == [(60, 5), (80, 5)]
    assert [item.row for item in opened(second, [63, 82, 84], "sharegpt")] == [63, 82, 84]
    assert [item.row for item in opened(first, [59], "sharegpt")] == [59]


@pytest.mark.parametrize("name", ["f.jsonl", "f.parquet"])
@pytest.mark.parametrize("rows", [[2], [0, 1, 2], [0, 500]])
def test_a_row_that_is_not_there_is_an_error(tmp_path: Path, name: str, rows: list[int]) -> None:
    """A row beyond the end of the file is not silently left out."""
    talks = [gpt("a"), gpt("b")]
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, talks)))
    pq.write_table(pa.Table.from_pylist(talks), tmp_path / "f.parquet")
    (piece,) = slices(name, Blob(tmp_path / name, "0" * 64))
    with pytest.raises(SourceError, match=rf"{name}.*only {len(rows) - 1} of {len(rows)} wanted rows"):
        opened(piece, rows, "sharegpt")


def test_a_row_of_another_slice_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice holds its own rows only."""
    monkeypatch.setattr(read, "SLICE_ROWS", 3)
    pq.write_table(pa.Table.from_pylist([gpt("a")] * 6), tmp_path / "f.parquet", row_group_size=3)
    _, second = slices("f.parquet", Blob(tmp_path / "f.parquet", "0" * 64))
    with pytest.raises(SourceError, match="only 1 of 2"):
        opened(second, [2, 3], "sharegpt")


@pytest.mark.parametrize(
    ("row", "want"),
    [
        (RawRow(0, {}, None, '{"broken": '), '{"broken": '),
        (
            RawRow(0, {"a": [1, {"b": None}], "t": datetime(2025, 1, 2)}, None, ""),
            '{"a":[1,{"b":null}],"t":"2025-01-02T00:00:00"}',
        ),
        (RawRow(0, {"a": "\ud800"}, None, ""), '{"a": "\\ud800"}'),
        (
            RawRow(0, {"a": {(1, 2): 3}}, None, ""),
            '{"unprintable": "keys must be str, int, float, bool or None, not tuple"}',
        ),
    ],
)
def test_a_raw_row_is_json_text(row: RawRow, want: str) -> None:
    """Its line if it could not be read; otherwise JSON, in whatever way it can be said."""
    assert raw_json(row) == want


# --- fuzz

TEXT = st.one_of(
    st.sampled_from(
        ["", " ", "q", "<think>a</think>b", "<think>", '{"name": "f", "arguments": {"x": 1}}', "[]"]
    ),
    st.sampled_from(["user", "assistant", "human", "gpt", "tool", "function_call", "text", "system", "中é"]),
    st.text(st.sampled_from("ab<>|\n\x00\ud800\u202e中{}[]\"':1"), max_size=8),
)
KEY = st.sampled_from(
    [
        "role",
        "content",
        "from",
        "value",
        "type",
        "text",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "reasoning",
        "x",
    ]
)
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    TEXT,
    st.binary(max_size=2),
    st.sampled_from([datetime(2025, 1, 1), Decimal("NaN"), 10**400]),
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEY, inner, max_size=4),
        st.dictionaries(st.integers() | st.none(), inner, max_size=1),
        st.tuples(inner),
    ),
    max_leaves=10,
)
COLUMNS = [
    "messages",
    "conversations",
    "tools",
    "system",
    "instruction",
    "input",
    "output",
    "history",
    "problem",
    "generated_solution",
    "problem_type",
    "generation_model",
    "score",
    "note",
]
ANY_ROW = st.dictionaries(st.sampled_from(COLUMNS), VALUE, max_size=6)


def survives(row: Row, format: str, thinking: Any = "allowed") -> None:
    """Check what holds for every row there can be."""
    got = judged(row, format, thinking=thinking)
    if got.conversation is None:
        assert isinstance(got.reason, Reason)
        frame = rowwise._reject_frame([got], Origin(source(format), "f"))
        assert json.loads(frame["content"][0]) is not None
        return
    talk = got.conversation
    assert Conversation.model_validate(talk.model_dump()) == talk
    assert rowwise._key_frame([got], Origin(source(format), "f"))["id"].to_list() == [talk.id]
    again = judge(RawRow(1, {**row, "more": "x"}, None, ""), origin=OTHER[format], max_row_bytes=2 * LIMIT)
    assert again.conversation is not None
    assert again.conversation.id == talk.id


OTHER = {format: Origin(source(format), "other") for format in ROWS}


@pytest.mark.acceptance("A8")
@settings(max_examples=250, suppress_health_check=list(HealthCheck), deadline=None)
@given(row=ANY_ROW)
def test_no_row_whatever_raises(row: Row) -> None:
    """Any columns with any values: a conversation that survives its dump, or a reason."""
    for format in ROWS:
        survives(row, format)


GOOD_ROWS: list[tuple[str, Row]] = [
    ("openmathreasoning", math(problem_type="x", generation_model="m", pass_rate_72b_tir="n/a")),
    (
        "sharegpt",
        {
            **says(
                ("system", "s"),
                ("human", "q"),
                ("function_call", '<think>t</think>{"name": "f", "arguments": {"x": [1, 2.5, null]}}'),
                ("observation", "r"),
                ("gpt", "<think>\nt\n</think>\n\na"),
            ),
            "tools": '[{"name": "f"}]',
            "score": 4.5,
        },
    ),
    (
        "alpaca",
        alpaca(input="i", system="s", history=[["q0", "a0"], ["q1", "<think>x</think>a1"]], meta={"k": [1]}),
    ),
    (
        "messages",
        {
            "messages": [
                {"role": "developer", "content": "s"},
                {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "text", "value": "r"}]},
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "t",
                    "tool_calls": [{"function": {"name": "f", "arguments": '{"x": {"y": 1e300}}'}}],
                },
                {"role": "tool", "content": ""},
                {
                    "role": "assistant",
                    "content": [{"type": "reasoning", "value": "t"}, {"type": "text", "text": "a"}],
                },
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "n": 1,
        },
    ),
]


def test_the_rows_that_are_mutated_are_good() -> None:
    """The mutations start from rows that are accepted."""
    assert [judged(row, format).reason for format, row in GOOD_ROWS] == [None] * 4


def mutated(value: Any, draw: Any, left: list[int]) -> Any:
    """Return `value` with some of its parts dropped, doubled, replaced or misspelt."""
    if left[0] and draw(st.integers(0, 5)) == 0:
        left[0] -= 1
        kind = draw(st.integers(0, 3))
        if kind == 0:
            return draw(VALUE)
        if kind == 1 and isinstance(value, str):
            place = draw(st.integers(0, len(value)))
            return value[:place] + draw(TEXT) + value[place + draw(st.integers(0, 2)) :]
        if kind == 2 and isinstance(value, list) and value:
            return [*value, draw(st.sampled_from(value))]
        if kind == 3 and isinstance(value, list | dict) and value:
            gone = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            kept = [(key, item) for key, item in items if key != gone]
            return dict(kept) if isinstance(value, dict) else [item for _, item in kept]
    if isinstance(value, dict):
        return {key: mutated(item, draw, left) for key, item in value.items()}
    if isinstance(value, list):
        return [mutated(item, draw, left) for item in value]
    return value


@pytest.mark.acceptance("A8")
@settings(max_examples=400, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data(), good=st.sampled_from(GOOD_ROWS), thinking=st.sampled_from(["allowed", "required"]))
def test_no_damaged_row_raises(data: st.DataObject, good: tuple[str, Row], thinking: str) -> None:
    """Good rows with a few parts spoilt: a conversation that survives its dump, or a reason."""
    format, row = good
    spoilt = mutated(row, data.draw, [4])
    if isinstance(spoilt, dict):
        survives(spoilt, format, thinking)


@pytest.mark.acceptance("A8")
@pytest.mark.deep
@pytest.mark.timeout(1_500)
def test_no_row_raises_at_length() -> None:
    """The two tests above with 5,000 rows of any kind in every format, and 20,000 damaged ones."""
    plain = {"suppress_health_check": list(HealthCheck), "deadline": None}
    any_row = given(row=ANY_ROW)(test_no_row_whatever_raises.hypothesis.inner_test)
    settings(max_examples=5_000, **plain)(any_row)()
    kinds = {"good": st.sampled_from(GOOD_ROWS), "thinking": st.sampled_from(["allowed", "required"])}
    damaged = given(data=st.data(), **kinds)(test_no_damaged_row_raises.hypothesis.inner_test)
    settings(max_examples=20_000, **plain)(damaged)()


# --- real rows


def outcomes(name: str, format: object, **settings: Any) -> dict[str | None, int]:
    path = SHARED / name
    origin = Origin(source(format, **settings), path.name)
    found: Counter[str | None] = Counter()
    for piece in slices(path.name, Blob(path, "0" * 64)):
        for row in read_rows(piece, max_row_bytes=1_000_000):
            found[judge(row, origin=origin, max_row_bytes=1_000_000).reason] += 1
    return dict(found)


@needs_shared
@pytest.mark.parametrize(
    ("name", "format", "want"),
    [
        ("alpaca_en_demo.json", "alpaca", {None: 999}),
        ("alpaca_zh_demo.json", "alpaca", {None: 1000}),
        ("fastchat_dummy_conversation.json", "sharegpt", {None: 500}),
        ("glaive_toolcall_en_demo.json", "sharegpt", {None: 300}),
        ("v1_sft_demo.jsonl", "messages", {None: 500}),
        ("reason_tool_use_demo_50.jsonl", "messages", {None: 48, "think_unopened": 2}),
        ("marco_o1_cot_demo.json", {"type": "alpaca", "output": "response"}, {"think_foreign_tag": 125}),
    ],
)
def test_real_files_of_every_format_are_read(name: str, format: object, want: dict[str | None, int]) -> None:
    """Every row has an outcome, and it is the one that a person finds."""
    assert outcomes(f"formats/{name}", format) == want


@needs_shared
def test_every_real_malformed_trace_is_refused() -> None:
    """None of 1,825 real rows with a spoilt trace passes for a reasoning row."""
    assert outcomes("formats/malformed_think.jsonl", "openmathreasoning", thinking="required") == {
        "think_missing": 932,
        "think_repeated": 467,
        "think_unclosed": 280,
        "think_no_answer": 101,
        "think_not_first": 38,
        "think_nested": 5,
        "think_unopened": 1,
        "empty_turn": 1,
    }


@needs_shared
def test_real_hub_rows_have_the_outcomes_that_were_counted() -> None:
    """The dirt of the real datasets, by reason."""
    chats = outcomes("hub/mlabonne/FineTome-100k/data/train-00000-of-00001.parquet", "sharegpt")
    assert chats == {
        None: 14693,
        "no_final_assistant": 1,
        "role_order": 4,
        "empty_turn": 10,  # seven of them answer with characters that nobody sees
        "control_char": 1,
    }
    shards = sorted((SHARED / "hub/nvidia").rglob("cot-*.parquet"))
    found: Counter[str | None] = Counter()
    for shard in shards:
        found.update(outcomes(str(shard.relative_to(SHARED)), "openmathreasoning", thinking="required"))
    assert dict(found) == {
        None: 9842,
        "think_missing": 833,
        "think_repeated": 296,
        "think_unclosed": 46,
        "think_not_first": 21,
        "think_no_answer": 6,
        "think_nested": 1,
        "empty_turn": 1,
    }


# --- what work one row may cost


def limited(row: Row, limits: Limits, format: object = "sharegpt", **settings: Any) -> Judged:
    origin = Origin(source(format, **settings), "f", limits=limits)
    return judge(RawRow(0, row, None, ""), origin=origin, max_row_bytes=1_000_000)


def pairs(number: int) -> Row:
    return says(*[("human", "q"), ("gpt", "a")] * number)


@pytest.mark.parametrize(("number", "reason"), [(3, None), (4, Reason.TOO_MANY_TURNS)])
def test_row_may_have_so_many_turns_and_no_more(number: int, reason: Reason | None) -> None:
    """A chat of six turns stays where six are allowed; one of eight goes, with both numbers."""
    found = limited(pairs(number), Limits(turns=6))
    assert (found.reason, found.detail) == (reason, "8 turns, at most 6 are allowed" if reason else "")


def test_turns_in_one_text_are_counted_when_they_are_read() -> None:
    """Turns as JSON text cannot be counted before; the limit holds for them, too."""
    row = {"conversations": json.dumps(pairs(4)["conversations"])}
    assert limited(row, Limits(turns=8)).reason is None
    assert limited(row, Limits(turns=7)).reason is Reason.TOO_MANY_TURNS


def test_prompts_of_a_row_may_be_so_big_together_and_no_bigger() -> None:
    """Two prompts of one and three turns: 4 letters and 4 tags are allowed where the limit says so."""
    exact = 4 * (TAG_BYTES + 1)
    assert limited(pairs(2), Limits(prompt_bytes=exact)).reason is None
    found = limited(pairs(2), Limits(prompt_bytes=exact - 1))
    assert found.reason is Reason.PROMPTS_TOO_BIG
    assert found.detail == (
        f"{exact} bytes in the prompts of its 2 examples together, at most {exact - 1} are allowed"
    )


@pytest.mark.parametrize(
    "row",
    [
        {**pairs(2), "tools": json.dumps([{"name": "f", "parameters": {"x" * 500: {}}}])},
        says(
            ("human", "q"),
            ("function_call", json.dumps({"name": "f", "arguments": {"x" * 500: 1}})),
            ("observation", "r"),
            ("gpt", "a"),
        ),
    ],
    ids=["tools", "calls"],
)
def test_tools_and_arguments_are_part_of_prompts(row: Row) -> None:
    """Definitions stand in every prompt, and arguments in those after the call."""
    assert limited(row, Limits(prompt_bytes=1_500)).reason is None
    assert limited(row, Limits(prompt_bytes=500)).reason is Reason.PROMPTS_TOO_BIG


def test_one_prompt_is_as_big_as_a_row_may_be() -> None:
    """Where one turn is learned nothing is repeated, and the size of the row is limited by itself."""
    assert limited(pairs(3), Limits(prompt_bytes=1), supervise="last").reason is None


def test_forty_thousand_turns_are_not_read() -> None:
    """A row that is refused for its turns costs no more than to count them, whatever they hold."""
    row = says(*[("human", "q")] * 40_000)
    row["conversations"][7] = None
    assert limited(row, LIMITS).reason is Reason.TOO_MANY_TURNS


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("only", [None, range(2, 7), range(5, 6), range(8, 99)])
def test_rows_that_are_left_out_are_counted_and_not_read(kind: str, only: range | None, tmp_path: Path):
    """What stands around them is judged as without them; each is dropped with the words that it came with."""
    frame = pl.DataFrame([{"instruction": f"q{n}", "output": f"a{n}"} for n in range(10)])
    path = tmp_path / f"rows.{kind}"
    {"jsonl": frame.write_ndjson, "csv": frame.write_csv, "parquet": frame.write_parquet}[kind](path)
    (piece,) = slices(path.name, Blob(path, "0" * 64))
    seen = {}
    for name, left_out in (("all", {}), ("some", {0: "first", 5: "fifth", 9: "last"})):
        out = tmp_path / name
        out.mkdir()
        origin = Origin(source("alpaca"), path.name)
        count = validate_slice(
            piece, origin=origin, max_row_bytes=LIMIT, out=out, left_out=left_out, only=only
        ).rows
        keys, rejects = (pl.read_parquet(out / f"{part}.parquet") for part in ("keys", "rejects"))
        assert (count.kept.rows, count.read.rows) == (keys.height, keys.height + rejects.height)
        seen[name] = keys, rejects
    wanted = set(range(10)) if only is None else set(only) & set(range(10))
    assert set(seen["all"][0]["row"]) == wanted
    assert seen["some"][0].equals(seen["all"][0].filter(~pl.col("row").is_in([0, 5, 9])))
    told = seen["some"][1].select("row", "reason", "detail").rows()
    assert told == [
        (row, "worker_killed", words)
        for row, words in ((0, "first"), (5, "fifth"), (9, "last"))
        if row in wanted
    ]
