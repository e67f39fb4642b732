"""The stage that finds rows which repeat an evaluation: questions to an index, shards to overlaps."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from thinkmix.curation.decontaminate import work
from thinkmix.curation.decontaminate.settings import Decontamination
from thinkmix.curation.decontaminate.work import Evaluation
from thinkmix.flows.build.jobs import Run, Shard, job, run_jobs
from thinkmix.flows.sources import local
from thinkmix.flows.store.cache import StageOutput
from thinkmix.flows.store.store import Store
from thinkmix.schemas.artifact import Snapshot

STAGE = "decontaminate"


def fetch(store: Store, plan: Decontamination, snapshots: Sequence[Snapshot], base: Path) -> list[Evaluation]:
    """Return the files, verified."""
    both = zip(plan.benchmarks, snapshots, strict=True)
    return [
        Evaluation(benchmark, local.fetch(benchmark, snapshot, base=base, into=store.cache.downloads))
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
        partial(work.questions, list(evaluations), plan.ngram),
        files=[
            (benchmark.name, benchmark.field, benchmark.rows, [file.sha256 for file in files])
            for benchmark, files in evaluations
        ],
        ngram=plan.ngram,
    )
    questions = run_jobs(run, [asking], stage="questions")[0]
    jobs = [
        job(
            run,
            "overlap",
            shard.label,
            partial(
                work.overlap,
                shard.keys,
                questions.folder / "questions.index",
                questions.result["benchmarks"],
                plan.ngram,
            ),
            keys=shard.validated.files["keys.parquet"],
            questions=questions.files,
            names=questions.result["benchmarks"],
            ngram=plan.ngram,
        )
        for shard in shards
    ]
    return run_jobs(run, jobs, stage=STAGE, total=sum(shard.valid for shard in shards))
