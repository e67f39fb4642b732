"""The stages up to the verdicts of dedup: verified files to valid rows, told apart or found the same."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from thinkmix.curation.dedup import dedup
from thinkmix.curation.files.shards import read_many
from thinkmix.curation.read.read import RawSlice, slices
from thinkmix.curation.validate import normalize
from thinkmix.curation.validate.count import count_stage
from thinkmix.curation.validate.profile import Profile
from thinkmix.flows.build.jobs import Raw, Run, Shard, height, job, numbered, row_settings, run_jobs
from thinkmix.flows.sources import fetch as fetch_files
from thinkmix.flows.store.store import StageOutput
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.artifact import InputFile, Snapshot
from thinkmix.schemas.dedup import DedupPlan
from thinkmix.schemas.ledger import StageCount
from thinkmix.schemas.manifest import LeftOut
from thinkmix.schemas.recipe import Recipe, Source


def fetch(run: Run, source: Source, snapshot: Snapshot, base: Path) -> tuple[InputFile, ...]:
    """Return the snapshot's files on this machine, each with its promised digest."""
    arrived: dict[str, int] = {}

    def progress(name: str, done: int, total: int) -> None:
        arrived[name] = done
        run.notify(Event("fetch", source.name, sum(arrived.values()), snapshot.size, "bytes"))

    return fetch_files(source, snapshot, base=base, into=run.store.downloads, progress=progress)


def validate(
    run: Run,
    source: Source,
    snapshot: Snapshot,
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
    unopened, limits = recipe.reads_unopened(source), recipe.limits
    slots = []
    for file in files:
        origin = normalize.Origin(source, snapshot.dataset, snapshot.commit, file.name, unopened, limits)
        watched = (str(file.path), file.modified) if file.modified else None
        slots += [
            Raw(piece, origin, recipe.max_row_bytes, watched, _inside(piece, left_out))
            for piece in slices(file.name, file.path, file.sha256, source.rows, source.encoding)
        ]
    jobs = [
        job(
            run,
            normalize.STAGE,
            raw.piece.label,
            partial(_validate, raw),
            rows=raw.rows(normalize.STAGE, partial(_try_rows, raw)),
            piece=raw.piece.model_dump(exclude={"path"}),
            source=row_settings(source),
            unopened=unopened,
            max_row_bytes=recipe.max_row_bytes,
            limits=limits._asdict(),
            left_out=[row.model_dump() for row in raw.left_out],
        )
        for raw in slots
    ]
    total = _rows_promised([raw.piece for raw in slots])
    outputs = run_jobs(run, jobs, stage=normalize.STAGE, source=source.name, total=total)
    return [
        Shard(number, raw, output)
        for number, (raw, output) in enumerate(zip(slots, outputs, strict=True), start=first)
    ]


def deduplicate(
    run: Run, shards: Sequence[Shard], overlaps: Sequence[StageOutput], plan: DedupPlan
) -> StageOutput:
    """Decide for every valid row of every source whether an evaluation or another row says the same."""
    stated = plan.model_dump()
    jobs = [
        job(
            run,
            "bands",
            shard.label,
            partial(_bands, shard.keys, plan),
            keys=shard.validated.files["keys.parquet"],
            plan=stated,
        )
        for shard in shards
    ]
    bands = run_jobs(run, jobs, stage="minhash", total=sum(shard.valid for shard in shards))
    paths = (
        [shard.keys for shard in shards],
        [band.folder / "bands.index" for band in bands],
        [overlap.folder / "overlap.parquet" for overlap in overlaps],
    )
    # bands depend on the text alone; who stays depends on priority, cap, quality and solver, too
    search = job(
        run,
        "dedup",
        "duplicates",
        partial(_duplicates, *paths, plan),
        keys=[shard.validated.files["keys.parquet"] for shard in shards],
        bands=[band.files for band in bands],
        overlaps=[overlap.files for overlap in overlaps],
        plan=stated,
    )
    return run_jobs(run, [search], stage="dedup")[0]


# What follows runs inside a worker, into the folder that it is given.


def _validate(raw: Raw, out: Path) -> dict[str, object]:
    profile = Profile()
    seen = normalize.normalize_slice(
        raw.piece,
        origin=raw.origin,
        max_row_bytes=raw.max_row_bytes,
        out=out,
        profile=profile,
        left_out={row.row: row.detail for row in raw.left_out},
    )
    raw.check_unchanged()
    return {
        normalize.STAGE: seen.rows.model_dump(),
        "rows": seen.rows.read.rows,
        "columns": profile.part().model_dump(),
        "turns": seen.turns.model_dump(),
        "tally": seen.tally.model_dump(),
    }


def _try_rows(raw: Raw, first: int, last: int) -> int:
    with TemporaryDirectory() as out:
        seen = normalize.normalize_slice(
            raw.piece,
            origin=raw.origin,
            max_row_bytes=raw.max_row_bytes,
            out=Path(out),
            profile=Profile(),
            left_out={row.row: row.detail for row in raw.left_out},
            only=range(first, last),
        )
    return seen.rows.read.rows


def _bands(keys: Path, plan: DedupPlan, out: Path) -> dict[str, object]:
    dedup.write_bands(keys, out / "bands.index", plan=plan)
    return {"rows": height(keys)}


def _duplicates(
    keys: Sequence[Path], bands: Sequence[Path], overlaps: Sequence[Path], plan: DedupPlan, out: Path
) -> dict[str, object]:
    verdicts = [out / numbered("verdicts", number) for number in range(len(keys))]
    search = dedup.find_duplicates(keys, bands, verdicts, plan=plan, overlaps=overlaps)
    found: list[StageCount] = []
    counted = read_many(keys, ["source", "messages", "text_bytes"])
    for rows, decided in zip(counted, read_many(verdicts, ["reason"]), strict=True):
        found += [
            count_stage("dedup", str(source), part)
            for (source,), part in rows.with_columns(decided["reason"]).group_by(
                "source", maintain_order=True
            )
        ]
    return {"dedup": [count.model_dump() for count in found], "search": asdict(search), "rows": search.rows}


# What follows runs in the parent.


def _inside(piece: RawSlice, left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Return the rows to leave out that a slice holds."""
    last = None if piece.rows is None else piece.first_row + piece.rows
    mine = (row for row in left_out if row.file == piece.file and piece.first_row <= row.row)
    return tuple(row for row in mine if last is None or row.row < last)


def _rows_promised(pieces: Sequence[RawSlice]) -> int | None:
    rows = [piece.rows for piece in pieces]
    return None if None in rows else sum(row or 0 for row in rows)
