"""The quick look at columns decides nothing that judging every row would decide otherwise."""

import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawBatch, RawSlice, joined, read_batches, slices
from thinkmix.curation.rules.branching import Branching
from thinkmix.curation.rules.contract import Evidence, Judging, Rule, Verdict
from thinkmix.curation.rules.turns import PARTS, TurnTable
from thinkmix.curation.tables import REJECTS
from thinkmix.curation.text import text_kernels
from thinkmix.curation.validate import rowwise
from thinkmix.curation.validate.columnar import CLEARED, NO_RULES, validate_columns
from thinkmix.curation.validate.learned import TAG_BYTES
from thinkmix.curation.validate.rowwise import Origin, judge
from thinkmix.curation.validate.settings import LIMITS, Limits
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.visible import is_visible

ROOT = Path(__file__).parents[3]
SHARED = (ROOT / "../shared").resolve()
LIMIT = 3_000
Row = dict[str, Any]


def source(format: object, **settings: Any) -> LocalSource:
    return LocalSource(name="s", format=format, files=("*",), **settings)


class Witness(Rule):
    """Finds every row, and has all that it says as evidence."""

    name: ClassVar[str] = "witness"

    def judge(self, turns: TurnTable) -> list[Verdict]:
        """Return all that is said in each row."""
        columns = [turns.column(part).to_list() for part in PARTS]
        said = [
            f"{turns.roles[turn]} {[column[turn] for column in columns]}" for turn in range(len(turns.roles))
        ]
        ends = turns.first.tolist()
        return [
            Verdict(row, 1.0, Evidence("\n".join(said[start:end])))
            for row, (start, end) in enumerate(pairwise(ends))
        ]


class Chance(Witness):
    """Finds half of the rows, by what they say."""

    name: ClassVar[str] = "chance"

    def judge(self, turns: TurnTable) -> list[Verdict]:
        """Return rows by a sum over their text."""
        return [one for one in super().judge(turns) if sum(one.evidence.text.encode()) % 2]


WITNESSED = Judging((Witness(action="flag"), Chance(action="drop")), density=Branching())


def batch_of(table: pa.Table | pa.RecordBatch) -> RawBatch:
    if isinstance(table, pa.Table):
        (table,) = table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], table.schema)]
    piece = RawSlice(file="f.parquet", content=Blob(Path("f.parquet"), ""), row_groups=(0, 1))
    return RawBatch(piece, 100, table)


def agree(
    batch: RawBatch, format: object, limit: int = LIMIT, limits: Limits = LIMITS, **settings: Any
) -> int:
    """Check that all is as if every row were judged; return how many rows were cleared.

    All are keys and rejects, the ledger of turns, findings and unread fields, and what rules are shown.
    """
    for judging in (WITNESSED, NO_RULES):
        origin = Origin(source(format, **settings), "f.parquet", limits=limits, judging=judging)
        rows = _agree(batch, origin, limit)
    cleared = screened(batch, origin.source, limit, limits)
    stated = [origin.source.format.turns(rows[place].row.values) for place in cleared["place"]]
    assert cleared["messages"].to_list() == stated  # by which a limit of turns goes
    return cleared.height


def _agree(batch: RawBatch, origin: Origin, limit: int) -> list[rowwise.Judged]:
    quick, slow = (rowwise.Sight("s") for _ in range(2))
    found = list(rowwise._batch_frames(batch, origin, limit, quick))
    got = (pl.concat(frames) for frames in zip(*found, strict=True))
    rows = [judge(row, origin=origin, max_row_bytes=limit) for row in batch.rows(max_row_bytes=limit)]
    ruled = list(rowwise.apply_rules(rows, origin))
    judged = list(rowwise._frames(slow.add_rows(ruled), origin))
    assert quick.counted() == slow.counted()
    assert tallied(quick) == tallied(slow)
    empty = (origin.keys.to_frame(), REJECTS.to_frame())
    for found, want in zip(
        got, (pl.concat(frames) for frames in zip(empty, *judged, strict=True)), strict=True
    ):
        assert_frame_equal(found, want)
    return rows


def screened(
    batch: RawBatch, source: LocalSource, limit: int = LIMIT, limits: Limits = LIMITS
) -> pl.DataFrame:
    """Return the rows that the look at columns clears."""
    found = validate_columns(batch.columns, source=source, max_row_bytes=limit, notes=Notes(), limits=limits)
    return found.cleared


def tallied(sight: rowwise.Sight) -> object:
    """Return findings and unread fields; the example depends on which row is looked at first."""
    tally = sight.notes.tally()
    return tally.findings, {field.path: field.count for field in tally.unread}


# --- small tables, by hand


def math(**columns: Any) -> pa.Table:
    return pa.table({"problem": ["1+1?"], "generated_solution": ["<think>hm</think>2"], **columns})


def chat(*turns: tuple[str, str]) -> pa.Table:
    return pa.table({"conversations": [[{"from": speaker, "value": text} for speaker, text in turns]]})


