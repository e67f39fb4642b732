"""The stages after the draw: the fate of every row, the dropped rows whole, and the published shards."""

from collections.abc import Mapping, Sequence

from thinkmix.curation.dedup.settings import Numbers
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.outputs import numbered
from thinkmix.curation.publish import assemble, work
from thinkmix.flows.build.drawing import Drawn, Rendered
from thinkmix.flows.build.jobs import Run, Shard, StageJob, job, run_jobs
from thinkmix.flows.build.step import step
from thinkmix.flows.store.cache import StageOutput

Joined = Mapping[str, StageOutput]
"""By published name, like `fates/math.parquet`: an output of one file."""

_JOINED_AT_ONCE = 16
"""Shards whose dropped rows lie in one file."""


def settle(
    run: Run,
    shards: Sequence[Shard],
    verdicts: StageOutput,
    drawn: Drawn,
    numbers: Numbers,
    *,
    flagged: bool,
) -> list[StageOutput]:
    """Write down the one fate of every raw row; `flagged` says whether rows of the mixture may have flags."""
    jobs = []
    by_shard: dict[int, list[Rendered]] = {}
    for part in drawn.parts:
        by_shard.setdefault(part.shard, []).append(part)
    for shard in shards:
        settling = step(
            work.settle,
            shard=work.Validated(shard.source.name, shard.rejects, shard.keys),
            verdicts=verdicts.blob(numbered("verdicts", shard.number)),
            parts=[part.files for part in by_shard.get(shard.number, [])],
            selection=drawn.selection(shard.number),
            numbers=numbers,
            flagged=flagged,
        )
        jobs.append(job(run, "fates", shard.label, settling, source=shard.source.name))
    return run_jobs(run, jobs, stage="settle")


def save(run: Run, shards: Sequence[Shard], settled: Sequence[StageOutput]) -> list[StageOutput]:
    """Keep the dropped rows whole: a row's text is read again only if it was not dropped before."""
    jobs = [
        job(
            run,
            "rejects",
            shard.label,
            step(
                work.save,
                piece=shard.raw.piece,
                max_row_bytes=shard.raw.max_row_bytes,
                quarantine=shard.rejects,
                later=fates.blob("later.parquet"),
            ),
            source=shard.source.name,
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
    *,
    flagged: bool,
) -> tuple[Joined, list[StageOutput]]:
    """Write what is published: fates and dropped rows of each source, and the shards of the mixture."""
    joins = _joins(run, shards, settled, saved, flagged=flagged)
    flags = {
        shard.number: one.blob("flags.parquet") for shard, one in zip(shards, settled, strict=True) if flagged
    }
    targets = _gathers(run, drawn, flags)
    made = run_jobs(run, [*joins.values(), *targets], stage="gather")
    return dict(zip(joins, made, strict=False)), made[len(joins) :]


def rejects_name(source: str, number: int, files: int) -> str:
    """Return the name of one of the files that hold a source's dropped rows."""
    return f"{source}-{number:05d}-of-{files:05d}.parquet"


def _joins(
    run: Run,
    shards: Sequence[Shard],
    settled: Sequence[StageOutput],
    saved: Sequence[StageOutput],
    *,
    flagged: bool,
) -> dict[str, StageJob[StageOutput]]:
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
            jobs[name] = _join_job(run, name, "rejects.parquet", some, flagged=False)
        name = f"fates/{source}.parquet"
        jobs[name] = _join_job(run, name, "fates.parquet", [fate for fate, _ in outputs], flagged=flagged)
    return jobs


def _join_job(
    run: Run, name: str, file: str, outputs: Sequence[StageOutput], *, flagged: bool
) -> StageJob[StageOutput]:
    parts = [output.blob(file) for output in outputs]
    return job(run, "join", name, step(work.join, parts=parts, file=file, flagged=flagged))


def _gathers(run: Run, drawn: Drawn, flags: Mapping[int, Blob]) -> list[StageJob[StageOutput]]:
    """Scatter what was drawn by published shard, and return the work of putting each of these in order.

    `flags` are those of drawn examples by the number of their shard, if rows are flagged.
    """
    jobs = [
        job(
            run,
            "scatter",
            f"part {part.number}",
            step(
                work.scatter,
                examples=part.examples,
                selection=drawn.selected(part),
                flags=flags.get(part.shard),
            ),
        )
        for part in drawn.parts
    ]
    having: dict[str, list[Blob]] = {}
    for output in run_jobs(run, jobs, stage="scatter"):
        scattered = output.folder / "parts"
        for target, batches in _places(output).items():
            # of each part only what goes to this shard: a change elsewhere in it does not matter here
            having.setdefault(target, []).extend(assemble.regions(scattered, batches))
    return [
        job(run, "gather", target, step(work.gather, parts=parts, target=target, flagged=bool(flags)))
        for target, parts in sorted(having.items())
    ]


def _places(output: StageOutput) -> assemble.Places:
    places = output.result["places"]
    assert isinstance(places, dict)
    return places
