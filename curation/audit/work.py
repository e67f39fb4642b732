"""The work of the audit: figures and samples of a finished draw, and the proof of its text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from thinkmix.curation.audit import measure, proof
from thinkmix.curation.audit.samples import DrawnShard, dropped_samples, kept_samples
from thinkmix.curation.audit.spreads import spreads
from thinkmix.curation.dedup.cluster_view import ClusterPart, ClusterShard, cluster_view
from thinkmix.curation.files.outputs import Make
from thinkmix.curation.files.shards import read_many
from thinkmix.schemas.template import Template

_TRACES = pl.Schema({"thinking": pl.Boolean(), "think_tokens": pl.Int64()})


@dataclass(frozen=True)
class AuditShard:
    """One shard as the audit sees it: what became of its rows, and where."""

    source: str
    file: str
    keys: Path
    settled: Path
    """Folder of its fates and its drawn examples."""
    clusters: object
    """A `ClusterPart`, as a worker's result holds it."""

    @property
    def drawn(self) -> Path:
        """Return where its drawn examples are listed."""
        return self.settled / "drawn.parquet"


def measuring(
    shards: Sequence[AuditShard],
    rejects: Sequence[Path],
    firsts: Sequence[Path],
    rated: Sequence[str],
    places: Sequence[int],
) -> list[Make]:
    """Yield the one thing to make: figures and samples."""
    return [partial(_audit, shards, rejects, firsts, rated) for _ in places]


def _audit(
    shards: Sequence[AuditShard],
    rejects: Sequence[Path],
    firsts: Sequence[Path],
    rated: Sequence[str],
    out: Path,
) -> dict[str, object]:
    by_source: dict[str, list[Path]] = {}
    for shard in shards:
        by_source.setdefault(shard.source, []).append(shard.drawn)
    tokens = {source: list(_tokens(paths)) for source, paths in by_source.items()}
    traces = {
        source: [
            pl.DataFrame(schema=_TRACES),
            *(rows.drop("shard") for rows in read_many(paths, _TRACES.names())),
        ]
        for source, paths in by_source.items()
    }
    everything = [shard.drawn for shard in shards]
    drawn = [DrawnShard(shard.source, shard.file, shard.drawn) for shard in shards]
    samples = (*kept_samples(firsts, drawn), *dropped_samples(rejects))
    found = measure.Audit(
        lengths=measure.lengths(tokens),
        thinking=measure.thinking(traces),
        spreads=spreads(by_source, rated=rated),
        clusters=cluster_view(
            [
                ClusterShard(
                    ClusterPart.model_validate(shard.clusters), shard.settled / "fates.parquet", shard.keys
                )
                for shard in shards
            ]
        ),
        samples=tuple(sorted(samples, key=lambda sample: (sample.source, sample.reason))),
        checks=(
            measure.check_split(read_many(everything, ["cluster", "split"])),
            measure.check_targets(read_many(everything, ["completion_tokens"])),
        ),
    )
    return {"audit": found.model_dump(mode="json"), "rows": sum(view.examples for view in found.lengths)}


def sample(shard: Path, shards: int, out: Path) -> dict[str, object]:
    """Write the examples of a published shard that the reference looks at."""
    return {"rows": proof.write_sample(shard, out, shards=shards)}


def proving(samples: Sequence[Path], template: Template, places: Sequence[int]) -> list[Make]:
    """Yield for each place in `samples` what compares it with the reference."""
    return [partial(_prove, samples[place], template) for place in places]


def _prove(sample: Path, template: Template, out: Path) -> dict[str, object]:
    compared = proof.compare_examples(sample, template=template)
    return {"compared": compared.model_dump(), "rows": compared.examples}


def _tokens(drawn: Sequence[Path]) -> Iterator[pl.Series]:
    yield pl.Series(dtype=pl.Int64)  # nothing may have been drawn
    for rows in read_many(drawn, ["prompt_tokens", "completion_tokens"]):
        yield rows["prompt_tokens"] + rows["completion_tokens"]
