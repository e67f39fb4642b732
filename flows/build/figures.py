"""The stage that measures a finished draw: the report's figures and samples, and the proof of its text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from thinkmix.curation.audit import measure, proof, work
from thinkmix.flows.build.gathering import Joined
from thinkmix.flows.build.jobs import Run, Shard, job, pass_job, run_jobs, run_passes
from thinkmix.flows.store.cache import StageOutput
from thinkmix.schemas.template import Template
from thinkmix.templates.chat import template_digest, tokenizer_digest

STAGE = "audit"


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
        work.AuditShard(
            shard.source.name, shard.raw.piece.file, shard.keys, output.folder, output.result["clusters"]
        )
        for shard, output in zip(shards, settled, strict=True)
    ]
    measuring = pass_job(
        run,
        STAGE,
        STAGE,
        partial(
            work.measuring,
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
            partial(work.sample, output.folder / name, len(firsts)),
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
        partial(work.proving, list(sampled), template),
        # the examples themselves: a shard may change where it was not sampled
        pieces=list(sampled.values()),
        template=template_digest(template),
        tokenizer=tokenizer_digest(),
    )
    proved, (measured,) = run_passes(run, [proving, measuring], stage=STAGE)
    return Audited(measured, proved)
