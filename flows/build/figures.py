"""The stage that measures a finished sample: figures and examples for the report, and the reference check."""

from collections.abc import Sequence
from dataclasses import dataclass

from thinkmix.curation.audit import measure, reference_check, work
from thinkmix.curation.sample.model_files import ModelFiles
from thinkmix.flows.build.jobs import Run, Shard, job, pass_job, run_jobs, run_passes
from thinkmix.flows.build.publish import Joined
from thinkmix.flows.build.step import step, steps_of_pass
from thinkmix.flows.store.cache import StageOutput
from thinkmix.templates.chat.families.contract import Family

STAGE = "audit"


@dataclass(frozen=True)
class Audited:
    """What the report says of a finished sample."""

    measured: StageOutput
    compared: Sequence[StageOutput]
    """Whether the sample of the published examples is what the reference says, part by part."""

    @property
    def facts(self) -> measure.Audit:
        """Return all figures and samples, with the checks on them."""
        found = measure.Audit.model_validate(self.measured.result["audit"])
        compared = [
            reference_check.Comparison.model_validate(output.result["compared"]) for output in self.compared
        ]
        return found.model_copy(update={"checks": (*found.checks, reference_check.check_examples(compared))})


def audit(
    run: Run,
    shards: Sequence[Shard],
    assigned: Sequence[StageOutput],
    joined: Joined,
    published: Sequence[StageOutput],
    family: Family,
) -> Audited:
    """Measure what the report shows, and beside it compare a sample with the reference, shard by shard."""
    firsts = [output for output in published if any("-00000-of-" in name for name in output.files)]
    rejected = [output for name, output in joined.items() if name.startswith("rejects/")]
    rated = sorted({shard.source.name for shard in shards if shard.source.format.rated})
    seen = [
        work.AuditShard(
            shard.source.name,
            shard.raw.piece.file,
            shard.keys,
            output.blob("outcomes.parquet"),
            output.blob("sampled.parquet"),
            output.result["clusters"],
        )
        for shard, output in zip(shards, assigned, strict=True)
    ]
    # of both splits train first: its rows are the ones to show
    shown = [output.blob(name) for output in reversed(firsts) for name in output.files]
    flagged = any(output.result["flags"] for output in assigned)
    measuring = step(
        work.measure_mixture,
        shards=seen,
        rejects=[output.blob("rejects.parquet") for output in rejected],
        firsts=shown,
        rated=rated,
        flagged=[output.blob(name) for output in published for name in output.files] if flagged else [],
    )
    sampling = [
        job(run, "check_sample", blob.path.name, step(work.sample, shard=blob, shards=len(firsts)))
        for blob in shown
    ]
    samples = [
        output.blob(name) for output in run_jobs(run, sampling, stage="check_sample") for name in output.files
    ]
    # each by itself: a shard may change where it was not sampled
    proving = steps_of_pass(
        work.compare_all, over="samples", model=ModelFiles.installed(family), samples=samples
    )
    jobs = [
        pass_job(run, "reference_check", "reference_check", proving),
        pass_job(run, STAGE, STAGE, measuring.alone()),
    ]
    compared, (measured,) = run_passes(run, jobs, stage=STAGE)
    return Audited(measured, compared)
