"""The stages after the draw: the fate of every row, the dropped rows whole, and the published shards."""

from collections.abc import Mapping, Sequence
from functools import partial

from thinkmix.curation.dedup.settings import Numbers
from thinkmix.curation.files.outputs import numbered
from thinkmix.curation.publish import assemble, work
from thinkmix.flows.build.drawing import Drawn, Rendered
from thinkmix.flows.build.jobs import Run, Shard, job, run_jobs
from thinkmix.flows.executor.workers import Job
from thinkmix.flows.store.cache import StageOutput

Joined = Mapping[str, StageOutput]
"""By published name, like `fates/math.parquet`: an output of one file."""

_JOINED_AT_ONCE = 16
"""Shards whose dropped rows lie in one file."""


def settle(
    run: Run, shards: Sequence[Shard], verdicts: StageOutput, drawn: Drawn, numbers: Numbers
) -> list[StageOutput]:
    """Write down the one fate of every raw row."""
    jobs = []
    by_shard: dict[int, list[Rendered]] = {}
    for part in drawn.parts:
        by_shard.setdefault(part.shard, []).append(part)
    for shard in shards:
        parts = by_shard.get(shard.number, [])
        verdict = numbered("verdicts", shard.number)
        selection = drawn.selection(shard.number)
        jobs.append(
            job(
                run,
                "fates",
                shard.label,
                partial(
                    work.settle,
                    work.Validated(shard.source.name, shard.rejects, shard.keys),
                    verdicts.folder / verdict,
                    [part.part for part in parts],
                    selection,
                    numbers,
                ),
                validated=shard.validated.files,
                source=shard.source.name,
                verdicts=verdicts.files[verdict],
                rendered=[part.output.files for part in parts],
                selection=drawn.output.files[selection.name],
                numbers=numbers,
            )
        )
    return run_jobs(run, jobs, stage="settle")


def save(run: Run, shards: Sequence[Shard], settled: Sequence[StageOutput]) -> list[StageOutput]:
    """Keep the dropped rows whole: a row's text is read again only if it was not dropped before."""
    jobs = [
        job(
            run,
            "rejects",
            shard.label,
            partial(work.save, shard.raw, shard.rejects, fates.folder / "later.parquet"),
            piece=shard.raw.piece.model_dump(exclude={"path"}),
            max_row_bytes=shard.raw.max_row_bytes,
            quarantine=shard.validated.files["rejects.parquet"],
            later=fates.files["later.parquet"],
        )
        for shard, fates in zip(shards, settled, strict=True)
    ]
    return run_jobs(run, jobs, stage="save")


def gather(
    run: Run,
    shards: Sequence[Shard],
    settled: Sequence[StageOutput],
    saved: Sequence[StageOutput],
    drawn: Drawn,
) -> tuple[Joined, list[StageOutput]]:
    """Write what is published: fates and dropped rows of each source, and the shards of the mixture."""
    joins = _joins(run, shards, settled, saved)
    targets = _gathers(run, drawn)
    made = run_jobs(run, [*joins.values(), *targets], stage="gather")
    return dict(zip(joins, made, strict=False)), made[len(joins) :]


def rejects_name(source: str, number: int, files: int) -> str:
    """Return the name of one of the files that hold a source's dropped rows."""
    return f"{source}-{number:05d}-of-{files:05d}.parquet"


def _joins(
    run: Run, shards: Sequence[Shard], settled: Sequence[StageOutput], saved: Sequence[StageOutput]
) -> dict[str, Job[StageOutput]]:
    """Return the work of joining each source's fates in one file, and its dropped rows, some shards a file.

    The dropped rows lie whole: to write all of them anew because one shard changed would take long.
    """
    by_source: dict[str, list[tuple[StageOutput, StageOutput]]] = {}
    for shard, fate, rejects in zip(shards, settled, saved, strict=True):
        by_source.setdefault(shard.source.name, []).append((fate, rejects))
    jobs = {}
    for source, outputs in by_source.items():
        starts = range(0, len(outputs), _JOINED_AT_ONCE)
        for number, start in enumerate(starts):
            some = [rejects for _, rejects in outputs[start : start + _JOINED_AT_ONCE]]
            name = f"rejects/{rejects_name(source, number, len(starts))}"
            jobs[name] = _join_job(run, name, "rejects.parquet", some)
        name = f"fates/{source}.parquet"
        jobs[name] = _join_job(run, name, "fates.parquet", [fate for fate, _ in outputs])
    return jobs


def _join_job(run: Run, name: str, file: str, outputs: Sequence[StageOutput]) -> Job[StageOutput]:
    making = partial(work.join, [output.folder / file for output in outputs], file)
    return job(run, "join", name, making, file=file, parts=[output.files[file] for output in outputs])


def _gathers(run: Run, drawn: Drawn) -> list[Job[StageOutput]]:
    """Scatter what was drawn by published shard, and return the work of putting each of these in order."""
    jobs = [
        job(
            run,
            "scatter",
            f"part {part.number}",
            partial(work.scatter, part.examples, drawn.selection(part.shard), part.nth),
            examples=part.output.files["examples.parquet"],
            selection=drawn.print(part),
        )
        for part in drawn.parts
    ]
    having: dict[str, list[tuple[StageOutput, assemble.Batches]]] = {}
    for output in run_jobs(run, jobs, stage="scatter"):
        for target, batches in _places(output).items():
            having.setdefault(target, []).append((output, batches))
    return [
        job(
            run,
            "gather",
            target,
            partial(work.gather, [(part.folder / "parts", batches) for part, batches in parts], target),
            target=target,
            # of each part only what goes to this shard: a change elsewhere in it does not matter here
            parts=[[content for *_, content in batches] for _, batches in parts],
        )
        for target, parts in sorted(having.items())
    ]


def _places(output: StageOutput) -> assemble.Places:
    places = output.result["places"]
    assert isinstance(places, dict)
    return places
