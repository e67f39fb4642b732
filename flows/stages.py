"""The stages of a build, each from verified files to verified files, spread over worker processes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from curation import assemble, dedup, fates, mix, normalize, render
from curation.count import count_stage
from curation.read import RawSlice, slices
from curation.shards import write_shard
from flows.fingerprint import code_digest
from flows.progress import Event, Notify
from flows.sources import fetch as fetch_files
from flows.sources import resolve as resolve_files
from flows.store import StageOutput, Store, digest, key_of
from flows.workers import Job, Workers
from schemas.artifact import InputFile, Snapshot
from schemas.errors import SourceCorrupt
from schemas.ledger import StageCount
from schemas.manifest import Share
from schemas.recipe import DedupPlan, LocalSource, MixPlan, Source, SourceBase, Template
from templates import template_digest, tokenizer_digest


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

    source: SourceBase
    piece: RawSlice
    validated: StageOutput

    @property
    def keys(self) -> Path:
        """Return where the shard's dedup keys lie."""
        return self.validated.folder / "keys.parquet"


def resolve(run: Run, source: Source, base: Path) -> Snapshot:
    """Return which files the source means tonight, at which commit."""
    return resolve_files(source, base=base, into=run.store.downloads)


def fetch(run: Run, source: Source, snapshot: Snapshot, base: Path) -> tuple[InputFile, ...]:
    """Return the snapshot's files on this machine, each with its promised digest."""
    arrived: dict[str, int] = {}

    def progress(name: str, done: int, total: int) -> None:
        arrived[name] = done
        run.notify(Event("fetch", source.name, sum(arrived.values()), snapshot.size, "bytes"))

    return fetch_files(source, snapshot, base=base, into=run.store.downloads, progress=progress)


def validate(
    run: Run, source: Source, snapshot: Snapshot, files: Sequence[InputFile], max_row_bytes: int
) -> list[Shard]:
    """Turn the source's rows into conversations, slice by slice."""
    pieces = [piece for file in files for piece in slices(file.name, file.path, file.sha256)]
    jobs = []
    for piece in pieces:
        origin = normalize.Origin(source, snapshot.dataset, snapshot.commit, piece.file)
        job = _job(
            run,
            normalize.STAGE,
            piece.label,
            partial(_normalize, piece, origin, max_row_bytes),
            piece=piece.model_dump(exclude={"path"}),
            dataset=snapshot.dataset,
            commit=snapshot.commit,
            source=_row_settings(source),
            max_row_bytes=max_row_bytes,
        )
        jobs.append(job)
    outputs = _run(run, jobs, stage=normalize.STAGE, source=source.name, total=_rows_promised(pieces))
    return [Shard(source, piece, output) for piece, output in zip(pieces, outputs, strict=True)]


def deduplicate(run: Run, shards: Sequence[Shard], plan: DedupPlan) -> StageOutput:
    """Decide for every valid row of every source whether another one says the same."""
    stated = plan.model_dump()
    jobs = [
        _job(
            run,
            "bands",
            shard.piece.label,
            partial(_bands, shard.keys, plan),
            keys=shard.validated.files["keys.parquet"],
            plan=stated,
        )
        for shard in shards
    ]
    bands = _run(run, jobs, stage="minhash", total=_rows_kept(shards))
    paths = [shard.keys for shard in shards], [band.folder / "bands.npy" for band in bands]
    # bands depend on the text alone; who stays depends on priority, cap, quality and solver, too
    job = _job(
        run,
        "dedup",
        "duplicates",
        partial(_duplicates, *paths, plan),
        keys=[shard.validated.files["keys.parquet"] for shard in shards],
        bands=[band.files for band in bands],
        plan=stated,
    )
    return _run(run, [job], stage="dedup")[0]


def render_examples(
    run: Run, shards: Sequence[Shard], verdicts: StageOutput, *, template: Template, max_tokens: int
) -> list[StageOutput]:
    """Render what dedup left into examples, one per supervised turn."""
    jobs = []
    for number, shard in enumerate(shards):
        verdict = _numbered("verdicts", number)
        make = partial(
            _render, shard, verdicts.folder / verdict, template=template, max_tokens=max_tokens, number=number
        )
        job = _job(
            run,
            render.STAGE,
            shard.piece.label,
            make,
            template=template_digest(template),
            tokenizer=tokenizer_digest(),
            conversations=shard.validated.files["conversations.parquet"],
            verdicts=verdicts.files[verdict],
            supervise=shard.source.supervise,
            max_tokens=max_tokens,
            number=number,
        )
        jobs.append(job)
    return _run(run, jobs, stage=render.STAGE, total=_rows_kept(shards))