ANSWERS = [
    ("plain", True),
    ("", False),
    (" \n", False),
    ("\u3000\u00a0", False),
    ("\u200b", False),  # no reader sees it
    (" \u2060\ufe0f", False),
    ("<think>t</think>\ufeff", False),
    ("\n\n a \n", True),
    ("\n \na", False),  # some formats take that line away
    ("a < b and c > d", True),
    ("a <b", True),
    ("<b>a</b>", False),  # it might be another model's tag
    ("\u2003<thought>a</thought>b", False),
    ("\u201ca\u201d", True),
    ("<think>t</think>a", True),
    (" \n<think>\n\nt\n\n</think>\n\n a\n", True),
    ("\u00a0<think>t</think>a", True),
    ("<think>\u3000\n</think>a", True),
    ("<think></think>a", True),
    ("<think>t</think>", False),
    ("<think>t</think>\u2028", False),
    ("<think>t", False),
    ("t</think>a", False),
    ("</think>t<think>a", False),
    ("x<think>t</think>a", False),
    ("<think>t<think>u</think>a", False),
    ("<think>t</think>a<think>u</think>b", False),
    ("<think>t</think>a</think>", False),
    ("<think>a < b</think><c>", True),
    ("<Think>t</Think>a", False),
    ("a <THINK> b", True),
    ("think> a", True),
    ("a <|im_end|>", False),
    ("a <| b", False),
    ("a <tool_call>", False),
    ("a </tool_response>", False),
    ("a <tool>", True),
    ("a\tb\n", True),
    ("a\r\nb", False),  # its line breaks are changed, and counted
    ("a\n \n\t\n", True),
    ("a \n\u3000", False),  # which lines are blank takes a closer look
    ("a\u3000\n", False),
    ("a\u00e9\n\n", True),
    *((f"a{chr(code)}b", False) for code in (0, 8, 11, 12, 14, 31, 127, 0x202A, 0x202E, 0x2066, 0x2069)),
    *((f"a{chr(code)}b", False) for code in (0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF)),
    *((f"a{chr(code)}b", True) for code in (0x80, 0x85, 0x2029, 0x202F, 0x2065, 0xFDCF, 0xFDF0, 0xFFFD)),
    *((f"a{chr(code)}b", True) for code in (0x1FFFE, 0xE0001, 0x10FFFF, 0x1F600, 0xE000)),
    ("e\u0301\u0323 \u1100\u1161 \u0958 \U0001d15e", True),
    ("中文回答。", True),
    ("x" * 127 + "<", True),
    ("x" * 125 + "<think>t</think>", False),
    ("x" * 126 + "中" * 50 + "\x00", False),
    ("中" * 300 + "<", True),
]


@pytest.mark.parametrize(("answer", "clear"), ANSWERS, ids=lambda value: ascii(value)[:30])
def test_ordinary_answers_are_cleared_and_others_are_judged(answer: str, clear: bool) -> None:
    """Wherever the look at columns suffices it is trusted, and it gives the same keys; else it is not."""
    for table, format in (
        (math(generated_solution=[answer]), "openmathreasoning"),
        (chat(("human", "q"), ("gpt", answer)), "sharegpt"),
    ):
        for compare in ("dialogue", "first_user", "user_turns", "conversation"):
            assert agree(batch_of(table), format, compare=compare) == clear


QUESTIONS = [
    ("q", True),
    ("\n", False),
    ("", False),
    ("<b>", True),
    ("<think>", False),
    ("a</think>", False),
    ("\u00a0", False),
    ("\u200b\u200d", False),
    ("e\u0301", True),
    ("<tools>", False),  # definitions may follow
    ("a/b " * 60 + "/thin", True),
    ("a/b " * 60 + "/think", False),  # a switch, which the answer may contradict
    ("/no_think", False),
    ("a\r\n", False),
]


@pytest.mark.parametrize(("question", "clear"), QUESTIONS)
def test_ordinary_questions_are_cleared_and_others_are_judged(question: str, clear: bool) -> None:
    """A question is not trimmed, may begin with a tag, and holds no trace."""
    assert agree(batch_of(math(problem=[question])), "openmathreasoning") == clear
    assert agree(batch_of(chat(("human", question), ("gpt", "a"))), "sharegpt") == clear


@pytest.mark.parametrize(
    ("speakers", "clear"),
    [
        ("human gpt", True),
        ("system human gpt", True),
        ("user assistant human gpt", True),
        ("system human gpt human gpt human gpt", True),
        ("", False),
        ("system", False),
        ("gpt", False),
        ("human", False),
        ("system gpt", False),
        ("human human gpt", False),
        ("human gpt gpt", False),
        ("human system gpt", False),
        ("system system human gpt", False),
        ("human gpt human", False),
        ("human oracle", False),
        ("human observation gpt", False),
    ],
)
def test_turns_in_the_order_of_a_chat_are_cleared(speakers: str, clear: bool) -> None:
    """System, then user and assistant in turn; tools and all else are judged."""
    said = [(speaker, f"text {n}") for n, speaker in enumerate(speakers.split())]
    for compare in ("dialogue", "first_user", "user_turns", "conversation"):
        assert agree(batch_of(chat(*said)), "sharegpt", compare=compare) == clear


