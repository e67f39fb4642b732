"""The fast paths judged by the slow ones: examples rendered by Jinja, counted by the official tokenizer."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from curation.shards import read_groups
from schemas.recipe import Template
from schemas.report import Check
from templates import reference_tokenizer, render_chat

MOST_ROWS = 256
MOST_BYTES = 2 * 1024 * 1024
"""How much is checked: about two seconds of the official tokenizer."""


def check_examples(shards: Sequence[Path], *, template: Template) -> Check:
    """Return whether a sample of the published examples is what the reference says, byte by byte.

    Shards are in the order of the draw, which is random, so the first rows of each are a sample.

    Args:
        shards: published shards, schema `render.EXAMPLES`.
        template: what they were rendered with.
    """
    rows = list(_sample(shards))
    wrong = [problem for row in rows if (problem := _problem(row, template))]
    detail = f"{len(rows)} examples rendered by Jinja and counted by the official tokenizer"
    if wrong:
        detail = f"{len(wrong)} of {detail} differ, first {wrong[0]}"
    return Check(name="text and token counts equal the reference", passed=not wrong, detail=detail)


def _sample(shards: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield rows of each shard until its part of rows or bytes is used up; at least one of each."""
    for path in shards:
        rows, size = MOST_ROWS // len(shards) + 1, MOST_BYTES // len(shards)
        for row in (row for group in read_groups(path) for row in group.iter_rows(named=True)):
            yield row
            rows -= 1
            size -= len(row["prompt"]) + len(row["completion"])
            if not rows or size < 0:
                break


def _problem(row: dict[str, Any], template: Template) -> str | None:
    """Return which example is not what the reference says, and in what."""
    tools = json.loads(row["tools"]) if row["tools"] else None
    asked = render_chat(
        row["messages"][:-1],
        tools=tools,
        template=template,
        add_generation_prompt=True,
        enable_thinking=row["thinking"],
    )
    whole = render_chat(row["messages"], tools=tools, template=template)
    if row["prompt"] != asked or not whole.endswith(row["completion"]):
        return f"{row['id']}: another text"
    tokenizer = reference_tokenizer()
    for part in ("prompt", "completion"):
        count = len(tokenizer.encode(row[part], add_special_tokens=False))
        if count != row[f"{part}_tokens"]:
            return f"{row['id']}: {row[f'{part}_tokens']} tokens in the {part}, {count} by the reference"
    return None
