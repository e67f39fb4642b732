"""Conversations into training examples: one per supervised turn, counted, and too long ones left out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from pydantic import TypeAdapter

from curation.count import count_stage
from curation.mix import INDEX
from curation.normalize import REJECTS
from curation.shards import ShardWriter, read_groups
from schemas.conversation import Message
from schemas.errors import LedgerError
from schemas.ledger import StageCount
from schemas.reasons import Reason
from schemas.recipe import SourceBase, Template
from schemas.record import JsonObject, json_text
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

ROW_FATES = pl.Schema(
    {
        "id": pl.String(),
        "file": pl.String(),
        "row": pl.Int64(),
        "stage": pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "cluster": pl.String(),
        "winner": pl.String(),
        "similarity": pl.Float32(),
        "examples": pl.Int64(),
        "messages": pl.Int64(),
        "text_bytes": pl.Int64(),
    }
)
"""What became of a valid row in dedup and rendering; `reason` is null where examples came of it."""

_MESSAGES: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...])
_TOOLS: TypeAdapter[tuple[JsonObject, ...]] = TypeAdapter(tuple[JsonObject, ...])


class _Draft(NamedTuple):
    """One supervised turn of one conversation, with its reason if it cannot be an example."""

    owner: int
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...]
    turn: TrainingTurn | None
    reason: Reason | None
    detail: str


def render_slice(
    conversations: Path,
    verdicts: Path,
    *,
    source: SourceBase,
    template: Template,
    max_tokens: int,
    shard: int,
    out: Path,
) -> StageCount:
    """Write `examples`, `index`, `rejects` and `fates` of one shard of conversations into `out`.

    Args:
        conversations: shard of schema `CONVERSATIONS`.
        verdicts: what dedup decided of it, row by row (id, cluster, winner, similarity, reason).
        source: which turns are supervised, and whose name is counted.
        template: whose rendering is wanted.
        max_tokens: longest example, prompt and completion together.
        shard: number of this shard, written into the index.
        out: folder for the outputs.

    Returns:
        Rows, messages, bytes, examples and tokens read (after dedup), kept, and dropped by reason.

    Raises:
        LedgerError: if the verdicts are of other rows than the conversations.
    """
    count = StageCount(stage=STAGE, source=source.name)
    judged = pl.read_parquet(verdicts)
    offset = position = 0
    with (
        ShardWriter(out / "examples.parquet", EXAMPLES) as examples,
        ShardWriter(out / "index.parquet", INDEX) as index,
        ShardWriter(out / "rejects.parquet", REJECTS) as rejects,
        ShardWriter(out / "fates.parquet", ROW_FATES) as fates,
    ):
        for group in read_groups(conversations):
            rows = _judged(group, judged.slice(offset, group.height))
            offset += group.height
            survivors = rows.filter(pl.col("reason").is_null())
            drafts = _drafts(survivors, source, template)
            frame, lost = _examples(survivors, drafts, max_tokens)
            examples.append(frame)
            index.append(_index(frame, survivors, shard, position))
            position += frame.height
            row_fates = _row_fates(rows, survivors, frame, lost)
            fates.append(row_fates)
            rejects.append(_rejects(rows, row_fates))
            count += _count(source.name, row_fates, frame, lost)
    return count


def _judged(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    if not rows["id"].equals(verdicts["id"]):
        msg = "the verdicts of dedup are not about these conversations"
        raise LedgerError(msg)
    return rows.hstack(verdicts.select("cluster", "winner", "similarity", "reason"))


def _drafts(survivors: pl.DataFrame, source: SourceBase, template: Template) -> list[_Draft]:
    drafts = []
    for owner, row in enumerate(survivors.select("messages", "tools").iter_rows()):
        messages, tools = _MESSAGES.validate_python(row[0]), _TOOLS.validate_python(row[1])
        try:
            turns = training_turns(messages, tools, template=template, supervise=source.supervise)
        except ModeUnsupported as error:
            drafts.append(_Draft(owner, messages, tools, None, Reason.MODE_UNSUPPORTED, str(error)))
            continue
        for turn in turns:
            problem = round_trip_problem(messages, tools, turn, template)
            reason = Reason.ROUND_TRIP if problem else None
            drafts.append(_Draft(owner, messages, tools, turn, reason, problem or ""))
    return drafts


def _examples(
    survivors: pl.DataFrame, drafts: list[_Draft], max_tokens: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the examples, and of the drafts that became none (owner, reason, detail, tokens)."""
    prompts = count_tokens([draft.turn.prompt if draft.turn else "" for draft in drafts])
    completions = count_tokens([draft.turn.completion if draft.turn else "" for draft in drafts])
    ids, sources = survivors["id"], survivors["source"]
    kept, lost = [], []
    for draft, prompt_tokens, completion_tokens in zip(
        drafts, prompts.tolist(), completions.tolist(), strict=True
    ):
        reason, detail, tokens = draft.reason, draft.detail, prompt_tokens + completion_tokens
        if reason is None and tokens > max_tokens:
            reason, detail = Reason.TOO_LONG, f"{tokens} tokens, at most {max_tokens} are allowed"
        if reason is not None or draft.turn is None:
            lost.append({"owner": draft.owner, "reason": reason, "detail": detail, "tokens": tokens})
            continue
        owner, turn = ids[draft.owner], draft.turn
        kept.append(
            {
                "id": f"{owner}-{turn.turn}",
                "source": sources[draft.owner],
                "conversation_id": owner,
                "turn": turn.turn,
                "thinking": turn.thinking,
                "messages": [_chat(message) for message in draft.messages[: turn.turn + 1]],
                "tools": json_text(list(draft.tools)) if draft.tools else None,
                "prompt": turn.prompt,
                "completion": turn.completion,
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "owner": draft.owner,
            }
        )
    examples = pl.DataFrame(kept, schema={**EXAMPLES, "owner": pl.Int64()}, orient="row")
    schema = {"owner": pl.Int64, "reason": pl.String, "detail": pl.String, "tokens": pl.Int64}
    return examples, pl.DataFrame(lost, schema=schema, orient="row")


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


