"""The stage that measures a finished draw: all figures and samples of the report, in one worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from curation import measure, proof
from curation.cluster_view import ClusterPart, ClusterShard, cluster_view
from curation.samples import DrawnShard, dropped_samples, kept_samples
from curation.spreads import spreads
from flows.drawing import Joined
from flows.jobs import Run, Shard, job, run_jobs
from flows.store import StageOutput
from schemas.recipe import Template
from templates import template_digest, tokenizer_digest

STAGE = "audit"


@dataclass(frozen=True)
class _Shard:
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


def audit(
    run: Run,
    shards: Sequence[Shard],
    settled: Sequence[StageOutput],
    joined: Joined,
    gathered: Sequence[StageOutput],
    template: Template,
) -> StageOutput:
    """Measure what the report shows, and check a sample against the reference, in one worker."""
    firsts = [output for output in gathered if any("-00000-of-" in name for name in output.files)]
    rejected = [output for (file, _), output in joined.items() if file == "rejects.parquet"]
    rated = sorted({shard.source.name for shard in shards if hasattr(shard.source.format, "pass_rate")})
    seen = [
        _Shard(shard.source.name, shard.raw.piece.file, shard.keys, output.folder, output.result["clusters"])
        for shard, output in zip(shards, settled, strict=True)
    ]
    measuring = job(
        run,
        STAGE,
        STAGE,
        partial(
            _audit,
            seen,
            [output.folder / "rejects.parquet" for output in rejected],
            # of both splits train first: its rows are the ones to show
            [output.folder / name for output in reversed(firsts) for name in output.files],
            rated,
            template,
        ),
        sources=[(shard.source, shard.file) for shard in seen],
        keys=[shard.validated.files["keys.parquet"] for shard in shards],
        settled=[(output.files, output.result) for output in settled],
        rejects=[output.files for output in rejected],
        gathered=[output.files for output in firsts],
        rated=rated,
        template=template_digest(template),
        tokenizer=tokenizer_digest(),
    )
    return run_jobs(run, [measuring], stage=STAGE)[0]


# What follows runs inside a worker, into the folder that it is given.


def _audit(
    shards: Sequence[_Shard],
    rejects: Sequence[Path],
    firsts: Sequence[Path],
    rated: Sequence[str],
    template: Template,
    out: Path,
) -> dict[str, object]:
    by_source: dict[str, list[Path]] = {}
    for shard in shards:
        by_source.setdefault(shard.source, []).append(shard.drawn)
    tokens = {source: [_tokens(path) for path in paths] for source, paths in by_source.items()}
    traces = {
        source: [pl.read_parquet(path, columns=["thinking", "think_tokens"]) for path in paths]
        for source, paths in by_source.items()
    }
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
            measure.check_split(
                pl.read_parquet(shard.drawn, columns=["cluster", "split"]) for shard in shards
            ),
            measure.check_targets(
                pl.read_parquet(shard.drawn, columns=["completion_tokens"]) for shard in shards
            ),
            proof.check_examples(firsts, template=template),
        ),
    )
    return {"audit": found.model_dump(mode="json"), "rows": sum(view.examples for view in found.lengths)}


def _tokens(drawn: Path) -> pl.Series:
    rows = pl.read_parquet(drawn, columns=["prompt_tokens", "completion_tokens"])
    return rows["prompt_tokens"] + rows["completion_tokens"]
