"""The story of a build, from recipe to published version; the scheduler only watches it."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, ParamSpec, Protocol, TypeVar

import orjson
import pyarrow.parquet as pq

from curation import measure, mix, normalize, render
from curation.mix import SPLITS
from flows import drawing, stages
from flows.card import dataset_card
from flows.drawing import Drawn
from flows.engine import LOCAL, Engine, workers
from flows.fingerprint import code_digest, library_versions
from flows.jobs import Run, Shard, counts
from flows.progress import Notify, silent
from flows.report import render_html
from flows.store import MANIFEST, StageOutput, Store, check_path, digest, full_disk, write_json
from schemas.artifact import InputFile, Snapshot
from schemas.errors import LedgerError, StoreCorrupt
from schemas.ledger import Ledger, StageCount, total
from schemas.manifest import FileEntry, InputEntry, Manifest, SourceEntry
from schemas.recipe import Recipe, Source
from schemas.report import Report
from templates import template_digest, tokenizer_digest

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")


class Step(Protocol):
    """How a stage is run under a name: called directly, or as a task of the scheduler."""

    def __call__(self, name: str, function: Callable[Arguments, Outcome], /) -> Callable[Arguments, Outcome]:
        """Return `function` so wrapped that calling it runs the stage `name`."""


def directly(name: str, function: Callable[Arguments, Outcome], /) -> Callable[Arguments, Outcome]:
    """Run a stage by calling it."""
    return function


@dataclass(frozen=True)
class Built:
    """What a build came to."""

    version: Path
    manifest: Manifest
    status: Literal["published", "unchanged"]
    reused: int
    """Stage outputs that were there already."""
    made: int
    """Stage outputs that were computed."""

    @property
    def digest(self) -> str:
        """Return the version's name."""
        return self.version.name


def build(
    recipe: Recipe,
    store: Store,
    *,
    base: Path,
    processes: int | None = None,
    engine: Engine = LOCAL,
    step: Step = directly,
    notify: Notify = silent,
) -> Built:
    """Build the recipe's mixture and publish it as the current version.

    Args:
        recipe: what to build.
        store: where it goes; the version that was current stays so until the last moment.
        base: folder that the recipe's relative patterns start from.
        processes: worker processes of this machine; unset means one per core.
        engine: who works on the shards; the mixture is the same, byte for byte, whoever does.
        step: how stages are run.
        notify: told how stages get on.

    Raises:
        ThinkmixError: for everything a person must fix; `schemas.errors` draws the tree.
    """
    check_path(store.root)
    with (
        full_disk(store.root),
        store.lock(recipe.name),
        _recorded(store, recipe.name) as facts,
        workers(engine, processes, store.root) as pool,
    ):
        run = Run(store, pool, notify)
        origins, shards = _read_sources(run, recipe, base, step)
        verdicts = step("dedup", stages.deduplicate)(run, shards, recipe.dedup)
        drawn = step("draw", drawing.draw)(run, shards, verdicts, recipe)
        settled = step("settle", drawing.settle)(run, shards, verdicts, drawn)
        joined = step("join", drawing.join)(run, shards, settled)
        gathered = step("gather", drawing.gather)(run, drawn)
        audit = step("audit", drawing.audit)(run, shards, settled, joined, gathered, recipe.template)
        work = _Work(recipe, origins, shards, verdicts, drawn, settled, joined, gathered, audit)
        built = step("publish", _publish)(run, work)
        facts.update(version=built.digest, status=built.status, reused=built.reused, made=built.made)
        return built


@contextmanager
def _recorded(store: Store, mixture: str) -> Iterator[dict[str, object]]:
    """Write the run into the mixture's history, whichever way it ends."""
    started = datetime.now(UTC)
    facts: dict[str, object] = {"started": started.isoformat(timespec="seconds"), "status": "failed"}
    try:
        yield facts
    except BaseException as error:
        facts["error"] = type(error).__name__
        raise
    finally:
        facts["seconds"] = round((datetime.now(UTC) - started).total_seconds(), 3)
        with suppress(OSError):  # a full disk must not hide why the build failed
            store.record_run(mixture, facts)


