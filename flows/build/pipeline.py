"""The story of a build, from recipe to published version; the scheduler only watches it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from thinkmix.curation.text.imports import without_gc
from thinkmix.flows.build import benchmarks, preload
from thinkmix.flows.build.benchmarks import NotScanned
from thinkmix.flows.build.inputs import already_built, check_frozen, note_places, resolve
from thinkmix.flows.build.watch import UNWATCHED, Watch
from thinkmix.flows.executor.engine import LOCAL, Executor, workers
from thinkmix.flows.recipe.own_rules import open_rules
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.runs.history import ActiveRun, render_files
from thinkmix.flows.runs.recording import record_run
from thinkmix.flows.store.atomic import scratch_folder
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.store import Store, make_root
from thinkmix.flows.system.progress import Event, Notify
from thinkmix.schemas.artifact import Snapshot
from thinkmix.schemas.errors import Blocked, RecipeError, StoreCorrupt
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.report import Report
from thinkmix.schemas.run import RunReport, Status

if TYPE_CHECKING:
    from thinkmix.flows.build.jobs import Run
    from thinkmix.flows.build.version import Work


@dataclass(frozen=True)
class Built:
    """What a build came to."""

    version: Path
    manifest: Manifest
    run: RunReport
    folder: Path
    """Where the run's report lies."""
    reused: int
    """Stage outputs that were there already."""
    made: int
    """Stage outputs that were computed."""

    @property
    def digest(self) -> str:
        """Return the version's name."""
        return self.version.name

    def check(self) -> None:
        """Say aloud that a person must look before the version may be trained on.

        Raises:
            Blocked: if a gate or check blocked the version.
        """
        if self.status == "blocked":
            blocked = (
                f"{self.manifest.mixture}: {self.digest[:12]} is blocked, the version before stays current"
            )
            msg = f"{blocked}: {'; '.join(self.run.failures)}"
            raise Blocked(msg)

    @property
    def status(self) -> Status:
        """Return what became of the version."""
        return self.run.status


def build(
    recipe: Recipe,
    store: Store,
    *,
    base: Path,
    processes: int | None = None,
    engine: Executor = LOCAL,
    watch: Watch = UNWATCHED,
    frozen: bool = False,
) -> Built:
    """Build the recipe's mixture and publish it as the current version.

    Args:
        recipe: what to build.
        store: where it goes; the version that was current stays so until the last moment.
        base: folder that the recipe's relative patterns start from.
        processes: worker processes of this machine; unset means as many as cores and memory allow.
        engine: who works on the shards; the mixture is the same, byte for byte, with any of them.
        watch: who is told of it, and how its stages are run.
        frozen: build only from the commits and files that the current version was made from.

    Raises:
        ThinkmixError: for everything a person must fix; `thinkmix.schemas.errors` draws the tree.
    """
    if refused := recipe.refused_drops():  # a recipe from a form or from Python was not read from a file
        raise RecipeError(refused[0])
    opened = open_rules(recipe, base)
    make_root(store.root)
    with (
        full_disk(store.root),
        store.lock(recipe.name),
        record_run(store, recipe.name, watch.scheduled) as active,
    ):
        active.recipe, step, notify = recipe, watch.step, watch.notify
        # all sources before the first download, so that one that is gone ends the build early
        snapshots = [
            step(f"resolve {source.name}", resolve)(store, source, base) for source in recipe.sources
        ]
        asked = benchmarks.resolve(recipe.decontaminate, base=base, into=store.cache.downloads)
        if frozen:
            check_frozen(store, recipe, snapshots, asked)
        _tell_files(recipe, [*snapshots, *asked], notify)
        if found := step("compare", already_built)(store, recipe, snapshots, asked):
            note_places(store, recipe, snapshots, base)
            with without_gc():  # no stage runs: what is judged and sampled is one report
                built = step("publish", _publish_again)(store, found, active)
            _tell_renamed(built, snapshots, notify)
            return built
        with workers(engine, processes, store.root, preload.prepare, preload.load_ahead) as pool:
            with without_gc():
                # while the workers import theirs, and not in runs in which nothing changed
                from thinkmix.flows.build import stages  # noqa: PLC0415
            if said := store.cache.adopt():
                notify(Event("resolve", "", 0, None, note=said))
            run = stages.Run(store, pool, notify)
            active.known = stages.Known(opened)
            work = stages.make(run, active.known, snapshots, asked, base, step)
            built = step("publish", _publish)(run, work, active)
            _tell_renamed(built, snapshots, notify)
            return built


