"""Conversations into training examples: the turns that sampling asks for, counted, too long ones left out."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from thinkmix.curation.files.shards import ShardWriter, bounded_lists
from thinkmix.curation.tables import _CALLS, _MESSAGE, COUNTED, EXAMPLES, LOST
from thinkmix.curation.text.languages import languages
from thinkmix.curation.validate.reading import Reopened
from thinkmix.curation.validate.settings import TextSettings
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.ledger import RENDER
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import json_text
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.parse import round_trip_problem
from thinkmix.templates.chat.seam import seam_problem
from thinkmix.templates.chat.tokenizer import count_tokens
from thinkmix.templates.chat.turns import (
    Learned,
    ModeUnsupported,
    TrainingTurn,
    cut_trace,
    each_training_turn,
)

STAGE = RENDER

_AT_ONCE = 1024
_LETTERS_AT_ONCE = 8 * 1024 * 1024

_READ_OF_EACH = 160
"""Characters of each text of a row that tell its language."""


class _Draft(NamedTuple):
    """One wanted turn of one conversation, with its reason if it cannot be an example."""

    of: Reopened
    position: int
    turn: TrainingTurn | None
    reason: Reason | None
    detail: str


class _Counted(NamedTuple):
    """An example with its tokens."""

    of: Reopened
    turn: TrainingTurn
    prompt_tokens: int
    completion_tokens: int
    think_tokens: int


def render_rows(
    conversations: Iterable[Reopened],
    wanted: pl.DataFrame,
    *,
    source: TextSettings,
    family: Family,
    max_tokens: int,
    out: Path,
) -> int:
    """Write `examples`, their `index`, and what was `lost`, of the wanted turns of a shard, into `out`.

    Args:
        conversations: the rows that are wanted, in file order.
        wanted: row and turn of each example that sampling asks for.
        source: whose rows these are, by name; says how `/no_think` is learned.
        family: whose rendering is wanted.
        max_tokens: longest example, prompt and completion together.
        out: folder for the outputs.

    Returns:
        How many examples were written.

    Raises:
        LedgerError: if a wanted row does not have the wanted turn.
    """
    turns = {row: set(listed) for row, listed in wanted.group_by("row").agg("turn").iter_rows()}
    with (
        ShardWriter(out / "examples.parquet", EXAMPLES) as examples,
        ShardWriter(out / "index.parquet", COUNTED) as index,
        ShardWriter(out / "lost.parquet", LOST) as lost,
    ):
        drafts = (draft for item in conversations for draft in _drafts(item, turns, source, family))
        for batch in bounded_lists(drafts, _letters, count=_AT_ONCE, total=_LETTERS_AT_ONCE):
            frame, dropped = _examples(batch, source.name, max_tokens)
            index.append(_index(frame, examples.rows))
            examples.append(frame)
            lost.append(dropped)
    if examples.rows + lost.rows != wanted.height:
        msg = f"{wanted.height} examples of {source.name} were asked for, {examples.rows + lost.rows} found"
        raise LedgerError(msg)
    return examples.rows


def _letters(draft: _Draft) -> int:
    return len(draft.turn.prompt) + len(draft.turn.completion) if draft.turn else 0


def _drafts(
    item: Reopened, wanted: Mapping[int, set[int]], source: TextSettings, family: Family
) -> Iterator[_Draft]:
    turns = each_training_turn(
        item.messages,
        item.tools,
        family=family,
        turns=wanted[item.row],
        soft_switch=source.soft_switch == "train",
    )
    return (_draft(item, turn, family) for turn in turns)


def _draft(item: Reopened, turn: Learned, family: Family) -> _Draft:
    if isinstance(turn, ModeUnsupported):
        return _Draft(item, turn.turn, None, Reason.MODE_UNSUPPORTED, turn.why)
    if problem := round_trip_problem(item.messages, item.tools, turn, family):
        return _Draft(item, turn.turn, turn, Reason.ROUND_TRIP, problem)
    if problem := seam_problem(turn.prompt, turn.completion):
        way_out = f"remove the white space that messages[{turn.turn}] begins with"
        return _Draft(item, turn.turn, turn, Reason.SEAM, f"{problem}: {way_out}")
    return _Draft(item, turn.turn, turn, None, "")


def _examples(drafts: list[_Draft], source: str, max_tokens: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the examples, each with its `row`, and the drafts that became none (schema `LOST`)."""
    prompts = count_tokens([draft.turn.prompt if draft.turn else "" for draft in drafts])
    completions = [cut_trace(draft.turn) if draft.turn else ("", "") for draft in drafts]
    traces, rests = (count_tokens([cut[part] for cut in completions]) for part in (0, 1))
    kept, lost = [], []
    for draft, prompt_tokens, think_tokens, others in zip(
        drafts, prompts.tolist(), traces.tolist(), rests.tolist(), strict=True
    ):
        completion_tokens = think_tokens + others
        reason, detail, tokens = draft.reason, draft.detail, prompt_tokens + completion_tokens
        if reason is None and tokens > max_tokens:
            reason, detail = Reason.TOO_LONG, f"{tokens} tokens, at most {max_tokens} are allowed"
        if reason is not None or draft.turn is None:
            place = {"row": draft.of.row, "turn": draft.position}
            lost.append({**place, "reason": reason, "detail": detail, "tokens": tokens})
        else:
            kept.append(_Counted(draft.of, draft.turn, prompt_tokens, completion_tokens, think_tokens))
    return _frame(kept, source), pl.DataFrame(lost, schema=LOST, orient="row")


