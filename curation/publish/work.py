"""The work of publishing: the outcomes of one shard, its dropped rows whole, and the published shards."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from thinkmix.curation.dedup import cluster_view
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.shards import ShardWriter, height, read_groups, write_shard
from thinkmix.curation.publish import assemble, outcomes
from thinkmix.curation.publish.rejects import keep_rejects
from thinkmix.curation.read.read import RawSlice
from thinkmix.curation.sample.pools import PartFiles
from thinkmix.curation.tables import OUTCOMES, REJECTS, with_flags
from thinkmix.schemas.ledger import MIX, RENDER


class Validated(NamedTuple):
    """What validation left of a shard."""

    source: str
    rejects: Blob
    """Schema `tables.REJECTS`."""
    keys: Blob
    """Schema `tables.KEYS`."""


def assign_outcomes(
    out: Path,
    shard: Validated,
    verdicts: Blob,
    parts: Sequence[PartFiles],
    selection: Blob,
    flagged: bool,
    overlap: Blob | None,
) -> dict[str, object]:
    """Write the outcome of each row of a shard, the rows dropped after validation, and what was sampled.

    If rows are flagged, write `flags.parquet`, too: schema `outcomes.EXAMPLE_FLAGS`.
    """
    assigned = outcomes.assign_outcomes(
        shard.source,
        rejects=shard.rejects.path,
        keys=shard.keys.path,
        verdicts=verdicts.path,
        parts=parts,
        selection=selection.path,
        flagged=flagged,
        overlap=None if overlap is None else overlap.path,
    )
    if flagged:
        write_shard(out / "flags.parquet", assigned.flags)
    write_shard(out / "late_drops.parquet", outcomes.late_drops(assigned.outcomes))
    write_shard(out / "outcomes.parquet", assigned.outcomes)
    write_shard(out / "sampled.parquet", assigned.sampled)
    found = cluster_view.clusters(pl.read_parquet(verdicts.path, columns=["cluster", "cluster_size"]))
    return {
        RENDER: assigned.rendered.model_dump(),
        MIX: assigned.mixed.model_dump(),
        "clusters": found.model_dump(),
        "rows": assigned.outcomes.height,
        "flags": outcomes.count_flags(assigned.outcomes),
    }


def write_rejects(
    out: Path, piece: RawSlice, max_row_bytes: int, quarantine: Blob, later: Blob
) -> dict[str, object]:
    """Write `rejects.parquet` (schema `tables.REJECTS`): the dropped rows of a slice, whole."""
    rows = pl.read_parquet(later.path)
    keep_rejects(piece, max_row_bytes, quarantine.path, rows, out / "rejects.parquet")
    piece.check_unchanged()
    return {"rows": height(out / "rejects.parquet")}


def join(out: Path, parts: Sequence[Blob], file: str, flagged: bool) -> dict[str, object]:
    """Write the same file of several shards as one. `flagged` says whether its rows have flags."""
    with ShardWriter(out / file, with_flags(_JOINED[file], flagged=flagged)) as joined:
        for part in parts:
            for group in read_groups(part.path):
                joined.append(group)
    return {"rows": joined.rows}


_JOINED = {"outcomes.parquet": OUTCOMES, "rejects.parquet": REJECTS}


def partition(out: Path, examples: Blob, selection: Blob, flags: Blob | None) -> dict[str, object]:
    """Write the sampled examples of a rendered part by published shard; `selection` names them.

    `flags` are those of all sampled examples of its shard, if rows are flagged.
    """
    nth = selection.region[0]
    sampled = pl.read_parquet(selection.path).filter(nth=nth).drop("nth")
    mine = None if flags is None else pl.read_parquet(flags.path).filter(nth=nth).drop("nth")
    places = assemble.partition(examples.path, sampled, out / "parts", mine)
    return {"places": places, "rows": sampled.height}


def publish_shard(out: Path, parts: Sequence[Blob], target: str, flagged: bool) -> dict[str, object]:
    """Write a published shard, in its order; `parts` are the batches of partitions that go to it."""
    content = assemble.publish_shard(parts, out / target, flagged=flagged)
    return {"content_sha256": content, "rows": height(out / target)}