@pytest.mark.parametrize(
    ("thinking", "clear"),
    [("required", [True, False]), ("allowed", [True, True]), ("forbidden", [False, True])],
)
def test_thinking_is_as_the_recipe_says(thinking: Any, clear: list[bool]) -> None:
    """A row that breaks the rule, and no other, is refused without being judged."""
    for answer, want in zip(("<think>t</think>a", "a"), clear, strict=True):
        batch = batch_of(math(generated_solution=[answer]))
        assert agree(batch, "openmathreasoning", thinking=thinking) == want
        plain = source("openmathreasoning", thinking=thinking)
        found = [
            validate_columns(batch.columns, source=plain, max_row_bytes=most, notes=Notes())
            for most in (LIMIT, 1)
        ]
        assert [len(one.refused) for one in found] == [not want, 0]


@pytest.mark.parametrize("most", range(1, 8))
def test_rows_with_too_many_turns_are_dropped_one_by_one(most: int) -> None:
    """Chats of two, four and six turns: those within the limit are cleared, the others judged."""
    tables = [chat(*[("human", "q"), ("gpt", "a")] * pairs) for pairs in (1, 2, 3)]
    limits = Limits(turns=most)
    assert agree(batch_of(pa.concat_tables(tables)), "sharegpt", limits=limits) == min(most // 2, 3)


def test_a_row_as_large_as_it_may_be_is_cleared() -> None:
    """Of its text, and of its prompts together; one byte more, and it is judged."""
    batch = batch_of(chat(("human", "\u4e2d"), ("gpt", "a"), ("human", "q"), ("gpt", "b")))
    (size,) = screened(batch, source("sharegpt"))["text_bytes"]
    assert [agree(batch, "sharegpt", most) for most in (size - 1, size)] == [0, 1]
    shown = 4 * (size + 4 * TAG_BYTES)  # as if each of the four turns were learned after the whole row
    limits = [Limits(prompt_bytes=most) for most in (shown - 1, shown)]
    assert [screened(batch, source("sharegpt"), limits=one).height for one in limits] == [0, 1]


def test_earlier_answers_without_a_trace_are_shown_where_traces_are_required() -> None:
    """They are not learned; those with one, and the last one, are."""
    traced = "<think>t</think>a"
    said = [("human", "q"), ("gpt", traced), ("human", "q"), ("gpt", "a"), ("human", "q"), ("gpt", traced)]
    batch = batch_of(chat(*said))
    for thinking, turns in (("required", [1, 5]), ("allowed", [1, 3, 5])):
        assert agree(batch, "sharegpt", thinking=thinking) == 1
        assert screened(batch, source("sharegpt", thinking=thinking))["turns"].to_list() == [turns]


@pytest.mark.parametrize("supervise", ["all", "last"])
def test_rows_whose_prompts_are_too_big_are_dropped_one_by_one(supervise: str) -> None:
    """Near the limit a row is judged, which alone knows what is learned; verdicts are the same."""
    tables = [chat(*[("human", "\u4e2d" * 3), ("gpt", "a")] * pairs) for pairs in (1, 2, 3)]
    batch = batch_of(pa.concat_tables(tables))
    cleared = [
        agree(batch, "sharegpt", limits=Limits(prompt_bytes=most), supervise=supervise)
        for most in range(1, 2000, 31)
    ]
    assert (cleared[0], cleared[-1]) == (0, 3)
    assert cleared == sorted(cleared)


TEXT_TYPES = [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]


@pytest.mark.parametrize("kind", [*TEXT_TYPES, pa.dictionary(pa.int8(), pa.large_string())], ids=str)
def test_text_in_every_common_layout_is_cleared(kind: pa.DataType) -> None:
    """Short and long offsets, dictionaries, and a slice out of the middle of a column."""
    columns = {
        name: pa.array([f"{name} {n}" for n in range(5)]).cast(kind)
        for name in ("problem", "generated_solution", "generation_model", "problem_type")
    }
    table = pa.table(columns)
    assert agree(batch_of(table), "openmathreasoning") == 5
    assert agree(batch_of(table.to_batches()[0].slice(1, 3)), "openmathreasoning") == 3


@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary(), pa.int64(), pa.list_(pa.string())], ids=str)
def test_turns_in_other_layouts_are_judged(kind: pa.DataType) -> None:
    """Columns of other types than text are left to the judge."""
    values = {"int64": [1], "list<item: string>": [["a"]], "binary": [b"a"]}.get(str(kind), ["a"])
    assert agree(batch_of(math(generated_solution=pa.array(values, kind))), "openmathreasoning") == 0


