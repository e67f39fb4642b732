"""The work of the audit: figures and examples of a finished sample, and the reference check of its text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from thinkmix.curation.audit import measure, reference_check
from thinkmix.curation.audit.flagged import flagged_samples
from thinkmix.curation.audit.mode_pairs import mode_pairs
from thinkmix.curation.audit.samples import SampledShard, dropped_samples, kept_samples
from thinkmix.curation.audit.spreads import spreads
from thinkmix.curation.dedup.cluster_view import ClusterPart, ClusterShard, cluster_view
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.outputs import Make
from thinkmix.curation.files.shards import read_many
from thinkmix.curation.sample.model_files import ModelFiles
from thinkmix.templates.chat.families.contract import Family

_TRACES = pl.Schema({"thinking": pl.Boolean(), "think_tokens": pl.Int64()})


@dataclass(frozen=True)
class AuditShard:
    """One shard as the audit sees it: what became of its rows, and where."""

    source: str
    file: str
    keys: Blob
    """Schema `tables.KEYS`."""
    outcomes: Blob
    """Schema `tables.OUTCOMES`."""
    sampled: Blob
    """Schema `tables.SAMPLED`."""
    clusters: object
    """A `ClusterPart`, as a worker's result holds it."""


def measure_mixture(
    out: Path,
    shards: Sequence[AuditShard],
    rejects: Sequence[Blob],
    firsts: Sequence[Blob],
    rated: Sequence[str],
    flagged: Sequence[Blob],
) -> dict[str, object]:
    """Return figures and samples of a finished sample.

    Args:
        shards: all of them.
        rejects: published files of dropped rows, schema `tables.REJECTS`.
        firsts: the first published shard of each split, schema `tables.EXAMPLES`.
        rated: sources whose format states pass rates.
        flagged: all published shards, if rows of the mixture may have flags.
        out: a folder; nothing is written into it.
    """
    by_source: dict[str, list[Path]] = {}
    for shard in shards:
        by_source.setdefault(shard.source, []).append(shard.sampled.path)
    tokens = {source: list(_tokens(paths)) for source, paths in by_source.items()}
    traces = {
        source: [
            pl.DataFrame(schema=_TRACES),
            *(rows.drop("shard") for rows in read_many(paths, _TRACES.names())),
        ]
        for source, paths in by_source.items()
    }
    everything = [shard.sampled.path for shard in shards]
    sampled = [SampledShard(shard.source, shard.file, shard.sampled.path) for shard in shards]
    shown, dropped = [blob.path for blob in firsts], [blob.path for blob in rejects]
    samples = (*kept_samples(shown, sampled), *dropped_samples(dropped))
    found = measure.Audit(
        lengths=measure.lengths(tokens),
        thinking=measure.thinking(traces),
        mode_pairs=mode_pairs(by_source),
        spreads=spreads(by_source, rated=rated),
        clusters=cluster_view(
            [
                ClusterShard(ClusterPart.model_validate(shard.clusters), shard.outcomes.path, shard.keys.path)
                for shard in shards
            ]
        ),
        samples=tuple(sorted(samples, key=lambda sample: (sample.source, sample.reason))),
        flagged=flagged_samples([blob.path for blob in flagged], sampled),
        checks=(
            measure.check_split(read_many(everything, ["cluster", "split"])),
            measure.check_targets(read_many(everything, ["completion_tokens"])),
        ),
    )
    return {"audit": found.model_dump(mode="json"), "rows": sum(view.examples for view in found.lengths)}


def sample(out: Path, shard: Blob, shards: int) -> dict[str, object]:
    """Write the examples of a published shard that the reference looks at."""
    return {"rows": reference_check.write_sample(shard.path, out, shards=shards)}


def compare_all(model: ModelFiles, samples: Sequence[Blob]) -> list[Make]:
    """Return for each sample what compares it with the reference."""
    return [partial(_prove, sample.path, model.family) for sample in samples]


def _prove(sample: Path, family: Family, out: Path) -> dict[str, object]:
    compared = reference_check.compare_examples(sample, family=family)
    return {"compared": compared.model_dump(), "rows": compared.examples}


def _tokens(sampled: Sequence[Path]) -> Iterator[pl.Series]:
    yield pl.Series(dtype=pl.Int64)  # nothing may have been sampled
    for rows in read_many(sampled, ["prompt_tokens", "completion_tokens"]):
        yield rows["prompt_tokens"] + rows["completion_tokens"]
