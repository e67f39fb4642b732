"""Validation, slice by slice: verified files to valid rows and rejects."""

from collections.abc import Sequence
from functools import partial

from thinkmix.curation.read.read import RawSlice, slices
from thinkmix.curation.validate import rowwise, work
from thinkmix.curation.validate.raw import Raw
from thinkmix.curation.validate.settings import RowSettings
from thinkmix.flows.build.fetch import blob_of
from thinkmix.flows.build.jobs import Run, Shard, job, row_work, run_jobs
from thinkmix.flows.build.step import step
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.sources.contract import Source
from thinkmix.schemas.artifact import InputFile
from thinkmix.schemas.left_out import LeftOut
from thinkmix.schemas.record import narrow


def validate(
    run: Run,
    source: Source,
    files: Sequence[InputFile],
    recipe: Recipe,
    *,
    left_out: Sequence[LeftOut] = (),
    first: int = 0,
) -> list[Shard]:
    """Judge the source's rows, slice by slice; shards are numbered from `first` on.

    `recipe` says what work a row may cost, and whether `</think>` without `<think>` closes a trace that the
    template opened; `left_out` are rows that end the process that works on them.
    """
    unopened = recipe.reads_unopened(source)
    scanned = bool(recipe.decontaminate.benchmarks)
    slots = []
    for file in files:
        origin = rowwise.Origin(
            narrow(source, RowSettings), file.name, unopened, recipe.limits, scanned, recipe.judging(source)
        )
        slots += [
            Raw(piece, origin, recipe.max_row_bytes, _inside(piece, left_out))
            for piece in slices(file.name, blob_of(file), source.rows, source.encoding)
        ]
    jobs = [
        job(
            run,
            rowwise.STAGE,
            raw.piece.label,
            step(
                work.validate,
                piece=raw.piece,
                origin=raw.origin,
                max_row_bytes=raw.max_row_bytes,
                left_out=raw.left_out,
            ),
            source=source.name,
            rows=row_work(
                raw,
                rowwise.STAGE,
                partial(work.try_rows, raw.piece, raw.origin, raw.max_row_bytes, raw.left_out),
            ),
        )
        for raw in slots
    ]
    total = _rows_promised([raw.piece for raw in slots])
    outputs = run_jobs(run, jobs, stage=rowwise.STAGE, source=source.name, total=total)
    return [
        Shard(number, raw, output)
        for number, (raw, output) in enumerate(zip(slots, outputs, strict=True), start=first)
    ]


def _inside(piece: RawSlice, left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Return the rows to leave out that a slice holds."""
    last = None if piece.rows is None else piece.first_row + piece.rows
    mine = (row for row in left_out if row.file == piece.file and piece.first_row <= row.row)
    return tuple(row for row in mine if last is None or row.row < last)


def _rows_promised(pieces: Sequence[RawSlice]) -> int | None:
    rows = [piece.rows for piece in pieces]
    return None if None in rows else sum(row or 0 for row in rows)