def draw(run: Run, rendered: Sequence[StageOutput], plan: MixPlan, seed: int) -> StageOutput:
    """Draw the mixture: which example goes to which published shard, and in which order."""
    job = _job(
        run,
        "draw",
        "draw",
        partial(_draw, [output.folder / "index.parquet" for output in rendered], plan, seed),
        indexes=[output.files["index.parquet"] for output in rendered],
        plan=plan.model_dump(),
        seed=seed,
    )
    return _run(run, [job], stage=mix.STAGE)[0]


def settle(
    run: Run, shards: Sequence[Shard], rendered: Sequence[StageOutput], drawn: StageOutput
) -> list[StageOutput]:
    """Write down the one fate of every raw row."""
    jobs = []
    for number, (shard, output) in enumerate(zip(shards, rendered, strict=True)):
        selection = _numbered("selection", number)
        job = _job(
            run,
            "fates",
            shard.piece.label,
            partial(_settle, shard, output.folder, drawn.folder / selection),
            rejects=shard.validated.files["rejects.parquet"],
            rendered=[output.files["fates.parquet"], output.files["index.parquet"]],
            selection=drawn.files[selection],
        )
        jobs.append(job)
    return _run(run, jobs, stage="settle")


def gather(run: Run, rendered: Sequence[StageOutput], drawn: StageOutput) -> list[StageOutput]:
    """Write the published shards: scatter what was drawn by target, then put each target in order."""
    jobs = []
    for number, output in enumerate(rendered):
        selection = _numbered("selection", number)
        job = _job(
            run,
            "scatter",
            f"part {number}",
            partial(_scatter, output.folder / "examples.parquet", drawn.folder / selection),
            examples=output.files["examples.parquet"],
            selection=drawn.files[selection],
        )
        jobs.append(job)
    parts = _run(run, jobs, stage="scatter")
    targets = sorted({name for part in parts for name in part.files})
    jobs = []
    for target in targets:
        having = [part for part in parts if target in part.files]
        job = _job(
            run,
            "gather",
            target,
            partial(_gather, [part.folder / target for part in having], target),
            target=target,
            parts=[part.files[target] for part in having],
        )
        jobs.append(job)
    return _run(run, jobs, stage="gather")


def counts(outputs: Sequence[StageOutput], stage: str) -> list[StageCount]:
    """Return the stage's counts that outputs carry, one per part."""
    found = []
    for output in outputs:
        listed = output.result[stage]
        found += [
            StageCount.model_validate(count) for count in (listed if isinstance(listed, list) else [listed])
        ]
    return found


def shares(drawn: StageOutput) -> tuple[Share, ...]:
    """Return what each source came to in each split."""
    listed = drawn.result["shares"]
    return tuple(Share.model_validate(share) for share in listed) if isinstance(listed, list) else ()


# What follows runs inside a worker, into the folder that it is given.


def _normalize(piece: RawSlice, origin: normalize.Origin, max_row_bytes: int, out: Path) -> dict[str, object]:
    count = normalize.normalize_slice(piece, origin=origin, max_row_bytes=max_row_bytes, out=out)
    if isinstance(origin.source, LocalSource) and digest(piece.path) != piece.sha256:
        msg = f"source {origin.source.name}: {piece.file!r} changed during the build; build again"
        raise SourceCorrupt(msg)
    return {normalize.STAGE: count.model_dump(), "rows": count.read.rows}


def _bands(keys: Path, plan: DedupPlan, out: Path) -> dict[str, object]:
    dedup.write_bands(keys, out / "bands.npy", plan=plan)
    return {"rows": _height(keys)}