def _tell_files(recipe: Recipe, snapshots: Sequence[Snapshot | NotScanned], notify: Notify) -> None:
    """Say which rule files run, which files each pattern means now, and which evaluations cannot be had."""
    for rule in recipe.own_rules.values():
        notify(Event("resolve", "", 0, None, note=rule.file.told))
    named = [*recipe.sources, *recipe.decontaminate.benchmarks]
    for name, snapshot in zip((one.name for one in named), snapshots, strict=True):
        if isinstance(snapshot, NotScanned):
            notify(Event("resolve", name, 0, None, note=f"not scanned: {name} ({snapshot.why})"))
            continue
        count = len(snapshot.files)
        parts = ", ".join(f"{pattern} → {found}" for pattern, found in snapshot.matched.items())
        note = f"{name}: {count} {'file' if count == 1 else 'files'} ({parts})"
        notify(Event("resolve", name, count, count, "files", note))


def _tell_renamed(built: Built, snapshots: Sequence[Snapshot], notify: Notify) -> None:
    """Say which sources a version states at another commit, because it was published before."""
    for source, shot in zip(built.manifest.sources, snapshots, strict=True):
        if source.commit != shot.commit:
            same = f"{source.name}: its files hold what they held at {source.commit[:12]}"
            note = f"{same}; version {built.digest[:12]} keeps their names of then"
            notify(Event("publish", source.name, 0, None, note=note))


def _publish(run: "Run", work: "Work", active: ActiveRun) -> Built:
    """Put the version together and let it be judged."""
    from thinkmix.flows.build import why  # noqa: PLC0415 - there by now
    from thinkmix.flows.build.version import put_together  # noqa: PLC0415

    store, mixture = run.store, work.recipe.name
    with scratch_folder(store.root / mixture / "versions") as folder:
        manifest, report = put_together(work, folder)
        version, new = store.versions.keep(mixture, folder)
    if not new:  # it may state other names of the same files: they are what `explain` tells
        manifest, report = _read_facts(version)
    store.cache.record_outputs(mixture, why.of_build(run.used).note())
    reused = sum(used.output.reused for used in run.used)
    candidate = _Candidate(version, manifest, report, new)
    return _judge(store, candidate, active, reused=reused, made=len(run.used) - reused)


def _publish_again(store: Store, version: Path, active: ActiveRun) -> Built:
    """Let a version be judged that was built before: it is current, or a gate blocked it last time."""
    manifest, report = _read_facts(version)
    return _judge(store, _Candidate(version, manifest, report, new=False), active, reused=0, made=0)


def _read_facts(version: Path) -> tuple[Manifest, Report]:
    """Return the manifest and the report of a version that is whole."""
    manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
    return manifest, Report.model_validate_json((version / "report.json").read_bytes())


class _Candidate(NamedTuple):
    """A version that is there, before it is judged."""

    version: Path
    manifest: Manifest
    report: Report
    new: bool
    """Whether it was not there before, or not whole."""


def _judge(store: Store, candidate: _Candidate, active: ActiveRun, *, reused: int, made: int) -> Built:
    """Compare a version with the last good one, and make it current if nothing forbids."""
    version, manifest, report, new = candidate
    before = None
    with suppress(StoreCorrupt):  # a damaged CURRENT is about to be rewritten
        before = store.versions.current(manifest.mixture)
    told = active.tell(version, report, before=before, new=new)
    pages = render_files(store, told)
    with active.recorded(told, pages, reused=reused, made=made) as folder:
        if told.status == "published":
            store.versions.promote(manifest.mixture, version)
    return Built(version, manifest, told, folder, reused, made)
