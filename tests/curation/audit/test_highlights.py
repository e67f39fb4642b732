"""Where the offending characters of a raw row stand."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.audit.highlights import find_highlight
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawRow, RawSlice, raw_json, read_rows
from thinkmix.curation.validate.rowwise import Origin, judge
from thinkmix.flows.sources.settings import LocalSource

THINKS = "<think>\nhm\n</think>\n\n"


def marked(row: dict[str, Any], format_: str = "openmathreasoning", **settings_: Any) -> tuple[str, str]:
    """Return the reason that a row is refused for, and the characters of its raw text that are marked."""
    source = LocalSource(name="s", format=format_, files=("*",), **settings_)
    raw = RawRow(0, row, None, "")
    found = judge(raw, origin=Origin(source, "f"), max_row_bytes=10_000)
    assert found.reason is not None
    content = raw_json(raw)
    highlight = find_highlight(found.reason, found.detail, content)
    return found.reason.value, content[slice(*highlight)] if highlight else ""


def math(solution: object, problem: object = "2+2?") -> dict[str, Any]:
    return {"note": "<think>", "problem": problem, "generated_solution": solution}


@pytest.mark.parametrize(
    ("row", "want"),
    [
        (math(f"{THINKS}It is<|im_end|> 4"), ("control_token", "<|im_end|>")),
        (math(f"{THINKS}4", "what is <think>"), ("control_token", "<think>")),
        (math(f'{THINKS}"4\\" \x00'), ("control_char", "\\u0000")),
        (math(f"{THINKS}4\f"), ("control_char", "\\f")),
        (math(f"{THINKS}中\u202e4"), ("bidi_control", "\u202e")),
        (math(f"{THINKS}4\uffff"), ("noncharacter", "\uffff")),
        (math(f"{THINKS}😀\ud800!"), ("lone_surrogate", "\\ud800")),
        (math("<think>hm"), ("think_unclosed", "<think>")),
        (math("hm</think>4"), ("think_unopened", "</think>")),
        (math("Well. <think>hm</think>4"), ("think_not_first", "<think>")),
        (math("<think>h<think>m</think>4"), ("think_nested", "<think>")),
        (math("<think>hm</think>4</think>5<think>"), ("think_repeated", "</think>")),
        (math("<think>hm</think> "), ("think_no_answer", "</think>")),
        (math("\n<Thought>hm</Thought>4"), ("think_foreign_tag", "<Thought>")),
        (math(4), ("wrong_type", '"generated_solution":4')),
        (math(["a", {"b": "c"}]), ("wrong_type", '"generated_solution":["a",{"b":"c"}]')),
        (math(None), ("wrong_type", '"generated_solution":null')),
        ({"problem": "2+2?"}, ("wrong_type", "")),
        (math(" "), ("empty_turn", "")),
    ],
)
def test_the_offending_characters_are_marked(row: dict[str, Any], want: tuple[str, str]) -> None:
    """They are found behind escapes, and in the turn that is to blame rather than in another column."""
    assert marked(row) == want


def test_the_mark_is_in_the_turn_that_is_to_blame() -> None:
    """A good trace in an earlier turn, or the same token elsewhere, is not marked."""
    row = math("<think>a</think>b<think>", "q")
    content = raw_json(RawRow(0, row, None, ""))
    highlight = find_highlight("think_repeated", "more think tags after the first trace", content)
    assert highlight == (content.index("b<think>") + 1, content.index("b<think>") + 8)
    chat = {
        "conversations": [
            {"from": "human", "value": "q"},
            {"from": "gpt", "value": f"{THINKS}a"},
            {"from": "human", "value": "q"},
            {"from": "gpt", "value": "<think>cut"},
        ]
    }
    content = raw_json(RawRow(0, chat, None, ""))
    assert find_highlight("think_unclosed", "no </think> in the 3 characters after <think>", content) == (
        content.rindex("<think>"),
        content.rindex("<think>") + 7,
    )


@pytest.mark.parametrize(
    ("turns", "want"),
    [
        ([("human", "q"), ("oracle", "a")], ("role_unknown", "oracle")),
        ([("human", "q"), ("function_call", "{no call}")], ("tool_call_invalid", "{no call}")),
        ([("human", "q"), ("human", "q")], ("no_final_assistant", "")),
    ],
)
def test_what_a_detail_quotes_is_marked(turns: list[tuple[str, str]], want: tuple[str, str]) -> None:
    """Speakers and calls are values of the row; the order of turns is nowhere in particular."""
    row = {"conversations": [{"from": speaker, "value": value} for speaker, value in turns]}
    assert marked(row, "sharegpt") == want


def test_a_forbidden_trace_is_marked() -> None:
    """In a source without traces the trace is what offends, a missing one offends nowhere."""
    row = {"problem": "q", "generated_solution": f"{THINKS}a"}
    assert marked(row, thinking="forbidden") == ("think_unexpected", "<think>")
    row["generated_solution"] = "a"
    assert marked(row, thinking="required") == ("think_missing", "")


@pytest.mark.parametrize(
    ("line", "want"),
    [('{"a": "中", b}', "b"), ('{"a": "中"', '"'), ("nothing", "n")],
)
def test_a_line_that_is_no_json_is_marked_where_a_parser_stumbled(
    line: str, want: str, tmp_path: Path
) -> None:
    """At the character itself, or at the last one if the line ends too early."""
    (tmp_path / "f.jsonl").write_text(f"{line}\n", encoding="utf-8")
    piece = RawSlice(file="f.jsonl", content=Blob(tmp_path / "f.jsonl", "0" * 64))
    (row,) = read_rows(piece, max_row_bytes=1000)
    assert row.fault is not None
    highlight = find_highlight(row.fault.type, row.fault.message(), row.text)
    assert highlight is not None
    assert row.text[slice(*highlight)] == want


TEXT = st.lists(
    st.sampled_from(
        ['"', "\\", "<think>", "</think>", "<|im_end|>", "中", "\n", "\x01", "\ud83d", "😀", "a"]
    ),
    max_size=8,
).map("".join)


@given(TEXT, TEXT, st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_refused_row_is_marked_inside_itself(problem: str, solution: str, escaped: bool) -> None:
    """Whatever the fault, the marked characters are in the row and spell what the detail names."""
    row = RawRow(0, {"problem": problem, "generated_solution": solution}, None, "")
    source = LocalSource(name="s", format="openmathreasoning", files=("*",))
    found = judge(row, origin=Origin(source, "f"), max_row_bytes=10_000)
    content = json.dumps(row.values) if escaped else raw_json(row)
    highlight = find_highlight(found.reason or "near_dup", found.detail, content)
    if found.reason == "control_token" or (found.reason or "").startswith("think_"):
        assert highlight is not None
    if highlight is not None:
        assert 0 <= highlight[0] < highlight[1] <= len(content)
        shown = json.loads(f'"{content[slice(*highlight)]}"')
        assert shown in {"<think>", "</think>", "<|im_end|>", "\x01", "\ud83d"}


@given(st.text(), st.text(), st.sampled_from(["bad_json", "wrong_type", "control_char", "think_nested", "x"]))
@settings(max_examples=100, deadline=None)
def test_no_text_and_no_detail_breaks_the_search(content: str, detail: str, reason: str) -> None:
    """Rows of other builds, cut lines and invented details are searched without an error."""
    highlight = find_highlight(reason, detail, content)
    assert highlight is None or 0 <= highlight[0] < highlight[1] <= len(content)