def _frame(kept: list[_Counted], source: str) -> pl.DataFrame:
    """Return the examples, with what their index says of them besides."""
    of_row = _languages({item.of.row: item.of for item in kept})
    columns: dict[str, list[Any]] = {
        "id": [f"{item.of.id}-{item.turn.turn}" for item in kept],
        "source": [source] * len(kept),
        "conversation_id": [item.of.id for item in kept],
        "turn": [item.turn.turn for item in kept],
        "thinking": [item.turn.thinking for item in kept],
        "tools": [json_text(list(item.of.tools)) if item.of.tools else None for item in kept],
        "prompt": [item.turn.prompt for item in kept],
        "completion": [item.turn.completion for item in kept],
        "prompt_tokens": [item.prompt_tokens for item in kept],
        "completion_tokens": [item.completion_tokens for item in kept],
        "row": [item.of.row for item in kept],
        "think_tokens": [item.think_tokens for item in kept],
        "questions": [sum(turn.role == "user" for turn in item.of.messages) for item in kept],
        "language": [of_row[item.of.row] for item in kept],
        "pass_rate": [item.of.pass_rate for item in kept],
    }
    told = _chats([item.of.messages[: item.turn.turn + 1] for item in kept])
    schema = {**EXAMPLES, **{name: kind for name, kind in COUNTED.items() if name in columns}}
    return pl.DataFrame(
        {
            name: told if name == "messages" else pl.Series(columns[name], dtype=kind)
            for name, kind in schema.items()
        }
    )


def _languages(rows: Mapping[int, Reopened]) -> Mapping[int, str]:
    """Return the language of each row, by how its first question and its last trace and answer begin."""
    texts = []
    for of in rows.values():
        asked = next(turn for turn in of.messages if turn.role == "user")
        last = of.messages[-1]
        trace = (last.reasoning or "")[:_READ_OF_EACH]
        texts.append(f"{asked.content[:_READ_OF_EACH]}\n{trace}\n{last.content[:_READ_OF_EACH]}")
    return dict(zip(rows, languages(texts), strict=True))


def _chats(chats: list[tuple[Message, ...]]) -> pl.Series:
    """Return conversations for publication, as a column; built flat, which nested Python objects are not."""
    turns = [message for chat in chats for message in chat]
    flat = pl.DataFrame(
        {
            "role": [message.role for message in turns],
            "content": [message.content for message in turns],
            "reasoning_content": [message.reasoning for message in turns],
            "tool_calls": pl.Series([_calls(message) for message in turns], dtype=_CALLS),
        },
        schema=_MESSAGE,
    )
    owner = pl.Series([number for number, chat in enumerate(chats) for _ in chat], dtype=pl.Int64)
    listed = flat.select(messages=pl.struct(flat.columns), owner=owner)
    return listed.group_by("owner", maintain_order=True).agg("messages")["messages"]


def _calls(message: Message) -> list[dict[str, Any]] | None:
    """Return a turn's calls, arguments as the JSON text that the template prints verbatim."""
    return [
        {"type": "function", "function": {"name": call.name, "arguments": json_text(call.arguments)}}
        for call in message.tool_calls
    ] or None


def _index(examples: pl.DataFrame, before: int) -> pl.DataFrame:
    size = pl.col("prompt").str.len_bytes() + pl.col("completion").str.len_bytes()
    place = pl.int_range(pl.len(), dtype=pl.Int64) + before
    columns = examples.with_columns(place=place, text_bytes=size.cast(pl.Int64))
    return columns.select(COUNTED.names())
