"""The stage that measures a finished draw: the report's figures and samples, and the proof of its text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from thinkmix.curation.audit import measure, proof
from thinkmix.curation.audit.samples import DrawnShard, dropped_samples, kept_samples
from thinkmix.curation.audit.spreads import spreads
from thinkmix.curation.dedup.cluster_view import ClusterPart, ClusterShard, cluster_view
from thinkmix.curation.files.shards import read_many
from thinkmix.flows.build.gathering import Joined
from thinkmix.flows.build.jobs import Run, Shard, job, pass_job, run_jobs, run_passes
from thinkmix.flows.store.store import Make, StageOutput
from thinkmix.schemas.recipe import Template
from thinkmix.templates.chat import template_digest, tokenizer_digest

STAGE = "audit"

_TRACES = pl.Schema({"thinking": pl.Boolean(), "think_tokens": pl.Int64()})


@dataclass(frozen=True)
class Audited:
    """What the report says of a finished draw."""

    measured: StageOutput
    proved: Sequence[StageOutput]
    """Whether the sample of the published examples is what the reference says, part by part."""

    @property
    def facts(self) -> measure.Audit:
        """Return all figures and samples, with the checks on them."""
        found = measure.Audit.model_validate(self.measured.result["audit"])
        compared = [proof.Compared.model_validate(output.result["compared"]) for output in self.proved]
        return found.model_copy(update={"checks": (*found.checks, proof.check_examples(compared))})


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
) -> Audited:
    """Measure what the report shows, and beside it compare a sample with the reference, shard by shard."""
    firsts = [output for output in gathered if any("-00000-of-" in name for name in output.files)]
    rejected = [output for name, output in joined.items() if name.startswith("rejects/")]
    rated = sorted({shard.source.name for shard in shards if shard.source.format.rated})
    seen = [
        _Shard(shard.source.name, shard.raw.piece.file, shard.keys, output.folder, output.result["clusters"])
        for shard, output in zip(shards, settled, strict=True)
    ]
    measuring = pass_job(
        run,
        STAGE,
        STAGE,
        partial(
            _measuring,
            seen,
            [output.folder / "rejects.parquet" for output in rejected],
            # of both splits train first: its rows are the ones to show
            [output.folder / name for output in reversed(firsts) for name in output.files],
            rated,
        ),
        pieces=[STAGE],
        sources=[(shard.source, shard.file) for shard in seen],
        keys=[shard.validated.files["keys.parquet"] for shard in shards],
        settled=[(output.files, output.result) for output in settled],
        rejects=[output.files for output in rejected],
        gathered=[output.files for output in firsts],
        rated=rated,
    )
    sampling = [
        job(
            run,
            "sample",
            name,
            partial(_sample, output.folder / name, len(firsts)),
            shard=content,
            shards=len(firsts),
        )
        for output in reversed(firsts)
        for name, content in output.files.items()
    ]
    sampled = {
        output.folder / name: content
        for output in run_jobs(run, sampling, stage="sample")
        for name, content in output.files.items()
    }
    proving = pass_job(
        run,
        "proof",
        "proof",
        partial(_proving, list(sampled), template),
        # the examples themselves: a shard may change where it was not sampled
        pieces=list(sampled.values()),
        template=template_digest(template),
        tokenizer=tokenizer_digest(),
    )
    proved, (measured,) = run_passes(run, [proving, measuring], stage=STAGE)
    return Audited(measured, proved)


# What follows runs inside a worker, into the folder that it is given.


def _measuring(
    shards: Sequence[_Shard],
    rejects: Sequence[Path],
    firsts: Sequence[Path],
    rated: Sequence[str],
    places: Sequence[int],
) -> list[Make]:
    return [partial(_audit, shards, rejects, firsts, rated) for _ in places]


def _audit(
    shards: Sequence[_Shard],
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


def _sample(shard: Path, shards: int, out: Path) -> dict[str, object]:
    return {"rows": proof.write_sample(shard, out, shards=shards)}


def _proving(samples: Sequence[Path], template: Template, places: Sequence[int]) -> list[Make]:
    return [partial(_prove, samples[place], template) for place in places]


def _prove(sample: Path, template: Template, out: Path) -> dict[str, object]:
    compared = proof.compare_examples(sample, template=template)
    return {"compared": compared.model_dump(), "rows": compared.examples}


def _tokens(drawn: Sequence[Path]) -> Iterator[pl.Series]:
    yield pl.Series(dtype=pl.Int64)  # nothing may have been drawn
    for rows in read_many(drawn, ["prompt_tokens", "completion_tokens"]):
        yield rows["prompt_tokens"] + rows["completion_tokens"]
