"""The one outcome of every raw row: where it was dropped and why, or how many examples of it were sampled."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from thinkmix.curation.files.shards import read_groups
from thinkmix.curation.sample.pools import PartFiles, bits, check_same_rows
from thinkmix.curation.tables import (
    COUNTED,
    FLAGS,
    LOST,
    OUTCOMES,
    REJECTS,
    SAMPLED,
    with_flags,
    without_null_flags,
)
from thinkmix.curation.validate.count import count_stage
from thinkmix.schemas.ledger import MIX, RENDER, Amount, StageCount
from thinkmix.schemas.reasons import Reason


class Assigned(NamedTuple):
    """Outcomes of a slice's rows in file order, its sampled examples, and the counts of render and mix."""

    outcomes: pl.DataFrame
    sampled: pl.DataFrame
    rendered: StageCount
    mixed: StageCount
    flags: pl.DataFrame
    """The flags of sampled examples that have some (schema `EXAMPLE_FLAGS`)."""


EXAMPLE_FLAGS = pl.Schema({"nth": pl.Int32(), "place": pl.Int64(), **FLAGS})
"""The flags of a sampled example, which lies at a place of the nth rendered part of its shard."""


def assign_outcomes(
    source: str,
    *,
    rejects: Path,
    keys: Path,
    verdicts: Path,
    parts: Sequence[PartFiles],
    selection: Path,
    flagged: bool = False,
    overlap: Path | None = None,
) -> Assigned:
    """Return what became of every row of a slice.

    A row that was never rendered could not have been reached by sampling: it was not sampled. Tokens are
    counted of what was rendered only.

    Args:
        source: name of the source.
        rejects: the slice's quarantine (schema `tables.REJECTS`).
        keys: its valid rows (schema `tables.KEYS`).
        verdicts: what dedup decided of them, row by row.
        parts: what was rendered of them.
        selection: what was sampled of them: place and split of `tables.SELECTION`, and `nth`, the part.
        flagged: whether rows of the mixture may have flags; those of keys, verdicts and overlap are joined.
        overlap: which of the valid rows repeat a question (schema `tables.OVERLAP`), if any was looked for.

    Raises:
        LedgerError: if the verdicts are of other rows than the keys.
    """
    tried, copies = _tried(parts, selection)
    judged = _verdict_rows(keys, verdicts)
    if flagged:
        near = [] if overlap is None else [_overlap_flags(judged.height, overlap)]
        judged = judged.hstack(join_flags(judged.height, keys, verdicts, more=near))
    rows = _outcomes(judged, tried).with_columns(source=pl.lit(source))
    dropped = [group.drop("content") for group in read_groups(rejects)]
    outcomes = pl.concat([*dropped, rows], how="diagonal")
    outcomes = outcomes.with_columns(pl.col("examples", "sampled").fill_null(0))
    schema = with_flags(OUTCOMES, flagged=flagged)
    if flagged:
        outcomes = without_null_flags(outcomes)
    left = rows.filter(pl.col("stage").is_null() | (pl.col("stage") != "dedup"))
    unknown = int(left["possible"].sum()) - tried.height
    return Assigned(
        outcomes.select(schema.names()).cast(schema).sort("row"),
        _sampled(copies, rows),
        _count_rendered(source, left, tried, unknown),
        _count_mixed(source, left, tried, unknown),
        _example_flags(rows, parts, selection) if flagged else EXAMPLE_FLAGS.to_frame(),
    )


def join_flags(rows: int, *stages: Path, more: Sequence[pl.DataFrame] = ()) -> pl.DataFrame:
    """Return the flags that stages gave to the same rows, in their order, each once, schema `FLAGS`.

    Args:
        rows: how many rows there are.
        stages: files of one line per row; one without the columns of flags has flagged none.
        more: flags of other stages, schema `FLAGS`, a line per row.
    """
    found = [
        pl.read_parquet(file, columns=FLAGS.names())
        for file in stages
        if "flags" in pl.read_parquet_schema(file)
    ] + list(more)
    if not found:
        return pl.select(
            pl.lit([], dtype=kind).repeat_by(rows).explode().alias(name) for name, kind in FLAGS.items()
        )
    joined = pl.DataFrame(
        {name: found[0].select(pl.concat_list([frame[name] for frame in found]))[name] for name in FLAGS}
    )
    return joined.with_columns(pl.col("flags").list.unique(maintain_order=True))


