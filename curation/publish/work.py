"""The work of publishing: the fates of one shard, its dropped rows whole, and the published shards."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from thinkmix.curation.dedup import cluster_view
from thinkmix.curation.dedup.settings import Numbers
from thinkmix.curation.files.shards import ShardWriter, height, read_groups, write_shard
from thinkmix.curation.publish import assemble, fates
from thinkmix.curation.read.read import read_rows
from thinkmix.curation.sample import mix, render
from thinkmix.curation.sample.pools import Part
from thinkmix.curation.tables import FATES, REJECTS
from thinkmix.curation.validate.raw import Raw


class Validated(NamedTuple):
    """What validation left of a shard."""

    source: str
    rejects: Path
    """Schema `tables.REJECTS`."""
    keys: Path
    """Schema `tables.KEYS`."""


def settle(
    shard: Validated,
    verdicts: Path,
    parts: Sequence[Part],
    selection: Path,
    numbers: Numbers,
    out: Path,
) -> dict[str, object]:
    """Write the fate of each row of a shard, the rows dropped after validation, and what was drawn."""
    settled = fates.settle(
        shard.source,
        rejects=shard.rejects,
        keys=shard.keys,
        verdicts=verdicts,
        parts=parts,
        selection=selection,
        numbers=numbers,
    )
    write_shard(out / "later.parquet", fates.dropped_later(settled.fates))
    write_shard(out / "fates.parquet", settled.fates)
    write_shard(out / "drawn.parquet", settled.drawn)
    found = cluster_view.clusters(pl.read_parquet(verdicts, columns=["cluster", "cluster_size"]))
    return {
        render.STAGE: settled.rendered.model_dump(),
        mix.STAGE: settled.mixed.model_dump(),
        "clusters": found.model_dump(),
        "rows": settled.fates.height,
    }


def save(raw: Raw, quarantine: Path, later: Path, out: Path) -> dict[str, object]:
    """Write `rejects.parquet` (schema `tables.REJECTS`): the dropped rows of a slice, whole."""
    keep_rejects(raw, quarantine, pl.read_parquet(later), out / "rejects.parquet")
    raw.check_unchanged()
    return {"rows": height(out / "rejects.parquet")}


def join(parts: Sequence[Path], file: str, out: Path) -> dict[str, object]:
    """Write the same file of several shards as one."""
    with ShardWriter(out / file, _JOINED[file]) as joined:
        for part in parts:
            for group in read_groups(part):
                joined.append(group)
    return {"rows": joined.rows}


_JOINED = {"fates.parquet": FATES, "rejects.parquet": REJECTS}


def scatter(examples: Path, selection: Path, nth: int, out: Path) -> dict[str, object]:
    """Write the drawn examples of a rendered part, by published shard."""
    drawn = pl.read_parquet(selection).filter(nth=nth).drop("nth")
    places = assemble.scatter(examples, drawn, out / "parts")
    return {"places": places, "rows": drawn.height}


def gather(parts: Sequence[tuple[Path, assemble.Batches]], target: str, out: Path) -> dict[str, object]:
    """Write a published shard, in its order."""
    content = assemble.gather(parts, out / target)
    return {"content_sha256": content, "rows": height(out / target)}


def keep_rejects(raw: Raw, quarantine: Path, later: pl.DataFrame, out: Path) -> None:
    """Write the dropped rows of a slice, whole; those that validation did not drop are read again.

    Args:
        raw: the slice.
        quarantine: what validation dropped, schema `tables.REJECTS`.
        later: what other stages dropped.
        out: file to write.

    Raises:
        SourceError: if that file is gone or changed.
    """
    numbers = later["row"].to_numpy()
    opened = read_rows(raw.piece, max_row_bytes=raw.max_row_bytes, rows=numbers) if len(numbers) else ()
    fates.write_rejects(later, opened, quarantine=quarantine, out=out)
