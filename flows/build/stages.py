"""The stages of a build, one after another: from files to all that a version is put together from."""

from collections.abc import Sequence
from pathlib import Path

from thinkmix.curation.sample import mix, render
from thinkmix.curation.validate import rowwise
from thinkmix.flows.build import decontaminate, dedup, fetch, figures, layouts, publish, sampling, validate
from thinkmix.flows.build.benchmarks import Asked
from thinkmix.flows.build.jobs import Run, tell_counts
from thinkmix.flows.build.known import Known
from thinkmix.flows.build.version import Work
from thinkmix.flows.build.watch import Step
from thinkmix.flows.executor.workers import RowKilled
from thinkmix.flows.sources.contract import Source
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.artifact import Snapshot
from thinkmix.schemas.errors import WorkerDied
from thinkmix.schemas.formats.auto import Auto

__all__ = ["Known", "Run", "make"]

_MOST_LEFT_OUT = 10
"""Rows that a build leaves out before it takes the machine for what is wrong."""


def make(
    run: Run,
    known: Known,
    snapshots: Sequence[Snapshot],
    asked: Asked,
    base: Path,
    step: Step,
) -> Work:
    """Run all stages, and again without a row that ends the process that works on it.

    Args:
        run: the store, and who works on the shards.
        known: what to build; it is told what is found out, for the case that a stage fails.
        snapshots: what each of its sources is now.
        asked: what each of its benchmarks is now.
        base: folder that the recipe's relative patterns start from.
        step: how stages are run.

    Raises:
        WorkerDied: if there are more of such rows than anybody would believe.
        ThinkmixError: for everything a person must fix.
    """
    while True:
        try:
            _read_sources(run, known, snapshots, base, step)
            return after_validation(run, known, asked, base, step)
        except RowKilled as killed:
            row = killed.left_out
            if len(known.left_out) >= _MOST_LEFT_OUT or row in known.left_out:
                raise WorkerDied(str(killed)) from None
            run.notify(Event(row.stage, row.source, 0, None, note=f"left out: {killed}"))
            known.leave_out(row)


def after_validation(run: Run, known: Known, asked: Asked, base: Path, step: Step) -> Work:
    """Run the stages that look at the valid rows of all sources together.

    Raises:
        RowKilled: naming a row that ends the process that renders it.
        ThinkmixError: for everything a person must fix.
    """
    recipe, shards = known.recipe, known.shards
    questions = decontaminate.fetch(run.store, recipe.decontaminate, asked, base)
    overlaps = step("decontaminate", decontaminate.overlaps)(run, shards, questions, recipe.decontaminate)
    cap_by = {source.name: source.cap_by for source in recipe.sources if source.cap_by != "solver"}
    verdicts = step("dedup", dedup.deduplicate)(run, shards, overlaps, recipe.dedup, cap_by)
    known.verdicts = verdicts
    tell_counts(run, "dedup", [verdicts])
    sampled = step("sample", sampling.sample)(run, shards, verdicts, recipe, known.parts)
    assigned = step("assign outcomes", publish.assign_outcomes)(
        run, shards, overlaps, verdicts, sampled, flagged=recipe.flagged
    )
    for stage in (render.STAGE, mix.STAGE):
        tell_counts(run, stage, assigned)
    written = step("write rejects", publish.write_rejects)(run, shards, assigned)
    joined, published = step("publish shards", publish.publish_shards)(
        run, shards, assigned, written, sampled, flagged=recipe.flagged
    )
    audit = step("audit", figures.audit)(run, shards, assigned, joined, published, recipe.family)
    return Work(
        recipe,
        known.origins,
        list(asked),
        shards,
        verdicts,
        sampled,
        assigned,
        joined,
        published,
        audit,
        tuple(known.left_out),
    )


def _read_sources(run: Run, known: Known, snapshots: Sequence[Snapshot], base: Path, step: Step) -> None:
    """Fetch and validate source by source."""
    recipe, shards = known.recipe, known.shards
    places: dict[str, dict[str, str]] = {}
    for stated, snapshot in zip(recipe.sources, snapshots, strict=True):
        files = step(f"fetch {stated.name}", fetch.fetch)(run, stated, snapshot, base)
        source: Source = stated
        if isinstance(stated.format, Auto):
            recognise = step(f"recognise {stated.name}", layouts.recognise_format)
            source = recognise(run, stated, files, max_row_bytes=recipe.max_row_bytes)
        mine = step(f"validate {source.name}", validate.validate)(
            run,
            source,
            files,
            recipe,
            left_out=[row for row in known.left_out if row.source == source.name],
            first=len(shards),
        )
        tell_counts(run, rowwise.STAGE, [shard.validated for shard in mine])
        shards += mine
        known.origins.append(fetch.origin(source, snapshot, files))
        places[source.name] = {file.sha256: str(file.path) for file in files}
    run.store.log.record_places(recipe.name, places)