def _index(examples: pl.DataFrame, survivors: pl.DataFrame, shard: int, position: int) -> pl.DataFrame:
    size = pl.col("prompt").str.len_bytes() + pl.col("completion").str.len_bytes()
    return examples.select(
        "source",
        "conversation_id",
        "turn",
        pl.Series("cluster", survivors["cluster"].gather(examples["owner"])),
        "thinking",
        "prompt_tokens",
        "completion_tokens",
        size.cast(pl.Int64).alias("text_bytes"),
        pl.lit(shard, dtype=pl.Int64).alias("shard"),
        (pl.int_range(pl.len(), dtype=pl.Int64) + position).alias("row"),
    )


def _row_fates(
    rows: pl.DataFrame, survivors: pl.DataFrame, examples: pl.DataFrame, lost: pl.DataFrame
) -> pl.DataFrame:
    """Return the fate of every row: dropped by dedup, turned into examples, or the first reason why not."""
    made = examples.group_by("owner").agg(pl.len().cast(pl.Int64).alias("examples"))
    why = lost.group_by("owner", maintain_order=True).agg(
        pl.col("reason").first().alias("lost_reason"), pl.col("detail").first().alias("lost_detail")
    )
    outcome = (
        survivors.select("id", pl.col("lineage").struct.field("row"))
        .with_row_index("owner")
        .with_columns(pl.col("owner").cast(pl.Int64))
        .join(made, on="owner", how="left")
        .join(why, on="owner", how="left")
        .with_columns(pl.col("examples").fill_null(0))
    )
    empty = pl.col("examples") == 0
    return (
        rows.select(
            "id",
            pl.col("lineage").struct.field("file"),
            pl.col("lineage").struct.field("row"),
            "reason",
            "cluster",
            "winner",
            "similarity",
            pl.col("messages").list.len().cast(pl.Int64).alias("messages"),
            "text_bytes",
        )
        .join(outcome.drop("owner"), on=["id", "row"], how="left", maintain_order="left")
        .with_columns(
            stage=pl.when(pl.col("reason").is_not_null())
            .then(pl.lit("dedup"))
            .when(empty)
            .then(pl.lit(STAGE)),
            reason=pl.coalesce("reason", pl.when(empty).then("lost_reason")),
            detail=pl.when(empty).then("lost_detail"),
            examples=pl.col("examples").fill_null(0),
        )
        .select(ROW_FATES.names())
        .cast(ROW_FATES)
    )


def _rejects(rows: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """Return the dropped conversations whole; a solution beyond the cap is a good row and is only listed."""
    dropped = fates.with_columns(source=rows["source"], place=pl.int_range(pl.len())).filter(
        pl.col("reason").is_not_null() & (pl.col("reason") != Reason.SOLUTION_CAP.value)
    )
    content = [
        json.dumps({key: row[key] for key in ("messages", "tools", "metadata")}, ensure_ascii=False)
        for row in rows[dropped["place"].to_list()].iter_rows(named=True)
    ]
    return dropped.with_columns(content=pl.Series(content, dtype=pl.String)).select(REJECTS.names())


def _count(source: str, fates: pl.DataFrame, examples: pl.DataFrame, lost: pl.DataFrame) -> StageCount:
    """Count rows by their fate and examples by theirs: a row may lose one example and keep another."""
    rows = count_stage(
        STAGE, source, fates.filter(pl.col("stage").is_null() | (pl.col("stage") == STAGE)).drop("examples")
    )
    tokens = pl.col("prompt_tokens") + pl.col("completion_tokens")
    turns = pl.concat(
        [
            examples.select(pl.lit(None, dtype=pl.String).alias("reason"), tokens.alias("tokens")),
            lost.select("reason", "tokens"),
        ]
    )
    return rows + count_stage(STAGE, source, turns, of="examples")
