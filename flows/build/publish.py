"""The stages after sampling: the outcome of every row, the dropped rows whole, and the published shards."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.outputs import numbered_name
from thinkmix.curation.publish import assemble, work
from thinkmix.flows.build.jobs import Run, Shard, StageJob, job, run_jobs
from thinkmix.flows.build.sampling import Rendered, Sampled
from thinkmix.flows.build.step import step
from thinkmix.flows.store.cache import StageOutput

Joined = Mapping[str, StageOutput]
"""By published name, like `outcomes/math.parquet`: an output of one file."""

_JOINED_AT_ONCE = 16
"""Shards whose dropped rows lie in one file."""


def assign_outcomes(
    run: Run,
    shards: Sequence[Shard],
    overlaps: Sequence[StageOutput],
    verdicts: StageOutput,
    sampled: Sampled,
    *,
    flagged: bool,
) -> list[StageOutput]:
    """Write down the one outcome of every raw row; `flagged`: rows of the mixture may have flags."""
    jobs = []
    by_shard: dict[int, list[Rendered]] = {}
    for part in sampled.parts:
        by_shard.setdefault(part.shard, []).append(part)
    for shard, overlap in zip_longest(shards, overlaps):
        assigning = step(
            work.assign_outcomes,
            shard=work.Validated(shard.source.name, shard.rejects, shard.keys),
            verdicts=verdicts.blob(numbered_name("verdicts", shard.number)),
            parts=[part.files for part in by_shard.get(shard.number, [])],
            selection=sampled.selection(shard.number),
            flagged=flagged,
            overlap=overlap.blob("overlap.parquet") if overlap and flagged else None,
        )
        jobs.append(job(run, "outcomes", shard.label, assigning, source=shard.source.name))
    return run_jobs(run, jobs, stage="assign outcomes")


def write_rejects(run: Run, shards: Sequence[Shard], assigned: Sequence[StageOutput]) -> list[StageOutput]:
    """Keep the dropped rows whole: a row's text is read again only if it was not dropped before."""
    jobs = [
        job(
            run,
            "rejects",
            shard.label,
            step(
                work.write_rejects,
                piece=shard.raw.piece,
                max_row_bytes=shard.raw.max_row_bytes,
                quarantine=shard.rejects,
                later=outcomes.blob("late_drops.parquet"),
            ),
            source=shard.source.name,
        )
        for shard, outcomes in zip(shards, assigned, strict=True)
    ]
    return run_jobs(run, jobs, stage="write rejects")


def publish_shards(
    run: Run,
    shards: Sequence[Shard],
    assigned: Sequence[StageOutput],
    written: Sequence[StageOutput],
    sampled: Sampled,
    *,
    flagged: bool,
) -> tuple[Joined, list[StageOutput]]:
    """Write what is published: outcomes and dropped rows of each source, and the shards of the mixture."""
    joins = _joins(run, shards, assigned, written, flagged=flagged)
    flags = {
        shard.number: one.blob("flags.parquet")
        for shard, one in zip(shards, assigned, strict=True)
        if flagged
    }
    targets = _partition(run, sampled, flags)
    made = run_jobs(run, [*joins.values(), *targets], stage="publish shards")
    return dict(zip(joins, made, strict=False)), made[len(joins) :]


def rejects_name(source: str, number: int, files: int) -> str:
    """Return the name of one of the files that hold a source's dropped rows."""
    return f"{source}-{number:05d}-of-{files:05d}.parquet"


def _joins(
    run: Run,
    shards: Sequence[Shard],
    assigned: Sequence[StageOutput],
    written: Sequence[StageOutput],
    *,
    flagged: bool,
) -> dict[str, StageJob[StageOutput]]:
    """Return the jobs that join each source's outcomes in one file, and its dropped rows, some shards a file.

    The dropped rows lie whole: to write all of them again because one shard changed would take long.
    """
    by_source: dict[str, list[tuple[StageOutput, StageOutput]]] = {}
    for shard, outcome, rejects in zip(shards, assigned, written, strict=True):
        by_source.setdefault(shard.source.name, []).append((outcome, rejects))
    jobs = {}
    for source, outputs in by_source.items():
        starts = range(0, len(outputs), _JOINED_AT_ONCE)
        for number, start in enumerate(starts):
            some = [rejects for _, rejects in outputs[start : start + _JOINED_AT_ONCE]]
            name = f"rejects/{rejects_name(source, number, len(starts))}"
            jobs[name] = _join_job(run, name, "rejects.parquet", some, flagged=False)
        name = f"outcomes/{source}.parquet"
        jobs[name] = _join_job(
            run, name, "outcomes.parquet", [outcome for outcome, _ in outputs], flagged=flagged
        )
    return jobs


def _join_job(
    run: Run, name: str, file: str, outputs: Sequence[StageOutput], *, flagged: bool
) -> StageJob[StageOutput]:
    parts = [output.blob(file) for output in outputs]
    return job(run, "join", name, step(work.join, parts=parts, file=file, flagged=flagged))


def _partition(run: Run, sampled: Sampled, flags: Mapping[int, Blob]) -> list[StageJob[StageOutput]]:
    """Partition what was sampled by published shard, and return the jobs that write these shards.

    `flags` are those of sampled examples by the number of their shard, if rows are flagged.
    """
    jobs = [
        job(
            run,
            "partition",
            f"part {part.number}",
            step(
                work.partition,
                examples=part.examples,
                selection=sampled.selected(part),
                flags=flags.get(part.shard),
            ),
        )
        for part in sampled.parts
    ]
    having: dict[str, list[Blob]] = {}
    for output in run_jobs(run, jobs, stage="partition"):
        partitioned = output.folder / "parts"
        for target, batches in _places(output).items():
            # of each part only what goes to this shard: a change elsewhere in it does not matter here
            having.setdefault(target, []).extend(assemble.regions(partitioned, batches))
    return [
        job(run, "shards", target, step(work.publish_shard, parts=parts, target=target, flagged=bool(flags)))
        for target, parts in sorted(having.items())
    ]


def _places(output: StageOutput) -> assemble.Places:
    places = output.result["places"]
    assert isinstance(places, dict)
    return places