def _overlap_flags(rows: int, overlap: Path) -> pl.DataFrame:
    """Return the flags of rows that are near a question, schema `FLAGS`, a line per row."""
    unknown = [pl.lit(None).alias(name) for name in ("message", "part", "start", "end")]
    words = pl.struct(pl.col("detail").alias("text"), *unknown).alias("evidence")
    rule = pl.lit(Reason.EVAL_OVERLAP.value)
    check = pl.struct(rule.alias("rule"), pl.col("score").alias("value"), words)
    near = (
        pl.read_parquet(overlap)
        .filter(action="flag")
        .select("place", pl.concat_list(rule).alias("flags"), pl.concat_list(check).alias("checks"))
    )
    every = pl.select(pl.int_range(rows, dtype=pl.Int64).alias("place"))
    joined = every.join(near, on="place", how="left", maintain_order="left")
    return without_null_flags(joined.select(FLAGS.names()).cast(FLAGS))


def count_flags(outcomes: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return by flag how many rows have it, and how many of those are in the mixture."""
    if "flags" not in outcomes.columns:
        return {}
    named = outcomes.select(flag="flags", kept=pl.col("sampled") > 0).explode("flag").drop_nulls("flag")
    counted = named.group_by("flag").agg(rows=pl.len(), mixed=pl.col("kept").sum()).sort("flag")
    return {flag: {"rows": rows, "mixed": mixed} for flag, rows, mixed in counted.iter_rows()}


def _example_flags(rows: pl.DataFrame, parts: Sequence[PartFiles], selection: Path) -> pl.DataFrame:
    some = rows.filter(pl.col("flags").list.len() > 0).select("row", *FLAGS.names())
    found = [EXAMPLE_FLAGS.to_frame()]
    sampled = pl.read_parquet(selection, columns=["nth", "place"]).unique()
    for nth, part in enumerate(parts):
        index = pl.read_parquet(part.index.path, columns=["row", "place"])
        mine = sampled.filter(nth=nth).select(pl.col("place").cast(pl.Int64))
        flagged = index.join(mine, on="place", how="semi").join(some, on="row", how="inner")
        found.append(
            flagged.select(pl.lit(nth, pl.Int32).alias("nth"), "place", *FLAGS.names()).sort("place")
        )
    return pl.concat(found)


def late_drops(outcomes: pl.DataFrame) -> pl.DataFrame:
    """Return which valid rows were dropped and are kept whole, in file order: schema `REJECTS`, no content.

    A row beyond the cap of solutions, or not sampled, is a good row: it is only listed.
    """
    late = pl.col("stage").is_in(["dedup", RENDER])
    known = [name for name in REJECTS.names() if name != "content"]
    return outcomes.filter(late & (pl.col("reason") != Reason.SOLUTION_CAP.value)).select(known)


def _tried(parts: Sequence[PartFiles], selection: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what was rendered, with its reason if lost and whether it was sampled; and all samples."""
    tried = [pl.DataFrame(schema={**LOST, "sampled": pl.Boolean()})]
    copies = [pl.DataFrame(schema={**COUNTED, "split": pl.String()})]
    sampled = pl.read_parquet(selection, columns=["nth", "place", "split"]).cast({"place": pl.Int64})
    for nth, part in enumerate(parts):
        index = pl.read_parquet(part.index.path)
        selected = sampled.filter(nth=nth).drop("nth")
        copies.append(selected.join(index, on="place", how="left").select(copies[0].columns))
        made = index.select(
            "row",
            "turn",
            reason=pl.lit(None, dtype=pl.String),
            detail=pl.lit(None, dtype=pl.String),
            tokens=pl.col("prompt_tokens") + pl.col("completion_tokens"),
            sampled=pl.col("place").is_in(selected["place"].unique().implode()),
        )
        tried += [made, pl.read_parquet(part.lost.path).with_columns(sampled=pl.lit(value=False))]
    return pl.concat(tried), pl.concat(copies)


def _sampled(copies: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    names = rows.select("row", bits("id", 0), bits("cluster", 0), bits("problem", 0))
    found = copies.join(names, on="row", how="left", maintain_order="left")
    return found.select(SAMPLED.names()).cast(SAMPLED)


def _verdict_rows(keys: Path, verdicts: Path) -> pl.DataFrame:
    columns = ["id", "file", "row", "messages", "text_bytes", "turns"]
    rows, judged = pl.read_parquet(keys, columns=columns), pl.read_parquet(verdicts)
    check_same_rows(rows, judged)
    possible = pl.col("turns").list.len().cast(pl.Int64)
    judged = judged.select("cluster", "problem", "winner", "similarity", "reason", why_not="detail")
    return rows.hstack(judged).select(pl.exclude("turns"), possible=possible)


def _outcomes(rows: pl.DataFrame, tried: pl.DataFrame) -> pl.DataFrame:
    """Add stage, reason and detail to the rows, and how many examples they have and how many were sampled."""
    by_turn = tried.sort("row", "turn")
    per_row = by_turn.group_by("row", maintain_order=True).agg(
        lost=pl.col("reason").count().cast(pl.Int64),
        sampled=pl.col("sampled").sum().cast(pl.Int64),
        why=pl.col("reason").drop_nulls().first(),
        detail=pl.col("detail").drop_nulls().first(),
    )
    duplicate = pl.col("reason").is_not_null()
    gone = ~duplicate & (pl.col("lost") == pl.col("possible"))
    left = ~duplicate & ~gone & (pl.col("sampled") == 0)
    return (
        rows.join(per_row, on="row", how="left", maintain_order="left")
        .with_columns(pl.col("lost", "sampled").fill_null(0))
        .with_columns(
            stage=pl.when(duplicate)
            .then(pl.lit("dedup"))
            .when(gone)
            .then(pl.lit(RENDER))
            .when(left)
            .then(pl.lit(MIX)),
            reason=pl.when(gone)
            .then("why")
            .when(left)
            .then(pl.lit(Reason.NOT_SAMPLED.value))
            .otherwise("reason"),
            detail=pl.when(gone).then("detail").otherwise("why_not"),
            examples=pl.when(duplicate).then(0).otherwise(pl.col("possible") - pl.col("lost")),
        )
    )


def _count_rendered(source: str, left: pl.DataFrame, tried: pl.DataFrame, unknown: int) -> StageCount:
    """Count rows by their outcome and examples by theirs: a row may lose one example and keep another."""
    reason = pl.when(pl.col("stage") == RENDER).then("reason").alias("reason")
    rows = count_stage(RENDER, source, left.select(reason, "messages", "text_bytes"))
    examples = count_stage(RENDER, source, tried.select("reason", "tokens"), of="examples")
    rest = Amount(examples=unknown)
    return rows + examples + StageCount(stage=RENDER, source=source, read=rest, kept=rest)


def _count_mixed(source: str, left: pl.DataFrame, tried: pl.DataFrame, unknown: int) -> StageCount:
    spared = left.filter(pl.col("stage").is_null() | (pl.col("stage") != RENDER))
    rows = count_stage(MIX, source, spared.select("reason", "messages", "text_bytes"))
    word = Reason.NOT_SAMPLED.value
    reason = pl.when(~pl.col("sampled")).then(pl.lit(word)).alias("reason")
    good = tried.filter(pl.col("reason").is_null()).select(reason, "tokens")
    rest = Amount(examples=unknown)
    untouched = {word: rest} if unknown else {}
    return (
        rows
        + count_stage(MIX, source, good, of="examples")
        + StageCount(stage=MIX, source=source, read=rest, dropped=untouched)
    )
