"""The stage that finds rows which repeat an evaluation: questions to an index, shards to overlaps."""

from collections.abc import Sequence
from pathlib import Path

from thinkmix.curation.decontaminate import work
from thinkmix.curation.decontaminate.settings import Decontamination, QuestionSettings
from thinkmix.curation.decontaminate.work import Evaluation
from thinkmix.curation.read.read import slices
from thinkmix.flows.build.fetch import blob_of
from thinkmix.flows.build.jobs import Run, Shard, job, run_jobs
from thinkmix.flows.build.step import step
from thinkmix.flows.sources import local
from thinkmix.flows.store.cache import StageOutput
from thinkmix.flows.store.store import Store
from thinkmix.schemas.artifact import Snapshot
from thinkmix.schemas.record import narrow

STAGE = "decontaminate"


def fetch(store: Store, plan: Decontamination, snapshots: Sequence[Snapshot], base: Path) -> list[Evaluation]:
    """Return the files, verified."""
    both = zip(plan.benchmarks, snapshots, strict=True)
    return [
        Evaluation(
            narrow(benchmark, QuestionSettings),
            tuple(
                piece
                for file in local.fetch(benchmark, snapshot, base=base, into=store.cache.downloads)
                for piece in slices(file.name, blob_of(file), benchmark.rows)
            ),
        )
        for benchmark, snapshot in both
    ]


def overlaps(
    run: Run, shards: Sequence[Shard], evaluations: Sequence[Evaluation], plan: Decontamination
) -> list[StageOutput]:
    """Return per shard which of its valid rows repeat a question; nothing if there are no questions."""
    if not evaluations:
        return []
    asking = job(
        run,
        "questions",
        "questions",
        step(work.questions, evaluations=evaluations, ngram=plan.ngram),
    )
    questions = run_jobs(run, [asking], stage="questions")[0]
    jobs = [
        job(
            run,
            "overlap",
            shard.label,
            step(
                work.overlap,
                keys=shard.keys,
                index=questions.blob("questions.index"),
                known=questions.result["benchmarks"],
                ngram=plan.ngram,
            ),
            source=shard.source.name,
        )
        for shard in shards
    ]
    return run_jobs(run, jobs, stage=STAGE, total=sum(shard.valid for shard in shards))
