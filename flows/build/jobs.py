"""Stages as jobs on shards: how outputs are keyed, spread over workers, and reported as they come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from thinkmix.curation.files.outputs import Makers
from thinkmix.curation.gates.findings import counted
from thinkmix.curation.validate.normalize import STAGE
from thinkmix.curation.validate.raw import Raw
from thinkmix.curation.validate.settings import SourceBase
from thinkmix.flows.executor.workers import Job, Result, RowWork, Workers
from thinkmix.flows.store.cache import StageOutput
from thinkmix.flows.store.digests import key_of
from thinkmix.flows.store.fingerprint import code_digest
from thinkmix.flows.store.store import Store
from thinkmix.flows.system.progress import Event, Notify
from thinkmix.schemas.ledger import StageCount, total

NOT_OF_ROWS = frozenset(("kind", "dataset", "revision", "files", "licence", "expect_rows"))
"""Fields of a source that say where its rows lie, or what a person expects of them, not what they become.

The files are in the keys by digest. Every other field is in them as it is, so that none can be forgotten.
"""

NOT_OF_TEXT = frozenset(("thinking", "supervise", "compare", "priority", "max_solutions_per_problem"))
"""Fields that decide which rows and turns are drawn, and nothing of how a drawn one is rendered."""


@dataclass(frozen=True)
class Run:
    """What all stages of one build share."""

    store: Store
    workers: Workers
    notify: Notify
    outputs: list[StageOutput] = field(default_factory=list)
    """Of all stages so far, to tell what was reused."""


@dataclass(frozen=True)
class Shard:
    """One slice of one source on its way through the stages."""

    number: int
    raw: Raw
    validated: StageOutput

    @property
    def source(self) -> SourceBase:
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
    def keys(self) -> Path:
        """Return where the shard's valid rows lie."""
        return self.validated.folder / "keys.parquet"

    @property
    def rejects(self) -> Path:
        """Return where the shard's quarantine lies."""
        return self.validated.folder / "rejects.parquet"


def row_settings(source: SourceBase, *, besides: frozenset[str] = frozenset()) -> Mapping[str, object]:
    """Return the settings of a source that change what a row becomes, but for those in `besides`."""
    return source.model_dump(exclude={*NOT_OF_ROWS, *besides})


def row_work(raw: Raw, stage: str, probe: Callable[[int, int], int]) -> RowWork:
    """Return the rows that a stage works on one by one, and how it would for some of them."""
    return RowWork(raw.source.name, raw.piece.file, stage, raw.piece.first_row, probe)


def job(
    run: Run,
    stage: str,
    label: str,
    make: Callable[[Path], Mapping[str, object]],
    *,
    rows: RowWork | None = None,
    **decided_by: object,
) -> Job[StageOutput]:
    """Return the work on one shard: `make`, unless its output is there for all that decides it.

    Our own code decides every output, so it is part of every key and no stage can forget it.
    """
    key = key_of(code=code_digest(), **decided_by)
    return Job(
        label,
        partial(run.store.cache.stage, stage, key, make),
        partial(run.store.cache.known, stage, key),
        rows,
    )


def pass_job(
    run: Run,
    stage: str,
    label: str,
    make: Makers,
    pieces: Sequence[str],
    *,
    rows: RowWork | None = None,
    **decided_by: object,
) -> Job[list[StageOutput]]:
    """Return the work on one shard that leaves several outputs, made in one pass over its rows.

    Args:
        run: the build.
        stage: the stage.
        label: the shard's name.
        make: given the places in `pieces` of what is not there, yields what writes each, in that order.
        pieces: of each output what decides it besides.
        rows: that it works on, where one of them can be left out.
        decided_by: what decides them all.
    """
    keys = [key_of(code=code_digest(), piece=piece, **decided_by) for piece in pieces]

    def known() -> list[StageOutput] | None:
        found = []
        for key in keys:
            if (output := run.store.cache.known(stage, key)) is None:
                return None
            found.append(output)
        return found

    return Job(label, partial(run.store.cache.stages, stage, keys, make), known, rows)


def run_jobs(
    run: Run,
    jobs: Sequence[Job[StageOutput]],
    *,
    stage: str,
    source: str = "",
    total: int | None = None,
) -> list[StageOutput]:
    """Return the outputs of a stage's jobs, in their order, telling how many rows are through."""
    return _run(run, jobs, lambda output: [output], stage, source, total)


def run_passes(run: Run, jobs: Sequence[Job[list[StageOutput]]], *, stage: str) -> list[list[StageOutput]]:
    """Return the outputs of each of a stage's passes, in their order; like `run_jobs`."""
    return _run(run, jobs, lambda outputs: outputs, stage)


def _run(
    run: Run,
    jobs: Sequence[Job[Result]],
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
    for result in results:
        run.outputs.extend(outputs_of(result))
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
        note = f"{stage} {source}: {counted(count.read.rows, 'row')} read, {count.kept.rows:,} kept"
        read = count.read.rows
        run.notify(Event(stage, source, read, read, note=f"{note}; dropped: {why}" if why else note))


def _rows(output: StageOutput) -> int:
    rows = output.result["rows"]
    return rows if isinstance(rows, int) else 0
