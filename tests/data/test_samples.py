"""The embedded sample: made again from its seed, with true answers and exactly the dirt that it claims."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import orjson
import polars as pl
import pyarrow.parquet as pq
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from thinkmix.schemas.arrange import arrange_messages
from thinkmix.schemas.conversation import Conversation, Lineage
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.fields import refuse_media
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning
from thinkmix.schemas.formats.sharegpt import ShareGPT
from thinkmix.schemas.reasons import Reason
from thinkmix.templates.chat.tokenizer import count_tokens
from tools.generate import clean
from tools.generate.dirt import CAP
from tools.generate.files import CHAT_SCHEMA, MATH_SCHEMA, SHARDS, write_sample

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
SOURCE_OF = {name: source for source, names in SHARDS.items() for name in names}
AFTER_VALIDATION = {Reason.EXACT_DUP, Reason.NEAR_DUP, Reason.SOLUTION_CAP, Reason.TOO_LONG}
NOT_PLANTABLE = {
    Reason.BAD_CSV,  # the sample has no such file
    Reason.WORKER_KILLED,  # depends on the machine
    Reason.TOO_MANY_TURNS,  # such a row would be as large as a tenth of its file
    Reason.PROMPTS_TOO_BIG,
    Reason.MODE_UNSUPPORTED,
    Reason.ROUND_TRIP,
    Reason.SEAM,  # no token spans the seam of the hybrid template
    Reason.NOT_SAMPLED,
    Reason.NOT_SELECTED,  # a recipe chooses
    Reason.EVAL_OVERLAP,
}


def test_the_same_sample_is_made_again(tmp_path):
    """The generator writes what lies in the repository: equal frames, equal text."""
    write_sample(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in SAMPLES.iterdir() if path.is_file()
    )
    for path in tmp_path.iterdir():
        if path.suffix == ".parquet":
            assert pl.read_parquet(path).equals(pl.read_parquet(SAMPLES / path.name)), path.name
        else:
            assert path.read_bytes() == (SAMPLES / path.name).read_bytes(), path.name


def test_schemas_are_those_of_the_hub():
    """Column names, order and types are those of FineTome-100k and OpenMathReasoning."""
    for name, source in SOURCE_OF.items():
        if source != "tools":
            want = CHAT_SCHEMA if source == "chat" else MATH_SCHEMA
            assert pq.read_schema(SAMPLES / name).remove_metadata().equals(want)
    assert MATH_SCHEMA.names == [
        "expected_answer",
        "problem_type",
        "problem_source",
        "generation_model",
        "pass_rate_72b_tir",
        "problem",
        "generated_solution",
        "inference_mode",
        "used_in_kaggle",
    ]


def test_the_sample_is_small():
    """All files together stay below four megabytes."""
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 4_000_000


def test_counts_are_the_sums_of_the_groups(groups):
    """planted.json says of each source and reason what planted_rows.jsonl adds up to."""
    sums = defaultdict(Counter)
    for group in groups:
        sums[group["source"]][group["reason"]] += group["count"]
    assert json.loads((SAMPLES / "planted.json").read_text()) == sums


def test_every_reason_is_planted(groups):
    """Each reason that a row can carry by itself occurs, and no place is named twice."""
    assert {Reason(group["reason"]) for group in groups} == set(Reason) - NOT_PLANTABLE
    places = [tuple(place) for group in groups for place in group["rows"]]
    assert len(places) == len(set(places))
    assert {name for name, _ in places} == set(SOURCE_OF)


def _outcome(source, raw):
    """Return the reason of a raw row by the schemas alone, None for a good one."""
    try:
        row = orjson.loads(raw) if isinstance(raw, str) else raw
    except orjson.JSONDecodeError:
        try:
            row = json.loads(raw)
        except json.JSONDecodeError:
            return Reason.BAD_JSON
    if not isinstance(row, dict):
        return Reason.WRONG_TYPE
    if len(str(row)) > 1_000_000:
        return Reason.TOO_BIG
    row_format = OpenMathReasoning() if source == "math" else ShareGPT()
    try:
        refuse_media(row, Notes())
        draft = row_format.read(row, Notes())
        conversation = Conversation(
            id="",
            source=source,
            messages=arrange_messages(draft, "keep", Notes()),
            tools=draft.tools,
            lineage=Lineage(file="", row=0),
        )
    except PydanticCustomError as error:
        return Reason(error.type)
    except ValidationError as error:
        (only,) = error.errors()
        return Reason(only["type"])
    if all(turn.context for turn in conversation.messages if turn.role == "assistant"):
        return Reason.ALL_CONTEXT
    thinks = conversation.messages[-1].reasoning is not None
    if source == "math" and not thinks:
        return Reason.THINK_MISSING
    return Reason.THINK_UNEXPECTED if source == "tools" and thinks else None


def test_each_row_has_the_fault_that_was_planted_and_no_other(rows, groups):
    """Reading every row by its schema gives the planted reason, and none for all other rows."""
    want = {
        tuple(place): Reason(group["reason"])
        for group in groups
        if group["reason"] not in AFTER_VALIDATION
        for place in group["rows"]
    }
    got = {place: reason for place, row in rows.items() if (reason := _outcome(SOURCE_OF[place[0]], row))}
    assert got == want


def _question(source, row):
    return row["problem"] if source == "math" else clean.first_question(row)


def _shingles(text):
    """Return 5-word shingles, a Chinese character being a word, without the generator's own code."""
    found = re.findall(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff、，。：；？！“”（）]+", text.lower())
    return {tuple(found[at : at + 5]) for at in range(max(1, len(found) - 4))}