def _read_sources(run: Run, recipe: Recipe, base: Path, step: Step) -> tuple[list[SourceEntry], list[Shard]]:
    """Resolve all sources before the first download, so that one that is gone ends the build early."""
    snapshots = [
        step(f"resolve {source.name}", stages.resolve)(run, source, base) for source in recipe.sources
    ]
    origins: list[SourceEntry] = []
    shards: list[Shard] = []
    for source, snapshot in zip(recipe.sources, snapshots, strict=True):
        files = step(f"fetch {source.name}", stages.fetch)(run, source, snapshot, base)
        origins.append(_origin(source, snapshot, files))
        shards += step(f"validate {source.name}", stages.validate)(
            run, source, snapshot, files, max_row_bytes=recipe.max_row_bytes, first=len(shards)
        )
    places = {
        name: {
            shard.raw.piece.file: str(shard.raw.piece.path) for shard in shards if shard.source.name == name
        }
        for name in (source.name for source in recipe.sources)
    }
    run.store.record_places(recipe.name, places)
    return origins, shards


def _origin(source: Source, snapshot: Snapshot, files: Sequence[InputFile]) -> SourceEntry:
    return SourceEntry(
        name=source.name,
        dataset=snapshot.dataset,
        revision=snapshot.revision,
        commit=snapshot.commit,
        licence=source.licence,
        files=tuple(InputEntry(name=file.name, sha256=file.sha256, bytes=file.size) for file in files),
    )


@dataclass(frozen=True)
class _Work:
    """Everything that a version is put together from."""

    recipe: Recipe
    origins: list[SourceEntry]
    shards: list[Shard]
    verdicts: StageOutput
    drawn: Drawn
    settled: list[StageOutput]
    joined: Mapping[str, StageOutput]
    gathered: list[StageOutput]
    audited: StageOutput

    def ledger(self) -> Ledger:
        """Add up all parts of all stages, and refuse if a row, message or byte went missing.

        Raises:
            LedgerError: if a stage does not balance, or reads what the one before did not keep.
        """
        listed: list[StageCount] = []
        by_stage = (
            (normalize.STAGE, [shard.validated for shard in self.shards]),
            ("dedup", [self.verdicts]),
            (render.STAGE, self.settled),
            (mix.STAGE, self.settled),
        )
        for stage, outputs in by_stage:
            parts = counts(outputs, stage)
            for source in self.recipe.sources:
                mine = [part for part in parts if part.source == source.name]
                listed.append(total([StageCount(stage=stage, source=source.name), *mine]))
        return Ledger(stages=tuple(listed)).check()


def _publish(run: Run, work: _Work) -> Built:
    """Put the version together beside its place, check it, and make it current."""
    store = run.store
    ledger = work.ledger()
    before = None
    with suppress(StoreCorrupt):  # a damaged CURRENT is about to be written anew
        before = store.current(work.recipe.name)
    with store.scratch(store.root / work.recipe.name / "versions") as folder:
        contents = _link_shards(work, folder)
        _link_rows(work, folder)
        report = _report(work, ledger, _content_digest(contents))
        write_json(folder / "report.json", report.model_dump(mode="json"))
        (folder / "report.html").write_text(render_html(report), encoding="utf-8")
        (folder / "README.md").write_text(dataset_card(report), encoding="utf-8")
        manifest = _manifest(work, report, folder)
        _check_rows(manifest)
        _check_shards(manifest, work)
        write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
        version, new = store.publish(work.recipe.name, folder)
    reused = sum(output.reused for output in run.outputs)
    return Built(
        version=version,
        manifest=manifest,
        status="published" if new or before != version else "unchanged",
        reused=reused,
        made=len(run.outputs) - reused,
    )