def _duplicates(keys: Sequence[Path], bands: Sequence[Path], plan: DedupPlan, out: Path) -> dict[str, object]:
    verdicts = [out / _numbered("verdicts", number) for number in range(len(keys))]
    search = dedup.find_duplicates(keys, bands, verdicts, plan=plan)
    found: list[StageCount] = []
    for path, verdict in zip(keys, verdicts, strict=True):
        rows = pl.read_parquet(path, columns=["source", "messages", "text_bytes"])
        rows = rows.with_columns(pl.read_parquet(verdict, columns=["reason"])["reason"])
        found += [
            count_stage("dedup", str(source), part)
            for (source,), part in rows.group_by("source", maintain_order=True)
        ]
    return {"dedup": [count.model_dump() for count in found], "search": asdict(search), "rows": search.rows}


def _render(
    shard: Shard, verdicts: Path, out: Path, *, template: Template, max_tokens: int, number: int
) -> dict[str, object]:
    count = render.render_slice(
        shard.validated.folder / "conversations.parquet",
        verdicts,
        source=shard.source,
        template=template,
        max_tokens=max_tokens,
        shard=number,
        out=out,
    )
    return {render.STAGE: count.model_dump(), "rows": _height(shard.keys)}


def _draw(indexes: Sequence[Path], plan: MixPlan, seed: int, out: Path) -> dict[str, object]:
    mixture = mix.mix(pl.concat([pl.read_parquet(path) for path in indexes]), plan, seed=seed)
    selection = assemble.assign_shards(mixture.selection)
    for number in range(len(indexes)):
        write_shard(out / _numbered("selection", number), selection.filter(shard=number))
    return {"shares": [share.model_dump() for share in mixture.shares], "rows": selection.height}


def _settle(shard: Shard, rendered: Path, selection: Path, out: Path) -> dict[str, object]:
    frame, count = fates.settle_slice(
        shard.source.name,
        rejects=shard.validated.folder / "rejects.parquet",
        rendered=rendered / "fates.parquet",
        index=rendered / "index.parquet",
        selection=pl.read_parquet(selection),
    )
    write_shard(out / "fates.parquet", frame)
    return {mix.STAGE: count.model_dump(), "rows": frame.height}


def _scatter(examples: Path, selection: Path, out: Path) -> dict[str, object]:
    drawn = pl.read_parquet(selection)
    assemble.scatter(examples, drawn, out)
    return {"rows": drawn.height}


def _gather(parts: Sequence[Path], target: str, out: Path) -> dict[str, object]:
    content = assemble.gather(parts, out / target)
    return {"content_sha256": content, "rows": _height(out / target)}


# What follows runs in the parent.


def _job(
    run: Run, stage: str, label: str, make: Callable[[Path], Mapping[str, object]], **decided_by: object
) -> Job[StageOutput]:
    """Return the work on one shard: `make`, unless its output is there for all that decides it.

    Our own code decides every output, so it is part of every key and no stage can forget it.
    """
    key = key_of(code=code_digest(), **decided_by)
    return Job(label, partial(run.store.stage, stage, key, make))


def _run(
    run: Run,
    jobs: Sequence[Job[StageOutput]],
    *,
    stage: str,
    source: str = "",
    total: int | None = None,
) -> list[StageOutput]:
    done = 0

    def arrived(job: Job[StageOutput], output: StageOutput) -> None:
        nonlocal done
        done += _rows(output)
        run.notify(Event(stage, source, done, total))

    run.notify(Event(stage, source, 0, total))
    outputs = run.workers.run(jobs, done=arrived)
    run.notify(Event(stage, source, done, done))
    run.outputs.extend(outputs)
    return outputs


def _rows(output: StageOutput) -> int:
    rows = output.result["rows"]
    return rows if isinstance(rows, int) else 0


def _rows_promised(pieces: Sequence[RawSlice]) -> int | None:
    rows = [piece.rows for piece in pieces]
    return None if None in rows else sum(row or 0 for row in rows)


def _rows_kept(shards: Sequence[Shard]) -> int:
    return sum(_height(shard.keys) for shard in shards)


def _row_settings(source: SourceBase) -> Mapping[str, object]:
    """Return the settings that change what a row becomes; where it lies and what it is drawn for do not."""
    names = {"name", "format", "thinking", "compare", "priority", "max_solutions_per_problem"}
    return source.model_dump(include=names)


def _height(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number:05d}.parquet"