def test_a_batch_sliced_from_lists_is_read_where_it_begins() -> None:
    """Offsets of lists, structs and texts are all those of the slice."""
    rows = [[{"from": "human", "value": f"q {n}"}, {"from": "gpt", "value": "a" * n}] for n in range(1, 9)]
    for kind in (pa.list_, pa.large_list):
        struct = pa.struct([("from", pa.string()), ("value", pa.large_string())])
        batch = pa.RecordBatch.from_arrays([pa.array(rows, kind(struct))], ["conversations"])
        assert agree(batch_of(batch.slice(3, 4)), "sharegpt") == 4


def test_absent_nulls_and_wrong_types_are_judged() -> None:
    """One by one: the row next to it is cleared all the same."""
    two = pa.table({"problem": ["p", None], "generated_solution": ["a", "b"]})
    assert agree(batch_of(two), "openmathreasoning") == 1
    assert agree(batch_of(two.drop(["problem"])), "openmathreasoning") == 0
    one = {"from": "human", "value": "q"}
    rows = [
        [one, {"from": "gpt", "value": "a"}],
        [one, {"from": "gpt", "value": None}],
        [one, None],
        None,
        [],
    ]
    assert agree(batch_of(pa.table({"conversations": rows})), "sharegpt") == 1


@pytest.mark.parametrize(
    ("column", "clear"),
    [
        (pa.array([1.5, float("nan"), None]), 3),
        (pa.array([1, -(2**63), None]), 3),
        (pa.array([2**64 - 1, 2**53 + 1, None], pa.uint64()), 3),
        (pa.array([1.5, float("inf"), 0.1], pa.float32()), 3),
        (pa.array([True, None, False]), 1),
        (pa.array(["9", None, ""]), 1),
        (pa.array([Decimal("1.5"), None, None]), 2),
        (pa.nulls(3), 3),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_scores_are_numbers_or_nothing(column: pa.Array, clear: int) -> None:
    """NaN, infinities and null are no score; a truth value or a text is a fault."""
    table = pa.concat_tables([chat(("human", "q"), ("gpt", "a"))] * 3).append_column("score", column)
    assert agree(batch_of(table), "sharegpt") == clear


@pytest.mark.parametrize(
    ("column", "clear"),
    [
        (pa.array(["", None, "[]"]), 2),
        (pa.array([[], None, [1]]), 2),
        (pa.nulls(3), 3),
        (pa.array([0, None, 1]), 1),
        (pa.array([{"a": 1}, None, {"a": None}]), 1),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_rows_with_tools_or_history_are_judged(column: pa.Array, clear: int) -> None:
    """Null, empty text and empty lists do not count."""
    talk = pa.concat_tables([chat(("human", "q"), ("gpt", "a"))] * 3)
    assert agree(batch_of(talk.append_column("tools", column)), "sharegpt") == clear
    asked = pa.table({"instruction": ["q"] * 3, "output": ["a"] * 3, "history": column})
    assert agree(batch_of(asked), "alpaca") == clear


def test_system_prompts_and_inputs_beside_the_turns_are_read() -> None:
    """A system column comes first, an input stands on the next line; blank ones are left to the judge."""
    system = pa.array(["s", "", None, " ", "s<|x"])
    talk = pa.concat_tables([chat(("human", "q"), ("gpt", "a"))] * 5).append_column("system", system)
    assert agree(batch_of(talk), "sharegpt", compare="conversation") == 3
    asked = {"instruction": ["q"] * 5, "output": ["a"] * 5, "system": system}
    for more in (pa.array(["i", "", None, "j", "k"]), pa.array(["", "", None, "", None]).cast(TEXT_TYPES[2])):
        assert agree(batch_of(pa.table({**asked, "input": more})), "alpaca", compare="user_turns") == 3
    for odd in (pa.array([1, None, 1, 1, 1]), pa.array([b"", None, b"", b"", b""])):
        assert agree(batch_of(pa.table({**asked, "input": odd})), "alpaca") == 1
        assert agree(batch_of(pa.table({**asked, "system": odd})), "alpaca") == 1
    assert (
        agree(
            batch_of(pa.table({"instruction": ["", "q"], "input": ["i", "i"], "output": ["a", "\ud7ff"]})),
            "alpaca",
        )
        == 1
    )


def test_padding_and_blank_texts_in_unread_fields_count_as_they_do_row_by_row() -> None:
    """In columns, in structs in lists, and in keys of turns; what a turn lacks does not count."""
    origin = [{"a": None, "b": {"c": None, "d": [{"e": 1}, {"f": 2}]}}, {"a": "x", "b": None}, None]
    notes = [" \n", "", "said"]
    info = [{"p": None, "q": 1}, None, {"p": [{"r": 1}, {"s": None}], "q": None}]
    rows = [
        {
            "messages": [
                {"role": "user", "content": "q", "info": None},
                {"role": "assistant", "content": f"a{place}", "info": info[place]},
            ],
            "origin": origin[place],
            "listed": [origin[place], origin[1]],
            "deep": [[origin[place]]],
            "note": notes[place],
        }
        for place in range(3)
    ]
    rows.append(rows[0] | {"messages": [{"role": "user", "content": "q"}]})
    table = pa.Table.from_pylist(rows)
    assert agree(batch_of(table), "messages") == 3
    assert agree(batch_of(table.slice(1, 2)), "messages") == 2
    sight = rowwise.Sight("s")
    list(rowwise._batch_frames(batch_of(table), Origin(source("messages"), "f"), LIMIT, sight))
    assert (sight.notes.found[Finding.PADDING_NULL], tallied(sight)[1]["note"]) == (16, 1)


@pytest.mark.parametrize(
    ("turn", "clear"),
    [
        ({"role": "assistant", "content": "a"}, True),
        ({"role": "assistant", "content": "a", "reasoning_content": None, "tool_calls": None}, True),
        ({"role": "assistant", "content": "a", "reasoning_content": "", "tool_calls": []}, True),
        ({"role": "assistant", "content": "a", "reasoning": "r"}, False),
        ({"role": "assistant", "content": "a", "reasoning": []}, True),
        ({"role": "assistant", "content": "a", "tool_calls": [{"name": "f"}]}, False),
        ({"role": "assistant", "content": "a", "function_call": {"name": "f", "arguments": "{}"}}, False),
        ({"role": "assistant", "content": [{"type": "text", "text": "a"}]}, False),
        ({"role": "assistant", "content": "a", "name": "x"}, True),
        ({"role": "assistant", "content": None}, False),
        ({"role": "tool", "content": "a"}, False),
        ({"role": "robot", "content": "a"}, False),
        ({"role": None, "content": "a"}, False),
    ],
)
def test_messages_of_plain_text_are_cleared(turn: Row, clear: bool) -> None:
    """Reasoning fields, calls and typed parts are left to the judge, unless they are empty."""
    question = "q" if isinstance(turn["content"], str | None) else turn["content"]
    table = pa.Table.from_pylist([{"messages": [{"role": "user", "content": question}, turn]}])
    assert agree(batch_of(table), "messages") == clear


METADATA = [
    (pa.array([1]), True),
    (pa.array([float("nan")]), True),
    (pa.array([True]), True),
    (pa.array([b"\xff"]), True),
    (pa.array([Decimal("1.5")]), True),
    (pa.array([["a", None]]), True),
    (pa.array([{"a": [{"b": 2**63 - 1}]}]), True),
    (pa.array(["a"]).cast(pa.dictionary(pa.int32(), pa.string())), True),
    (pa.array([0], pa.timestamp("us")), False),
    (pa.array([2**60], pa.timestamp("us")), False),
    (pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64())), False),
    (pa.array([b"\xff"]).view(pa.string()), False),
    (pa.array([b"\xed\xa0\x80"]).view(pa.string()), False),
    (pa.array([["x", None]], pa.list_(pa.string_view())), False),
    (pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), False),
    (pa.array(["x" * (LIMIT + 1)]), False),
]


@pytest.mark.parametrize(("column", "clear"), METADATA, ids=lambda value: str(getattr(value, "type", value)))
def test_columns_beside_the_turns_must_be_such_that_json_can_show_them(column: pa.Array, clear: bool) -> None:
    """Types whose values may fail to become objects, text that is not UTF-8 and large values are judged."""
    assert agree(batch_of(math(other=column)), "openmathreasoning") == clear


def test_fields_beside_the_texts_of_turns_must_be_utf8() -> None:
    """What nobody reads of a turn is shown with a rejected row all the same."""
    for notes, clear in ((pa.array(["n", "m"]), 1), (pa.array([b"n", b"\xff"]).view(pa.string()), 0)):
        fields = {"from": pa.array(["human", "gpt"]), "value": pa.array(["q", "a"]), "note": notes}
        turns = pa.StructArray.from_arrays(list(fields.values()), list(fields))
        lists = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), turns)
        assert agree(batch_of(pa.table({"conversations": lists})), "sharegpt") == clear


