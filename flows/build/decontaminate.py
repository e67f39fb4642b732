"""The stage that finds rows which repeat an evaluation: questions to an index, shards to overlaps."""

from collections.abc import Sequence
from pathlib import Path

from thinkmix.curation.decontaminate import work
from thinkmix.curation.decontaminate.settings import Decontamination, QuestionSettings, ScanPlan
from thinkmix.curation.decontaminate.work import Evaluation
from thinkmix.curation.read.read import slices
from thinkmix.flows.build import benchmarks
from thinkmix.flows.build.benchmarks import Asked
from thinkmix.flows.build.fetch import blob_of
from thinkmix.flows.build.jobs import Run, Shard, job, run_jobs
from thinkmix.flows.build.step import step
from thinkmix.flows.store.cache import StageOutput
from thinkmix.flows.store.store import Store
from thinkmix.schemas.artifact import Snapshot
from thinkmix.schemas.record import narrow

STAGE = "decontaminate"


def fetch(store: Store, plan: Decontamination, asked: Asked, base: Path) -> list[Evaluation]:
    """Return the files of the benchmarks that can be had, verified."""
    both = zip(plan.benchmarks, asked, strict=True)
    return [
        Evaluation(
            narrow(benchmark, QuestionSettings),
            tuple(
                piece
                for file in benchmarks.fetch(benchmark, snapshot, base=base, into=store.cache.downloads)
                for piece in slices(file.name, blob_of(file), benchmark.rows)
            ),
        )
        for benchmark, snapshot in both
        if isinstance(snapshot, Snapshot)
    ]


def overlaps(
    run: Run, shards: Sequence[Shard], evaluations: Sequence[Evaluation], plan: Decontamination
) -> list[StageOutput]:
    """Return per shard which of its valid rows repeat a question; nothing if there are no questions.

    Raises:
        RecipeError: naming an allowed question that no benchmark has.
    """
    allow = _allowed_of(plan, evaluations)
    if not evaluations:
        return []
    asking = job(
        run,
        "questions",
        "questions",
        step(work.questions, evaluations=evaluations, allow=allow),
    )
    questions = run_jobs(run, [asking], stage="questions")[0]
    jobs = [
        job(
            run,
            "overlap",
            shard.label,
            step(
                work.overlap,
                said=shard.said,
                words=questions.blob("words.index"),
                anchors=questions.blob("anchors.index"),
                known=questions.result["benchmarks"],
                plan=narrow(plan, ScanPlan),
            ),
            source=shard.source.name,
        )
        for shard in shards
    ]
    return run_jobs(run, jobs, stage=STAGE, total=sum(shard.valid for shard in shards))


def _allowed_of(plan: Decontamination, evaluations: Sequence[Evaluation]) -> tuple[str, ...]:
    """Return the allowed questions of these evaluations; those of others are not scanned for.

    Raises:
        RecipeError: naming an allowed question of a benchmark that the recipe does not have.
    """
    stated = {benchmark.name for benchmark in plan.benchmarks}
    there = {evaluation.benchmark.name for evaluation in evaluations}
    named = {name: name.rpartition("/")[0] for name in plan.allow}
    for name, benchmark in named.items():
        if benchmark not in stated:
            raise work.unknown_question(name)
    return tuple(name for name, benchmark in named.items() if benchmark in there)
