"""The one fate of every raw row: where it was dropped and why, or how many examples came of it."""

from pathlib import Path

import polars as pl

from curation import mix
from curation.count import count_stage
from schemas.ledger import StageCount
from schemas.reasons import Reason

FATES = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "file": pl.String(),
        "row": pl.Int64(),
        "stage": pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "cluster": pl.String(),
        "winner": pl.String(),
        "similarity": pl.Float32(),
        "examples": pl.Int64(),
        "drawn": pl.Int64(),
        "messages": pl.Int64(),
        "text_bytes": pl.Int64(),
    }
)
"""`reason` and `stage` are null for a row that is in the mixture, with `drawn` of its `examples`."""


def settle_slice(
    source: str, *, rejects: Path, rendered: Path, index: Path, selection: pl.DataFrame
) -> tuple[pl.DataFrame, StageCount]:
    """Return the fates of a slice's rows in file order, and what the draw kept and left of them.

    Args:
        source: name of the source.
        rejects: the slice's quarantine (schema `REJECTS`).
        rendered: fates after dedup and rendering (schema `ROW_FATES`).
        index: the slice's examples (schema `INDEX`).
        selection: what was drawn of them: rows of the index, some perhaps several times.
    """
    examples = pl.read_parquet(index).with_columns(
        drawn=pl.col("row").is_in(selection["row"].unique().implode())
    )
    per_row = examples.group_by("conversation_id").agg(pl.col("drawn").sum().cast(pl.Int64))
    valid = pl.read_parquet(rendered)
    # exact duplicates share their id with the row that stays; only that one has examples
    reached = valid["reason"].is_null()
    valid = valid.join(
        per_row, left_on="id", right_on="conversation_id", how="left", maintain_order="left"
    ).with_columns(drawn=pl.when(reached).then(pl.col("drawn").fill_null(0)).otherwise(0))
    left = reached & (valid["drawn"] == 0)
    valid = valid.with_columns(
        stage=pl.when(left).then(pl.lit(mix.STAGE)).otherwise(pl.col("stage")),
        reason=pl.when(left).then(pl.lit(Reason.NOT_SAMPLED.value)).otherwise(pl.col("reason")),
    )
    dropped = pl.scan_parquet(rejects).select(pl.exclude("content")).collect()
    fates = pl.concat([dropped, valid], how="diagonal").with_columns(
        source=pl.lit(source), examples=pl.col("examples").fill_null(0), drawn=pl.col("drawn").fill_null(0)
    )
    return fates.select(FATES.names()).cast(FATES).sort("row"), _count(
        source, valid.filter(reached), examples
    )


def _count(source: str, reached: pl.DataFrame, examples: pl.DataFrame) -> StageCount:
    rows = count_stage(mix.STAGE, source, reached.drop("examples"))
    turns = examples.select(
        pl.when(~pl.col("drawn")).then(pl.lit(Reason.NOT_SAMPLED.value)).alias("reason"),
        (pl.col("prompt_tokens") + pl.col("completion_tokens")).alias("tokens"),
    )
    return rows + count_stage(mix.STAGE, source, turns, of="examples")
