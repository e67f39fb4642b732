"""What a build would fetch and make again, and why: `thinkmix build --plan`, which writes nothing.

The stages are asked in their order for outputs that the cache holds, by their own keys. Where one is missing,
the stages after it depend on what it will be, so that no more is known of them.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from thinkmix.curation.audit.provenance import settings
from thinkmix.curation.gates.results import count_of
from thinkmix.flows import sources
from thinkmix.flows.build import benchmarks, fetch, layouts, stages, validate
from thinkmix.flows.build.benchmarks import Asked, commits
from thinkmix.flows.build.inputs import check_frozen, same_inputs
from thinkmix.flows.build.jobs import Run, Shard, StageJob
from thinkmix.flows.build.watch import directly
from thinkmix.flows.build.why import Outputs, explain_outputs, noted_outputs, of_jobs, reasons
from thinkmix.flows.executor.workers import Job, Result
from thinkmix.flows.recipe.own_rules import open_rules
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.restated import restate
from thinkmix.flows.sources.contract import Source
from thinkmix.flows.store.cache import Cache, StageOutput, unseal
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.fingerprint import code_digest, library_versions
from thinkmix.flows.store.store import Store
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.artifact import InputFile, Snapshot
from thinkmix.schemas.errors import StoreCorrupt
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.manifest import InputEntry, Manifest, SourceEntry
from thinkmix.schemas.record import Record
from thinkmix.templates.chat.tokenizer import tokenizer_digest

_AFTERWARDS = ("minhash", "dedup", "mix", "render", "outcomes", "shards", "audit")


class PlannedFetch(Record):
    """Files of one source that are not on this machine."""

    source: str
    files: int
    bytes: int


class PlannedStage(Record):
    """One stage, of one source or of all."""

    stage: str
    source: str
    """Empty for a stage over all sources."""
    made: int
    """Outputs that would be made."""
    reused: int
    """Outputs that are there."""
    labels: tuple[str, ...]
    """The first of what would be made: files, or parts of them."""
    because: tuple[str, ...] = ()
    """Which arguments, modules and libraries changed since the last build; empty with something to make means
    that the cache holds it no more."""


class BuildPlan(Record):
    """What a build would do."""

    mixture: str
    current: str | None
    """Digest of the version that is current; unset without one."""
    unchanged: str | None
    """Digest of a version of exactly these inputs: a build would run no stage. Unset without one."""
    why: tuple[str, ...]
    """What differs from what the current version was made of, from what to what."""
    fetch: tuple[PlannedFetch, ...]
    stages: tuple[PlannedStage, ...]
    """As far as it is known, in their order."""
    unknown: tuple[str, ...]
    """Stages that depend on what is made before them: each makes again what that changes."""


class _Missing(Exception):
    """A stage has outputs to make, so nothing is known of those after it."""


@dataclass
class _Asking:
    """Workers that do no work: they ask what is there."""

    before: Outputs | None
    """What the last build used."""
    found: list[PlannedStage] = field(default_factory=list)
    stage: str = ""
    source: str = ""

    def notify(self, event: Event) -> None:
        """Note which stage the next jobs are of."""
        self.stage, self.source = event.stage, event.source

    def run(
        self, jobs: Sequence[Job[Result]], *, done: Callable[[Job[Result], Result], None]
    ) -> list[Result]:
        """Return the outputs that are there.

        Raises:
            _Missing: if not all are.
        """
        results = [job.known() for job in jobs]
        missing = [job for job, result in zip(jobs, results, strict=True) if result is None]
        asked = of_jobs(job for job in missing if isinstance(job, StageJob))
        why = [line for found in explain_outputs(self.before, asked) for line in found.because]
        self.found.append(
            PlannedStage(
                stage=self.stage,
                source=self.source,
                made=len(missing),
                reused=len(jobs) - len(missing),
                labels=tuple(job.label for job in missing[:3]),
                because=tuple(dict.fromkeys(why)),
            )
        )
        if missing:
            raise _Missing
        return [result for result in results if result is not None]


@dataclass(frozen=True)
class _UntouchedCache(Cache):
    """A cache that is only looked at."""

    notes: Path
    """Where what sources remember is written instead."""

    @property
    def downloads(self) -> Path:
        """Folder of what is remembered of files; it holds none of them."""
        return self.notes

    def known(self, name: str, key: str) -> StageOutput | None:
        """Return an output whose manifest is sealed and whose files are there; they are not hashed."""
        folder = self.root / ".cache" / name / key
        with suppress(OSError):
            output = unseal((folder / MANIFEST).read_bytes(), folder)
            if output and all((folder / file).is_file() for file in output.files):
                return output
        return None


@dataclass(frozen=True)
class _Untouched(Store):
    """A store whose cache is only looked at."""

    notes: Path
    """As of the cache."""

    @property
    def cache(self) -> _UntouchedCache:
        """Outputs that are there, but not hashed, and nothing that was downloaded."""
        return _UntouchedCache(self.root, self.notes)


def plan_build(recipe: Recipe, store: Store, base: Path, *, frozen: bool = False) -> BuildPlan:
    """Return what a build of the recipe would do now.

    Args:
        recipe: what would be built.
        store: where it would go.
        base: folder that the recipe's relative patterns start from.
        frozen: refuse sources that are not what the current version was made from, as the build would.

    Raises:
        SourceError: if a source cannot be resolved.
    """
    with _looking(store) as mine:
        snapshots = [
            sources.resolve(source, base=base, into=mine.cache.downloads, verify=False)
            for source in recipe.sources
        ]
        asked = benchmarks.resolve(
            recipe.decontaminate,
            base=base,
            into=mine.cache.downloads,
            verify=False,
            there=store.cache.downloads,
        )
        if frozen:
            check_frozen(store, recipe, snapshots, asked)
        current = None
        with suppress(StoreCorrupt):
            current = store.versions.current(recipe.name)
        same = next(same_inputs(store, recipe, snapshots, asked), None)
        asking, missing = _Asking(noted_outputs(store.cache.recorded(recipe.name))), []
        if same is None:
            opened = open_rules(recipe, base)
            missing = _ask_stages(Run(mine, asking, asking.notify), opened, snapshots, asked, base, store)
        why = _why(current, recipe, snapshots, asked)
        names = list(dict.fromkeys(stage.stage for stage in asking.found))
        stopped = bool(missing) or any(stage.made for stage in asking.found)
        return BuildPlan(
            mixture=recipe.name,
            current=current.name if current else None,
            unchanged=same.name if same else None,
            why=why,
            fetch=tuple(missing),
            stages=tuple(asking.found),
            unknown=tuple(name for name in _AFTERWARDS if stopped and name not in names),
        )


@contextmanager
def _looking(store: Store) -> Iterator[_Untouched]:
    """Yield the store to look at, with a copy of what sources remember of files."""
    with TemporaryDirectory(prefix="thinkmix-plan-") as folder:
        notes = Path(folder) / "notes"
        if store.cache.downloads.is_dir():
            # small notes only: downloaded files stay where they are
            shutil.copytree(store.cache.downloads, notes, ignore=shutil.ignore_patterns("files", ".tmp-*"))
        yield _Untouched(store.root, notes)


def _ask_stages(
    run: Run,
    recipe: Recipe,
    snapshots: Sequence[Snapshot],
    asked: Asked,
    base: Path,
    store: Store,
) -> list[PlannedFetch]:
    """Ask stage after stage, as far as outputs are there; return what would be fetched."""
    shards: list[Shard] = []
    absent: list[PlannedFetch] = []
    whole = True
    for source, snapshot in zip(recipe.sources, snapshots, strict=True):
        files = source.present(
            snapshot, base=base, into=store.cache.downloads, notes=run.store.cache.downloads
        )
        if len(files) < len(snapshot.files):
            there = {file.name for file in files}
            left = [file for file in snapshot.files if file.path not in there]
            absent.append(
                PlannedFetch(source=source.name, files=len(left), bytes=sum(file.size for file in left))
            )
            whole = False
            continue
        try:
            shards += _validated(run, recipe, source, snapshot, files, first=len(shards))
        except _Missing:
            whole = False
    if whole:
        with suppress(_Missing):
            stages.after_validation(run, stages.Known(recipe, shards=shards), asked, base, directly)
    return absent


def _validated(
    run: Run, recipe: Recipe, stated: Source, snapshot: Snapshot, files: Sequence[InputFile], *, first: int
) -> list[Shard]:
    source = stated
    if isinstance(stated.format, Auto):
        source = layouts.recognise_format(run, stated, files, max_row_bytes=recipe.max_row_bytes)
    return validate.validate(run, source, files, recipe, first=first)


def _why(
    current: Path | None, recipe: Recipe, snapshots: Sequence[Snapshot], asked: Asked
) -> tuple[str, ...]:
    """Return what differs from what the current version was made of."""
    if current is None:
        return ("no version is current: everything is new",)
    try:
        before = restate(Manifest.model_validate_json((current / MANIFEST).read_bytes()))
    except (OSError, ValidationError):
        return (f"the manifest of the current version {current.name[:12]} cannot be read",)
    known = {entry.name: entry for entry in before.sources}
    after = before.model_copy(
        update={
            "recipe": recipe.model_dump(mode="json"),
            "sources": tuple(
                _entry(source, shot, known.get(source.name))
                for source, shot in zip(recipe.sources, snapshots, strict=True)
            ),
            "template": recipe.template,
            "template_sha256": recipe.family.digest(),
            "tokenizer_sha256": tokenizer_digest(),
            "code_sha256": code_digest(),
            "libraries": library_versions(),
        }
    )
    moved = [
        f"benchmark {name}: its files differ"
        for name, commit in commits(asked).items()
        if before.benchmarks.get(name, commit) != commit
    ]
    return (*settings(before, after), *moved)


def _entry(source: Source, snapshot: Snapshot, known: SourceEntry | None) -> SourceEntry:
    """Return a source as a manifest would state it; `auto` reads it as it did, as far as is known."""
    stated = source.format.model_dump(mode="json")
    if isinstance(source.format, Auto) and known:
        stated = dict(known.format)
    before = {file.name: file.sha256 for file in known.files} if known else {}
    same_commit = known is not None and known.commit == snapshot.commit
    files = tuple(
        InputEntry(
            name=file.path,
            sha256=file.sha256 or (before.get(file.path, "") if same_commit else file.digest),
            bytes=file.size,
        )
        for file in snapshot.files
    )
    return fetch.origin(source, snapshot, ()).model_copy(update={"format": stated, "files": files})


def sentences(plan: BuildPlan) -> Iterator[str]:
    """Yield the plan in lines for people."""
    if plan.unchanged:
        yield f"{plan.mixture}: nothing changed since version {plan.unchanged[:12]}; no stage would run"
        return
    yield (
        f"{plan.mixture}: not what the current version {plan.current[:12]} was made of"
        if (plan.current and plan.why)
        else f"{plan.mixture}: would be built"
    )
    for line in plan.why:
        yield f"  why     {line}"
    for one in plan.fetch:
        yield f"  fetch   {one.source}: {count_of(one.files, 'file')}, {one.bytes:,} bytes"
    for stage in plan.stages:
        of = f" {stage.source}" if stage.source else ""
        labels = f" ({', '.join(stage.labels)}{', …' if stage.made > len(stage.labels) else ''})"
        made = f"{stage.made:,} of {stage.made + stage.reused:,} to make{labels}" if stage.made else ""
        yield f"  {'make' if stage.made else 'reuse':<7} {stage.stage}{of}: {made or f'all {stage.reused:,}'}"
        if stage.made:
            yield from (f"          because {line}" for line in reasons(stage.because))
    if plan.unknown:
        yield f"  then    {', '.join(plan.unknown)}: what depends on the above"
