"""Conversations into training examples: the turns that the draw asks for, counted, too long ones left out."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curation.normalize import Judged
from curation.pools import COUNTED, LOST
from curation.shards import ShardWriter
from schemas.conversation import Conversation, Message
from schemas.errors import LedgerError
from schemas.reasons import Reason
from schemas.recipe import SourceBase, Template
from schemas.record import json_text
from templates import ModeUnsupported, TrainingTurn, count_tokens, round_trip_problem, training_turns

STAGE = "render"

_MESSAGE = pl.Struct(
    {
        "role": pl.String(),
        "content": pl.String(),
        "reasoning_content": pl.String(),
        "tool_calls": pl.List(
            pl.Struct(
                {
                    "type": pl.String(),
                    "function": pl.Struct({"name": pl.String(), "arguments": pl.String()}),
                }
            )
        ),
    }
)

EXAMPLES = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "conversation_id": pl.String(),
        "turn": pl.Int64(),
        "thinking": pl.Boolean(),
        "messages": pl.List(_MESSAGE),
        "tools": pl.String(),
        "prompt": pl.String(),
        "completion": pl.String(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
    }
)
"""An example as it is published. `messages` are the turns up to the one that is learned, as chat
templates read them; `tools` is the JSON text of the tool list, or null."""

_ROWS_AT_ONCE = 512
_BYTES_AT_ONCE = 16 * 1024 * 1024


class _Draft(NamedTuple):
    """One supervised turn of one conversation, with its reason if it cannot be an example."""

    row: int
    conversation: Conversation
    position: int
    turn: TrainingTurn | None
    reason: Reason | None
    detail: str


def render_rows(
    conversations: Iterable[Judged],
    wanted: pl.DataFrame,
    *,
    source: SourceBase,
    template: Template,
    max_tokens: int,
    out: Path,
) -> int:
    """Write `examples`, their `index`, and what was `lost`, of the wanted turns of a shard, into `out`.

    Args:
        conversations: the rows that are wanted, in file order.
        wanted: row and turn of each example that the draw asks for.
        source: which turns are supervised.
        template: whose rendering is wanted.
        max_tokens: longest example, prompt and completion together.
        out: folder for the outputs.

    Returns:
        How many examples were written.

    Raises:
        LedgerError: if a wanted row is no conversation any more, or does not have the wanted turn.
    """
    turns = {row: set(listed) for row, listed in wanted.group_by("row").agg("turn").iter_rows()}
    with (
        ShardWriter(out / "examples.parquet", EXAMPLES) as examples,
        ShardWriter(out / "index.parquet", COUNTED) as index,
        ShardWriter(out / "lost.parquet", LOST) as lost,
    ):
        for batch in _batches(conversations):
            drafts = [draft for item in batch for draft in _drafts(item, turns, source, template)]
            frame, dropped = _examples(drafts, source.name, max_tokens)
            index.append(_index(frame, examples.rows))
            examples.append(frame)
            lost.append(dropped)
    if examples.rows + lost.rows != wanted.height:
        msg = f"{wanted.height} examples of {source.name} were asked for, {examples.rows + lost.rows} found"
        raise LedgerError(msg)
    return examples.rows


def _batches(conversations: Iterable[Judged]) -> Iterator[list[Judged]]:
    batch: list[Judged] = []
    size = 0
    for item in conversations:
        batch.append(item)
        size += item.text_bytes
        if len(batch) == _ROWS_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _drafts(
    item: Judged, wanted: Mapping[int, set[int]], source: SourceBase, template: Template
) -> list[_Draft]:
    conversation, row = item.conversation, item.row.number
    if conversation is None:
        msg = f"row {row} of {source.name} was a conversation when it was validated, and is none now"
        raise LedgerError(msg)
    messages, tools = conversation.messages, conversation.tools
    places = sorted(wanted[row])
    try:
        turns = training_turns(messages, tools, template=template, supervise=source.supervise)
    except ModeUnsupported as error:
        detail = str(error)
        return [_Draft(row, conversation, place, None, Reason.MODE_UNSUPPORTED, detail) for place in places]
    drafts = []
    for turn in turns:
        if turn.turn in wanted[row]:
            problem = round_trip_problem(messages, tools, turn, template)
            reason = Reason.ROUND_TRIP if problem else None
            drafts.append(_Draft(row, conversation, turn.turn, turn, reason, problem or ""))
    return drafts


def _examples(drafts: list[_Draft], source: str, max_tokens: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the examples, each with its `row`, and the drafts that became none (schema `LOST`)."""
    prompts = count_tokens([draft.turn.prompt if draft.turn else "" for draft in drafts])
    completions = count_tokens([draft.turn.completion if draft.turn else "" for draft in drafts])
    kept, lost = [], []
    for draft, prompt_tokens, completion_tokens in zip(
        drafts, prompts.tolist(), completions.tolist(), strict=True
    ):
        reason, detail, tokens = draft.reason, draft.detail, prompt_tokens + completion_tokens
        if reason is None and tokens > max_tokens:
            reason, detail = Reason.TOO_LONG, f"{tokens} tokens, at most {max_tokens} are allowed"
        if reason is not None or draft.turn is None:
            place = {"row": draft.row, "turn": draft.position}
            lost.append({**place, "reason": reason, "detail": detail, "tokens": tokens})
            continue
        conversation, turn = draft.conversation, draft.turn
        kept.append(
            {
                "id": f"{conversation.id}-{turn.turn}",
                "source": source,
                "conversation_id": conversation.id,
                "turn": turn.turn,
                "thinking": turn.thinking,
                "messages": [_chat(message) for message in conversation.messages[: turn.turn + 1]],
                "tools": json_text(list(conversation.tools)) if conversation.tools else None,
                "prompt": turn.prompt,
                "completion": turn.completion,
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "row": draft.row,
            }
        )
    examples = pl.DataFrame(kept, schema={**EXAMPLES, "row": pl.Int64()}, orient="row")
    return examples, pl.DataFrame(lost, schema=LOST, orient="row")


def _chat(message: Message) -> dict[str, Any]:
    """Return a turn for publication: arguments as the JSON text that the template prints verbatim."""
    calls = [
        {"type": "function", "function": {"name": call.name, "arguments": json_text(call.arguments)}}
        for call in message.tool_calls
    ]
    return {
        "role": message.role,
        "content": message.content,
        "reasoning_content": message.reasoning,
        "tool_calls": calls or None,
    }


def _index(examples: pl.DataFrame, before: int) -> pl.DataFrame:
    size = pl.col("prompt").str.len_bytes() + pl.col("completion").str.len_bytes()
    place = pl.int_range(pl.len(), dtype=pl.Int64) + before
    columns = examples.with_columns(place=place, text_bytes=size.cast(pl.Int64))
    return columns.select(COUNTED.names())