def _similar_pairs(texts, least):
    """Return all pairs of texts with Jaccard similarity of `least` or more, by an inverted index."""
    sets, holders, pairs = [_shingles(text) for text in texts], defaultdict(list), []
    for at, shingles in enumerate(sets):
        shared = Counter(other for shingle in shingles for other in holders[shingle])
        for other, both in shared.items():
            if both >= least * (len(shingles) + len(sets[other]) - both):
                pairs.append((texts[other], texts[at]))
        for shingle in shingles:
            holders[shingle].append(at)
    return pairs


def test_the_pair_search_finds_what_is_similar():
    """The search that the next test relies on sees an edited copy and leaves unlike texts alone."""
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    assert _similar_pairs([text, "a quite different text it is", f"{text} !"], 0.8) == [(text, f"{text} !")]


def test_ordinary_questions_are_far_apart(rows, groups, clean_rows):
    """No two questions are near-duplicates unless that was planted, within a source or across."""
    texts = {_question(source, row) for source, found in clean_rows.items() for row in found}
    assert len(texts) > 3_600
    for group in groups:
        if group["reason"] in AFTER_VALIDATION and len(group["rows"]) > group["count"]:
            name, at = group["rows"][0]
            texts.add(_question(SOURCE_OF[name], rows[name, at]))
    assert _similar_pairs(sorted(texts), 0.75) == []


def test_near_duplicates_are_near(rows, groups):
    """Rows planted as near-duplicates share 85 of 100 shingles with another question of the sample."""
    texts = {text for place, row in rows.items() if (text := _question_or_none(SOURCE_OF[place[0]], row))}
    near = {text for pair in _similar_pairs(sorted(texts), 0.85) for text in pair}
    planted = [place for group in groups if group["reason"] == "near_dup" for place in group["rows"]]
    assert len(planted) > 90
    for name, at in planted:
        assert _question_or_none(SOURCE_OF[name], rows[name, at]) in near


def _question_or_none(source, raw):
    try:
        return _question(source, orjson.loads(raw) if isinstance(raw, str) else raw)
    except (orjson.JSONDecodeError, TypeError, KeyError, StopIteration):
        return None


def _jaccard(one, other):
    return len(one & other) / len(one | other)


def test_exact_duplicates_say_the_same(rows, groups):
    """The rows of an exact duplicate group hold the same turns, and one of them stays."""
    for group in groups:
        if group["reason"] == "exact_dup" and len(group["rows"]) > 1:
            columns = ("conversations", "problem", "generated_solution")
            said = [[rows[name, at].get(column) for column in columns] for name, at in group["rows"]]
            assert all(row == said[0] for row in said)
            assert len(said) == group["count"] + 1


def test_the_cap_counts_solutions_beyond_four(rows, groups):
    """A problem over the cap has five or six different solutions of (nearly) the same problem."""
    for group in groups:
        if group["reason"] == "solution_cap":
            found = [rows[name, at] for name, at in group["rows"]]
            assert len({row["generated_solution"] for row in found}) == CAP + group["count"]
            first = _shingles(found[0]["problem"])
            assert all(_jaccard(first, _shingles(row["problem"])) >= 0.8 for row in found)


def test_only_the_long_rows_are_too_long(clean_rows, rows, groups):
    """Planted rows hold more than 4096 tokens of text, others stay well below with tools and roles."""
    long = [rows[name, at] for group in groups if group["reason"] == "too_long" for name, at in group["rows"]]
    assert min(count_tokens([json.dumps(row, ensure_ascii=False) for row in long])) > 4_096
    others = [json.dumps(row, ensure_ascii=False) for source in clean_rows.values() for row in source]
    assert max(count_tokens(others)) < 3_000


def test_languages_and_shapes_are_mixed(clean_rows):
    """Three of ten chats are Chinese; there are system prompts, traces, and one to six questions."""
    chats = clean_rows["chat"]
    chinese = sum(row["source"].endswith("-zh") for row in chats) / len(chats)
    questions = Counter(sum(turn["from"] == "human" for turn in row["conversations"]) for row in chats)
    assert 0.25 < chinese < 0.35
    assert set(questions) == {1, 2, 3, 4, 5, 6}
    assert questions[1] < 0.7 * len(chats)
    assert sum(row["conversations"][0]["from"] == "system" for row in chats) > 200
    assert sum("<think>\n\n</think>" in row["conversations"][-1]["value"] for row in chats) > 10
    assert (
        sum(turn["from"] == "function_call" for row in clean_rows["tools"] for turn in row["conversations"])
        > 150
    )


def test_math_columns_have_the_values_of_the_hub(clean_rows):
    """Pass rates are thirty-seconds as text or n/a, solvers the two of the hub, the mode cot."""
    math_rows = clean_rows["math"]
    rates = {row["pass_rate_72b_tir"] for row in math_rows}
    assert rates <= {"n/a", *(str(k / 32) for k in range(33))}
    assert {row["problem_type"] for row in math_rows if row["pass_rate_72b_tir"] == "n/a"} == {
        "no_answer_extracted"
    }
    assert {row["generation_model"] for row in math_rows} == {"DeepSeek-R1", "QwQ-32B"}
    assert {row["inference_mode"] for row in math_rows} == {"cot"}


def test_tool_rows_hold_json_and_offer_what_they_call(clean_rows):
    """Tools, calls and results parse, and every called tool is on offer with the arguments it requires."""
    plain = [row for row in clean_rows["tools"] if isinstance(row.get("tools"), str)]
    assert len(plain) > 150
    for row in plain:
        tools = {tool["name"]: tool for tool in json.loads(row["tools"])}
        for turn in row["conversations"]:
            if turn["from"] == "function_call":
                call = json.loads(turn["value"])
                assert set(call["arguments"]) == set(tools[call["name"]]["parameters"]["required"])
            if turn["from"] == "observation":
                json.loads(turn["value"])