def test_a_problem_of_no_type_has_no_checked_answer() -> None:
    """It is worth as much as one of another type."""
    table = pa.concat_tables([math(problem_type=pa.array([kind], pa.string())) for kind in (None, "x")])
    assert agree(batch_of(table), "openmathreasoning") == 2
    assert screened(batch_of(table), source("openmathreasoning"))["quality"].to_list() == [0.0, 0.0]


def test_two_columns_of_one_name_are_judged() -> None:
    """The last one counts, as the judge sees it."""
    table = math()
    table = table.append_column("problem", pa.array(["another"]))
    assert agree(batch_of(table), "openmathreasoning") == 0


def test_text_that_is_not_utf8_costs_its_row_only() -> None:
    """Broken text, wherever a character may break, leaves its neighbours cleared."""
    broken = [
        b"\xff",
        b"\xc0\x80",
        b"\xe4\xb8",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe0\x80\x80",
        b"\x80",
        b"a\xf0\x9f",
    ]
    texts = [part for bad in broken for part in (b"good", bad)]
    column = pa.array(texts).view(pa.string())
    table = pa.table({"problem": ["p"] * len(texts), "generated_solution": column})
    assert agree(batch_of(table), "openmathreasoning") == len(broken)
    solvers = pa.table({"problem": ["p"] * len(texts), "generated_solution": ["a"] * len(texts)})
    assert agree(batch_of(solvers.append_column("generation_model", column)), "openmathreasoning") == 0