def _link_shards(work: _Work, folder: Path) -> list[tuple[str, str]]:
    """Put the gathered shards into the version; return (name, digest of rows) of each."""
    contents = []
    for output in work.gathered:
        for name in output.files:
            _link(output.folder / name, folder / name)
            contents.append((name, str(output.result["content_sha256"])))
    return contents


def _link(cached: Path, published: Path) -> None:
    try:
        os.link(cached, published)
    except OSError:  # another file system, or one without links
        shutil.copyfile(cached, published)


def _link_rows(work: _Work, folder: Path) -> None:
    """Put the dropped rows and the fates of all rows into the version, a file per source."""
    for name in ("rejects", "fates"):
        (folder / name).mkdir()
        for source, output in work.joined.items():
            _link(output.folder / f"{name}.parquet", folder / name / f"{source}.parquet")


def _report(work: _Work, ledger: Ledger, content: str) -> Report:
    recipe, shares = work.recipe, work.drawn.shares
    audit = measure.Audit.model_validate(work.audited.result["audit"])
    longest = max((view.longest for view in audit.lengths), default=0)
    return Report(
        mixture=recipe.name,
        title=recipe.title,
        checks=(
            measure.check_ledger(ledger),
            *measure.check_shares(shares, recipe.mix, longest=longest),
            *audit.checks,
        ),
        shares=shares,
        ledger=ledger,
        lengths=audit.lengths,
        clusters=audit.clusters,
        samples=audit.samples,
        sources=tuple(work.origins),
        recipe=recipe,
        template_sha256=template_digest(recipe.template),
        tokenizer_sha256=tokenizer_digest(),
        content_sha256=content,
    )


def _manifest(work: _Work, report: Report, folder: Path) -> Manifest:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Manifest(
        mixture=report.mixture,
        recipe=report.recipe,
        sources=report.sources,
        template=work.recipe.template,
        template_sha256=report.template_sha256,
        tokenizer_sha256=report.tokenizer_sha256,
        code_sha256=code_digest(),
        libraries=library_versions(),
        ledger=report.ledger,
        shares=report.shares,
        content_sha256=report.content_sha256,
        files={str(path.relative_to(folder)): _file_entry(path) for path in paths},
    )


def _file_entry(path: Path) -> FileEntry:
    rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
    return FileEntry(sha256=digest(path), bytes=path.stat().st_size, rows=rows)


def _check_rows(manifest: Manifest) -> None:
    """Compare what was written with what was counted; a writer's good word is not enough.

    Raises:
        LedgerError: naming the files and both numbers.
    """
    drawn = {
        split: sum(share.examples for share in manifest.shares if share.split == split) for split in SPLITS
    }
    read = {name: count.read.rows for name, count in manifest.ledger.of(normalize.STAGE).items()}
    expected = {f"{split}-": rows for split, rows in drawn.items()}
    expected |= {f"fates/{name}.parquet": rows for name, rows in read.items()}
    for prefix, rows in expected.items():
        written = sum(entry.rows or 0 for name, entry in manifest.files.items() if name.startswith(prefix))
        if written != rows:
            msg = f"{prefix}* hold {written} rows, but {rows} were counted"
            raise LedgerError(msg)


def _check_shards(manifest: Manifest, work: _Work) -> None:
    """Compare the published shards with what the last stage wrote: a disk may rot in between.

    Raises:
        StoreCorrupt: naming the shard.
    """
    rows = [
        (f"{kind}/{source}.parquet", output.files[f"{kind}.parquet"])
        for kind in ("rejects", "fates")
        for source, output in work.joined.items()
    ]
    shards = [named for output in work.gathered for named in output.files.items()]
    for name, expected in rows + shards:
        if manifest.files[name].sha256 != expected:
            msg = f"{name} changed on the disk while it was published; build again"
            raise StoreCorrupt(msg)


def _content_digest(contents: Sequence[tuple[str, str]]) -> str:
    return sha256(orjson.dumps(sorted(contents))).hexdigest()
