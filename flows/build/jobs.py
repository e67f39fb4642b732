"""Stages as jobs on shards: how outputs are keyed, spread over workers, and reported as they come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.gates.results import count_of
from thinkmix.curation.validate.raw import Raw
from thinkmix.curation.validate.rowwise import STAGE
from thinkmix.curation.validate.settings import RowSettings
from thinkmix.flows.build.step import Decided, Pass, Step
from thinkmix.flows.executor.workers import Job, Result, RowWork, Workers
from thinkmix.flows.store.cache import StageOutput
from thinkmix.flows.store.store import Store
from thinkmix.flows.system.progress import Event, Notify
from thinkmix.schemas.ledger import StageCount, total


class Used(NamedTuple):
    """One output of a build, and what decided it."""

    stage: str
    name: str
    output: StageOutput
    decided: Decided


@dataclass(frozen=True)
class StageJob(Job[Result]):
    """The work on one shard in a stage, whose output or outputs are known by keys."""

    stage: str = ""
    """The folder of the cache that its outputs lie in."""
    name: str = ""
    """What tells it from the other jobs of the stage, now and in the last build."""
    decided: tuple[Decided, ...] = ()
    """What decides each output."""


@dataclass(frozen=True)
class Run:
    """What all stages of one build share."""

    store: Store
    workers: Workers
    notify: Notify
    used: list[Used] = field(default_factory=list)
    """Outputs of all stages so far, to tell what was reused and why the others were made."""


@dataclass(frozen=True)
class Shard:
    """One slice of one source on its way through the stages."""

    number: int
    raw: Raw
    validated: StageOutput

    @property
    def source(self) -> RowSettings:
        """Return what the recipe says of the shard's source."""
        return self.raw.source

    @property
    def label(self) -> str:
        """Name the shard for progress and errors."""
        return self.raw.piece.label

    @property
    def valid(self) -> int:
        """Return how many valid rows it has."""
        return counts([self.validated], STAGE)[0].kept.rows

    @property
    def keys(self) -> Blob:
        """Return the shard's valid rows, schema `tables.KEYS`."""
        return self.validated.blob("keys.parquet")

    @property
    def rejects(self) -> Blob:
        """Return the shard's quarantine, schema `tables.REJECTS`."""
        return self.validated.blob("rejects.parquet")


def row_work(raw: Raw, stage: str, probe: Callable[[int, int], int]) -> RowWork:
    """Return the rows that a stage works on one by one, and how it would for some of them."""
    return RowWork(raw.source.name, raw.piece.file, stage, raw.piece.first_row, probe)


def job(
    run: Run, stage: str, label: str, made: Step, *, source: str = "", rows: RowWork | None = None
) -> StageJob[StageOutput]:
    """Return the work on one shard: the step, unless its output is there.

    Args:
        run: the build.
        stage: the stage.
        label: the shard's name.
        made: the step.
        source: name of the shard's source, where it has one.
        rows: that it works on, where one of them can be left out.
    """
    return StageJob(
        label,
        partial(run.store.cache.stage, stage, made.key, made.make),
        partial(run.store.cache.known, stage, made.key),
        rows,
        stage,
        f"{source} {label}".lstrip(),
        (made.decided,),
    )


def pass_job(
    run: Run, stage: str, label: str, made: Pass, *, source: str = "", rows: RowWork | None = None
) -> StageJob[list[StageOutput]]:
    """Return the work on one shard that leaves several outputs, made in one pass over its rows; see `job`."""

    def known() -> list[StageOutput] | None:
        found = []
        for key in made.keys:
            if (output := run.store.cache.known(stage, key)) is None:
                return None
            found.append(output)
        return found

    return StageJob(
        label,
        partial(run.store.cache.stages, stage, made.keys, made.make),
        known,
        rows,
        stage,
        f"{source} {label}".lstrip(),
        made.decided,
    )


def run_jobs(
    run: Run,
    jobs: Sequence[StageJob[StageOutput]],
    *,
    stage: str,
    source: str = "",
    total: int | None = None,
) -> list[StageOutput]:
    """Return the outputs of a stage's jobs, in their order, telling how many rows are through."""
    return _run(run, jobs, lambda output: [output], stage, source, total)


def run_passes(
    run: Run, jobs: Sequence[StageJob[list[StageOutput]]], *, stage: str
) -> list[list[StageOutput]]:
    """Return the outputs of each of a stage's passes, in their order; like `run_jobs`."""
    return _run(run, jobs, lambda outputs: outputs, stage)


def _run(
    run: Run,
    jobs: Sequence[StageJob[Result]],
    outputs_of: Callable[[Result], Sequence[StageOutput]],
    stage: str,
    source: str = "",
    total: int | None = None,
) -> list[Result]:
    done = 0

    def arrived(job: Job[Result], result: Result) -> None:
        nonlocal done
        done += sum(map(_rows, outputs_of(result)))
        run.notify(Event(stage, source, done, total))

    run.notify(Event(stage, source, 0, total))
    results = run.workers.run(jobs, done=arrived)
    run.notify(Event(stage, source, done, done))
    for job, result in zip(jobs, results, strict=True):
        for output, decided in zip(outputs_of(result), job.decided, strict=True):
            run.used.append(Used(job.stage, job.name, output, decided))
    return results


def counts(outputs: Sequence[StageOutput], stage: str) -> list[StageCount]:
    """Return the stage's counts that outputs carry, one per part."""
    found = []
    for output in outputs:
        listed = output.result[stage]
        found += [
            StageCount.model_validate(count) for count in (listed if isinstance(listed, list) else [listed])
        ]
    return found


def tell_counts(run: Run, stage: str, outputs: Sequence[StageOutput]) -> None:
    """Say of each source how many rows a stage read and kept, and why it dropped the others."""
    by_source: dict[str, list[StageCount]] = {}
    for count in counts(outputs, stage):
        by_source.setdefault(count.source, []).append(count)
    for source, parts in by_source.items():
        count = total(parts)
        lost = sorted(count.dropped.items(), key=lambda item: (-item[1].rows, item[0]))
        why = ", ".join(f"{reason} {amount.rows:,}" for reason, amount in lost if amount.rows)
        note = f"{stage} {source}: {count_of(count.read.rows, 'row')} read, {count.kept.rows:,} kept"
        read = count.read.rows
        run.notify(Event(stage, source, read, read, note=f"{note}; dropped: {why}" if why else note))


def _rows(output: StageOutput) -> int:
    rows = output.result["rows"]
    return rows if isinstance(rows, int) else 0