def test_a_character_does_not_reach_into_the_next_text() -> None:
    """Two texts that share the bytes of one character are both broken."""
    column = pa.array([b"a\xe4\xb8", b"\xad", "\u4e2d".encode()]).view(pa.string())
    table = pa.table({"problem": ["p"] * 3, "generated_solution": column})
    assert agree(batch_of(table), "openmathreasoning") == 1


@pytest.mark.parametrize("column", ["generation_model", "expected_answer"])
def test_solvers_and_answers_are_clean_text(column: str) -> None:
    """An unclean one spoils its row."""
    solvers = ["R1", None, "", "a\x00", "<think>", "<|im_end|>", "é"]
    table = pa.table({"problem": ["p"] * 7, "generated_solution": ["a"] * 7, column: solvers})
    assert agree(batch_of(table), "openmathreasoning") == 4


def test_a_format_without_a_layout_has_all_rows_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout is an offer."""
    plain = source("openmathreasoning")
    assert screened(batch_of(math()), plain).height == 1
    monkeypatch.setattr(type(plain.format), "layout", lambda _: None)
    got = screened(batch_of(math()), plain)
    assert (got.height, got.schema) == (0, CLEARED)


# --- characters

CODES = [
    code
    for code in range(0x110000)
    if not 0xD800 <= code < 0xE000
    and (code < 0x3100 or 0xFB00 <= code <= 0x10000 or code % 0x10000 < 2 or code % 97 == 0)
]


def test_white_space_is_what_python_takes_for_it() -> None:
    """The kernel skips a character if `str.strip` does, and reads it as Python does."""
    for code in CODES:
        data = np.frombuffer(chr(code).encode(), np.uint8)
        assert (text_kernels._after_space(data, 0, len(data)) > 0) == chr(code).isspace(), hex(code)
        if code >= 0x80:
            assert text_kernels._decode(data, 0, len(data)) == (code, len(data))


def test_a_character_shows_something_to_the_kernel_as_it_does_row_by_row() -> None:
    """Beyond ASCII, where the kernel reads characters."""
    for code in CODES:
        data = np.frombuffer(chr(code).encode(), np.uint8)
        unseen = code >= 0x80 and not chr(code).isspace() and not is_visible(chr(code))
        assert text_kernels._is_unseen(data, 0, len(data)) == unseen, hex(code)


def test_a_character_has_the_same_outcome_and_key_either_way() -> None:
    """Each by itself, at the end of an answer."""
    seen = [code for code in CODES if code < 0x2100 or 0x3000 <= code <= 0x10000 or code % 0x10000 < 2]
    seen += range(0x10000, 0x110000, 1009)  # a prime, so that all last bytes of UTF-8 come up
    answers = [f"a{chr(code)}" for code in seen]
    table = pa.table({"problem": ["p"] * len(answers), "generated_solution": answers})
    assert agree(batch_of(table), "openmathreasoning") > 0.95 * len(answers)


# --- fuzz

PIECES = [
    "a",
    "word ",
    " ",
    "\n",
    "\t",
    "<",
    ">",
    "<think>",
    "</think>",
    "<think>\nt\n</think>\n\n",
    "<thought>",
    "<|",
    "<|im_end|>",
    "<tool_call>",
    "</tool_",
    "\r\n",
    " \n\n",
    "<tools>",
    "/think ",
    "/no_think",
    "\x00",
    "\x7f",
    "\x1c",
    "\u0085",
    "\u00a0",
    "\u2028",
    "\u3000",
    "\u202e",
    "\ufffe",
    "中",
    "é",
    "e\u0301",
    "\u0345",
    "\u1161",
    "🙂",
    "\U0001d15e",
    "x" * 130,
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
CLEAN = st.one_of(
    st.sampled_from(["a", "q", "word word", "<think>t</think>a", "中文", "e\u0301"]),
    st.text(min_size=1, max_size=8),
)
ANY_TEXT = st.one_of(CLEAN, CLEAN, TEXTS, st.none())
SPEAKERS = st.sampled_from(
    ["human", "gpt", "system", "user", "assistant", "function_call", "observation", "oracle", None]
)
SCORES = st.one_of(st.none(), st.floats(), st.integers(-9, 9).map(float))


def talk(speaker: str, text: str, names: tuple[str, str]) -> Any:
    turns = st.lists(
        st.one_of(st.none(), st.fixed_dictionaries({speaker: SPEAKERS, text: ANY_TEXT})), max_size=5
    )
    beside = st.sampled_from(
        [{}, {}, {}, {"weight": 1.0}, {"weight": 0.0}, {"train": True}, {"train": False}, {"note": "n"}]
    )
    ordered = st.tuples(st.booleans(), beside, st.lists(CLEAN | TEXTS, min_size=2, max_size=6)).map(
        lambda sampled: [
            *([{speaker: "system", text: "s"}] if sampled[0] else []),
            *({speaker: names[n % 2], text: part, **sampled[1]} for n, part in enumerate(sampled[2])),
        ]
    )
    return st.one_of(ordered, ordered, turns, st.none())


TABLES: dict[str, dict[str, Any]] = {
    "openmathreasoning": {
        "problem": ANY_TEXT,
        "generated_solution": ANY_TEXT,
        "generation_model": ANY_TEXT,
        "problem_type": st.sampled_from(["has_answer_extracted", "x", None]),
        "other": ANY_TEXT,
    },
    "sharegpt": {
        "conversations": talk("from", "value", ("human", "gpt")),
        "system": st.sampled_from([None, None, "", "s", "\x00"]),
        "tools": st.sampled_from([None, None, "", "[]", '[{"name": "f"}]', "{"]),
        "score": SCORES,
        "source": ANY_TEXT,
    },
    "alpaca": {
        "instruction": ANY_TEXT,
        "input": ANY_TEXT,
        "output": ANY_TEXT,
        "system": st.sampled_from([None, None, "", "s", "\x00"]),
        "thinking": st.sampled_from([None, None, "", "t", "on"]),
        "more": ANY_TEXT,
        "history": st.sampled_from([None, None, [], [["a", "b"]], [["a"]]]),
    },
    "messages": {
        "messages": talk("role", "content", ("user", "assistant")),
        "tools": st.sampled_from([None, None, [], [{"name": "f"}]]),
        "system_prompt": st.sampled_from([None, None, "", "s"]),
        "image": st.sampled_from([None, None, None, "", "a.png"]),
    },
    "qa": {
        "question": ANY_TEXT,
        "answer": ANY_TEXT,
        "system": st.sampled_from([None, None, "", "s", " "]),
        "system_prompt": st.sampled_from([None, None, "", "s"]),
        "reasoning": st.sampled_from([None, None, "", "t", "on"]),
        "score": SCORES,
        "more": ANY_TEXT,
    },
    "nemotron": {
        "input": talk("role", "content", ("user", "assistant")),
        "output": ANY_TEXT,
        "reasoning": st.sampled_from([None, None, None, "on", "t"]),
        "system_prompt": st.sampled_from([None, None, "", "s"]),
    },
}
RECAST = [pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.string_view(), pa.binary()]


def layouts(draw: Any, table: pa.Table) -> pa.Table:
    """Return the table with some columns gone, or in another layout of text."""
    for name in table.column_names:
        column = table[name]
        kind = draw(st.integers(0, 19))
        if kind == 0:
            table = table.drop([name])
        elif kind <= len(RECAST) and pa.types.is_string(column.type):
            table = table.set_column(table.column_names.index(name), name, column.cast(RECAST[kind - 1]))
    return table


@pytest.mark.acceptance("A8")
@settings(max_examples=120, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    data=st.data(),
    format=st.sampled_from(list(TABLES)),
    thinking=st.sampled_from(["allowed", "required", "forbidden"]),
    compare=st.sampled_from(["dialogue", "first_user", "user_turns", "conversation"]),
    supervise=st.sampled_from(["all", "all", "last"]),
    limit=st.sampled_from([LIMIT, LIMIT, 20]),
)
def test_screened_tables_have_the_verdicts_and_keys_of_judged_rows(
    data: st.DataObject, format: str, thinking: Any, compare: Any, supervise: Any, limit: int
) -> None:
    """Clean rows, every kind of dirt, all of Unicode, nulls and odd columns, in any mixture and layout."""
    rows = data.draw(st.lists(st.fixed_dictionaries(TABLES[format]), max_size=6))
    if format == "alpaca":
        schema = pa.schema(
            [
                (name, pa.list_(pa.list_(pa.string())) if name == "history" else pa.string())
                for name in TABLES[format]
            ]
        )
        table = pa.Table.from_pylist(rows, schema)
    else:
        table = pa.Table.from_pylist(rows)
    batch = batch_of(layouts(data.draw, table))
    first = data.draw(st.integers(0, len(rows)))
    settings = {"thinking": thinking, "compare": compare, "supervise": supervise}
    agree(batch._replace(columns=batch.columns.slice(first)), format, limit, **settings)


@pytest.mark.acceptance("A8")
@settings(max_examples=80, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=6), st.text(max_size=4).map(str.encode), TEXTS.map(str.encode)),
        max_size=8,
    )
)
def test_bytes_of_any_kind_have_the_verdicts_of_judged_rows(answers: list[bytes]) -> None:
    """Columns of a foreign file may claim to be text and not be it."""
    column = pa.array(answers, pa.binary()).view(pa.string())
    table = pa.table({"problem": pa.array(["p"] * len(answers), pa.string()), "generated_solution": column})
    agree(batch_of(table), "openmathreasoning")


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_unicode_forms_of_one_text_have_one_key(question: str, answer: str) -> None:
    """Whichever way they were judged."""
    forms = [unicodedata.normalize(form, answer) for form in ("NFC", "NFD")]
    table = pa.table({"problem": [question] * 2, "generated_solution": forms})
    keys = screened(batch_of(table), source("openmathreasoning"))
    assert keys["id"].n_unique() <= 1


# --- real rows


def tables(path: Path) -> list[RawBatch]:
    return [batch for piece in slices(path.name, Blob(path, "")) for batch in joined(read_batches(piece))]


def compared(paths: Iterable[Path], format: str, every: int = 1, **settings: Any) -> tuple[int, int]:
    """Judge the rows of one batch in `every` both ways; return how many were cleared, of how many."""
    batches = [batch for path in sorted(paths) for batch in tables(path)][::every]
    cleared = sum(agree(batch, format, 1_000_000, **settings) for batch in batches)
    return cleared, sum(batch.columns.num_rows for batch in batches)


@pytest.mark.parametrize(
    ("pattern", "format", "thinking", "least"),
    [("cot-*.parquet", "openmathreasoning", "required", 0.5), ("chat-*.parquet", "sharegpt", "allowed", 0.9)],
)
def test_the_sample_is_judged_alike_and_mostly_cleared(
    pattern: str, format: str, thinking: Any, least: float
) -> None:
    """Every row of our own sample, dirt included."""
    paths = (ROOT / "data/samples").glob(pattern)
    cleared, rows = compared(paths, format, thinking=thinking, compare="conversation")
    assert cleared > least * rows > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real data is not beside the checkout")
@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.deep), 4])
@pytest.mark.parametrize(
    ("pattern", "format", "thinking", "least"),
    [
        ("nvidia/**/*.parquet", "openmathreasoning", "required", 0.85),
        ("nvidia/**/*.parquet", "openmathreasoning", "allowed", 0.95),
        ("mlabonne/**/*.parquet", "sharegpt", "forbidden", 0.98),
    ],
)
def test_real_rows_are_judged_alike_and_mostly_cleared(
    pattern: str, format: str, thinking: Any, least: float, every: int
) -> None:
    """Rows of real files, with the dirt they have: a quarter of the batches, or all."""
    paths = (SHARED / "hub").glob(pattern)
    cleared, rows = compared(paths, format, every, thinking=thinking, compare="user_turns")
    assert cleared > least * rows > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real data is not beside the checkout")
@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("alpaca_en_demo.json", "alpaca"),
        ("alpaca_zh_demo.json", "alpaca"),
        ("fastchat_dummy_conversation.json", "sharegpt"),
        ("glaive_toolcall_en_demo.json", "sharegpt"),
        ("v1_sft_demo.jsonl", "messages"),
        ("marco_o1_cot_demo.json", {"type": "alpaca", "output": "response"}),
        ("malformed_think.jsonl", "openmathreasoning"),
    ],
)
def test_real_rows_of_every_format_are_judged_alike_as_tables(name: str, format: object) -> None:
    """Files of the other formats, put into columns."""
    path = SHARED / "formats" / name
    frame = pl.read_ndjson(path) if name.endswith("l") else pl.read_json(path)
    agree(batch_of(frame.to_arrow(compat_level=pl.CompatLevel.oldest())), format, 1_000_000)


def test_damaged_rows_are_repaired_one_by_one_and_others_are_cleared():
    """Each repair's damage in content and trace; a row that only looks like it is judged, and stays."""
    said = [
        "think\nSo: it is 4.\nanswer\nIt is 4.",
        "<think>\nso\n<answer>4</answer>",
        "<think>\nIt&#39;s 4.\n</think>\n\nIt&#39;s &quot;4&quot;.",
        "It is 4.\n\nHuman:",
        "It\u200b is 4.",
        "Use `&lt;`.",
        "It is 4.",
    ]
    table = pa.table({"problem": [f"What is it, {n}?" for n in range(7)], "generated_solution": said})
    assert agree(batch_of(table), "openmathreasoning", repair="all") == 1
    origin = Origin(source("openmathreasoning", repair="all"), "f.parquet")
    read = batch_of(table).rows(max_row_bytes=LIMIT)
    rows = [judge(row, origin=origin, max_row_bytes=LIMIT) for row in read]
    turns = [row.conversation.messages[1] for row in rows if row.conversation]
    assert [(turn.reasoning, turn.content) for turn in turns] == [
        ("So: it is 4.", "It is 4."),
        ("so", "<answer>4</answer>"),
        ("It's 4.", 'It\'s "4".'),
        (None, "It is 4."),
        (None, "It is 4."),
        (None, "Use `&lt;`."),
        (None, "It is 4."),
    ]
    assert [[name for name, _ in row.flagged] for row in rows] == [
        ["foreign_markers"],
        ["cut_trace"],
        ["entities"],
        ["next_speaker"],
        ["zero_width"],
        [],
        [],
    ]
