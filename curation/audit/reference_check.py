"""The fast paths judged by the slow ones: examples rendered by Jinja, counted by the official tokenizer."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import polars as pl

from thinkmix.curation.files.shards import read_groups, write_shard
from thinkmix.curation.tables import EXAMPLES
from thinkmix.schemas.record import Record
from thinkmix.schemas.report import Check
from thinkmix.templates.chat.control_tokens import ASSISTANT, EMPTY_TRACE
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.render import render_chat
from thinkmix.templates.chat.tokenizer import reference_tokenizer

MOST_ROWS = 256
MOST_BYTES = 2 * 1024 * 1024
"""How much is checked: about two seconds of the official tokenizer."""


PARTS = 8
"""Files that a sample is spread over: what was compared with the reference once is not compared again."""


class Comparison(Record):
    """What came of comparing one part of the sample."""

    examples: int
    wrong: tuple[str, ...]
    """In what the examples that are not what the reference says differ from it."""


def write_sample(shard: Path, out: Path, *, shards: int = 1) -> int:
    """Write a sample of a published shard into `out`, in some `PARTS` files, and return its examples.

    Shards are in the order of sampling, which is random, so the first rows of each are a sample. An example's
    file depends on nothing but its id: a few that come or go between two runs change few files.

    Args:
        shard: published shard, schema `tables.EXAMPLES`.
        out: folder for the files, which have the same schema.
        shards: how many are compared in all; each has an equal part of the sample, at least one example.
    """
    parts: dict[int, list[dict[str, Any]]] = {}
    for row in _sample(shard, MOST_ROWS // shards + 1, MOST_BYTES // shards):
        parts.setdefault(crc32(row["id"].encode()) % PARTS, []).append(row)
    for number, rows in parts.items():
        write_shard(out / f"sample-{number}.parquet", pl.DataFrame(rows, schema=EXAMPLES, orient="row"))
    return sum(map(len, parts.values()))


def compare_examples(sample: Path, *, family: Family) -> Comparison:
    """Return whether examples are what the reference says, byte by byte.

    Args:
        sample: shard of schema `tables.EXAMPLES`.
        family: what it was rendered with.
    """
    rows = [row for group in read_groups(sample) for row in group.iter_rows(named=True)]
    wrong = [problem for row in rows if (problem := _problem(row, family))]
    return Comparison(examples=len(rows), wrong=tuple(wrong))


def check_examples(compared: Sequence[Comparison]) -> Check:
    """Return whether all examples that were compared are what the reference says."""
    wrong = [problem for part in compared for problem in part.wrong]
    examples = sum(part.examples for part in compared)
    detail = f"{examples} examples rendered by Jinja and counted by the official tokenizer"
    if wrong:
        detail = f"{len(wrong)} of {detail} differ, first {wrong[0]}"
    return Check(name="text and token counts equal the reference", passed=not wrong, detail=detail)


def _sample(shard: Path, rows: int, size: int) -> Iterator[dict[str, Any]]:
    """Yield a shard's first rows until so many rows or bytes are used up; at least one."""
    for row in (row for group in read_groups(shard) for row in group.iter_rows(named=True)):
        yield row
        rows -= 1
        size -= len(row["prompt"]) + len(row["completion"])
        if not rows or size < 0:
            break


def _problem(row: dict[str, Any], family: Family) -> str | None:
    """Return which example is not what the reference says, and in what."""
    tools = json.loads(row["tools"]) if row["tools"] else None
    # an empty trace that is learned is the answer to `/no_think`, with thinking on
    thinking = row["thinking"] or row["completion"].startswith(EMPTY_TRACE)
    asked = render_chat(
        row["messages"][:-1],
        tools=tools,
        family=family,
        add_generation_prompt=True,
        enable_thinking=thinking,
    )
    whole = render_chat(row["messages"], tools=tools, family=family)
    opened, answer = (text.rpartition(ASSISTANT)[2] for text in (asked, whole))
    if row["prompt"] != asked or opened + row["completion"] != answer:
        return f"{row['id']}: another text"
    tokenizer = reference_tokenizer()
    for part in ("prompt", "completion"):
        count = len(tokenizer.encode(row[part], add_special_tokens=False))
        if count != row[f"{part}_tokens"]:
            return f"{row['id']}: {row[f'{part}_tokens']} tokens in the {part}, {count} by the reference"
    return None
