"""Retention: which versions, runs and cached files a store keeps, and the removal of the others.

Nothing is removed that somebody uses. A reader of a version holds its manifest
(`thinkmix.flows.store.paths.reading`); a builder leaves the time of use on every output, download and version
that it touches, and what was used since the oldest running build began stays, whatever the limits say.
Removal is a rename first, so nobody ever sees half a folder; whoever dies in between leaves a `.tmp-*` that
the next build or collection takes away.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path

import orjson
from pydantic import ValidationError

from thinkmix.flows.runs.history import rejection
from thinkmix.flows.store.cache import ABANDONED_AFTER
from thinkmix.flows.store.digests import MANIFEST, SHORT
from thinkmix.flows.store.locks import exclusive_lock
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import StoreCorrupt
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.retention import KeptVersion, Kind, Removed, Retained
from thinkmix.train.output.result import MANIFEST as TRAINED

KEEP = 10
"""Good versions that stay, unless told otherwise."""

DAYS = 7.0
"""Days for which unused outputs, downloads and versions stay, unless told otherwise."""

RUNS = 30
"""Run folders that stay beside those of kept versions."""

_DAY = 24 * 3600
_DIGITS = 64
_COARSE = 2.0
"""Seconds by which the clock of a file system may be behind ours."""


def retain(
    store: Store, mixture: str | None = None, *, keep: int = KEEP, days: float = DAYS, dry_run: bool = False
) -> Retained:
    """Remove what a store no longer needs; may run beside builds and readers, and beside itself.

    Args:
        store: whose cache is collected, and the versions and runs of its mixtures.
        mixture: collect the versions and runs of this one only.
        keep: newest published versions of a mixture that stay, beside its current and approved ones; blocked
            ones stay if one of the last so many runs built them.
        days: for how long what nobody refers to stays after its last use.
        dry_run: only say what would be removed.

    Raises:
        StoreCorrupt: if a CURRENT names no version, so that nobody knows which one is in use.
    """
    now = time.time()  # first: what begins from here on uses nothing before it
    everything = store.mixtures()
    began = [since for name in everything if (since := store.building_since(name)) is not None]
    limit = min([now - max(days * _DAY, _COARSE), *began])
    sweep = _Sweep(store.root, limit, dry_run)
    kept: list[KeptVersion] = []
    for name in everything if mixture is None else [mixture]:
        mine = _collect_versions(sweep, store, name, keep)
        names = {version.version for version in mine}
        _collect_runs(sweep, store, name, names)
        _collect_trained(sweep, store, name, names)
        kept += mine
    _collect_outputs(sweep, store, everything)
    _collect_downloads(sweep, store, everything)
    _collect_tokens(sweep)
    _collect_leftovers(sweep, everything)
    return Retained(
        dry_run=dry_run,
        removed=tuple(sweep.removed),
        kept=tuple(kept),
        freed_bytes=sweep.freed,
        failed=tuple(sweep.failed),
    )


def tidy(store: Store, mixture: str, keep: int) -> None:
    """Collect after a build, and say so in one line; a build that was published does not fail by it."""
    try:
        told = retain(store, mixture, keep=keep)
    except OSError as error:
        sys.stderr.write(f"nothing was collected: {error}\n")
    else:
        sys.stderr.write("".join(f"{line}\n" for line in (told.sentence, *told.failed)))


@dataclass
class _Sweep:
    """One collection: its limit, and what it has removed so far."""

    root: Path
    limit: float
    """What was used since then stays; seconds since the epoch."""
    dry_run: bool
    removed: list[Removed] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    names: dict[tuple[int, int], int] = field(default_factory=dict)
    """Names that a file with several still has, by device and inode."""
    freed: int = 0

    def collect(self, kind: Kind, folder: Path, held: Path) -> bool:
        """Remove a folder, unless the file that its users hold says that there are any."""
        with exclusive_lock(held, unused_since=self.limit) as unused:
            return unused and self.take(kind, folder)

    def take(self, kind: Kind, path: Path) -> bool:
        """Remove a folder or file that nobody uses."""
        bytes_of = list(_files(path))
        if not self.dry_run:
            try:
                _remove(path)
            except FileNotFoundError:
                return False  # by another collection
            except OSError as error:
                self.failed.append(f"{path} cannot be removed: {error.strerror}")
                return False
        for status in bytes_of:
            self._count(status)
        self.removed.append(Removed(kind=kind, path=str(path.relative_to(self.root))))
        return True

    def _count(self, status: os.stat_result) -> None:
        """Count a file's bytes once its last name goes; other names may be removed before or later."""
        file = status.st_dev, status.st_ino
        left = self.names.get(file, status.st_nlink) - 1
        self.names[file] = left
        if left == 0:
            self.freed += status.st_blocks * 512


def _remove(path: Path) -> None:
    """Remove a file, or a folder in such a way that nobody sees half of it.

    Raises:
        OSError: if the system does not let us; a folder may have gone in part, under another name.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    aside = path.with_name(f".tmp-{os.getpid()}-{os.urandom(4).hex()}")
    path.rename(aside)
    shutil.rmtree(aside)


def _files(path: Path) -> Iterator[os.stat_result]:
    for here in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):
            status = here.lstat()
            if not here.is_dir() or here.is_symlink():
                yield status


def _collect_versions(sweep: _Sweep, store: Store, mixture: str, keep: int) -> list[KeptVersion]:
    """Remove the versions that nothing refers to, and return those that stay."""
    folder = store.root / mixture / "versions"
    lying = {path.name: path for path in _children(folder) if len(path.name) == _DIGITS}
    reasons = _referred(store, mixture, keep, lying)
    kept = []
    for name, path in sorted(lying.items()):
        why = reasons.get(name)
        if why is None and not sweep.collect("version", path, path / MANIFEST):
            why = "recent" if _age(path / MANIFEST) >= sweep.limit else "in use"
        if why is not None:
            kept.append(KeptVersion(mixture=mixture, version=name, why=why))
    return kept


def _referred(store: Store, mixture: str, keep: int, lying: Mapping[str, Path]) -> dict[str, str]:
    """Return why versions stay, by name.

    A version that the history does not know counts as published when it was written, also among those it
    knows: a lost history, or a line of it, must not cost what is good.
    """
    runs = [run for run in store.log.runs(mixture) if isinstance(run.get("version"), str)]
    known = {str(run["version"]) for run in runs}
    published = dict.fromkeys(
        str(run["version"]) for run in reversed(runs) if run.get("status") == "published"
    )

    def newest_first(name: str) -> tuple[float, str]:
        return -_age(lying[name] / MANIFEST), name

    unknown = sorted(lying.keys() - known, key=newest_first)
    there = (name for name in published if name in lying)
    rejected = {name for name in lying if rejection(store, mixture, name)}
    good = [name for name in merge(there, unknown, key=newest_first) if name not in rejected][:keep]
    last = runs[len(runs) - keep :] if keep < len(runs) else runs
    reasons = {str(run["version"]): "blocked" for run in last if run.get("status") == "blocked"}
    reasons |= dict.fromkeys(good, "published")
    reasons |= dict.fromkeys(_named(store.root / mixture / "accepted.jsonl", "version"), "approved")
    returns = store.root / mixture / "rollbacks.jsonl"
    reasons |= dict.fromkeys(rejected.intersection(_named(returns, "rejected")), "rolled back from")
    reasons |= dict.fromkeys(_named(returns, "version"), "rolled back to")
    if current := store.versions.current(mixture):
        reasons[current.name] = "current"
    return reasons


def _named(path: Path, key: str) -> Iterator[str]:
    """Yield the versions that the lines of a person's record name.

    Raises:
        StoreCorrupt: for a line that says something else, for it may have named a version that must stay.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, 1):
        try:
            yield str(orjson.loads(line)[key])
        except (ValueError, KeyError, TypeError):
            said = "approved version" if path.name == "accepted.jsonl" else "version"
            msg = f"{path}, line {number}: names no {said}; nothing is collected until it does"
            raise StoreCorrupt(msg) from None


def _collect_runs(sweep: _Sweep, store: Store, mixture: str, kept: set[str]) -> None:
    """Remove the folders of old runs, except those that built a version that stays."""
    folders = [path for path in _children(store.root / mixture / "runs") if not path.name.startswith(".")]
    newest_first = sorted(folders, key=lambda path: (_age(path), path.name), reverse=True)
    starts = {name[:SHORT] for name in kept}
    for folder in newest_first[RUNS:]:
        if folder.name.rpartition("-")[2] not in starts:
            sweep.take("run", folder)


def _collect_trained(sweep: _Sweep, store: Store, mixture: str, kept: set[str]) -> None:
    """Remove what was trained on versions that are gone, half-trained things included, once it is old.

    Whoever still trains holds the lock of its half-trained folder.
    """
    starts = {name[:SHORT] for name in kept}
    for folder in sorted(_children(store.log.trained(mixture))):
        half = folder.name.startswith(".")
        if folder.name.removeprefix(".").partition("-")[0] not in starts:
            sweep.collect("training", folder, folder / ("lock" if half else TRAINED))
    for page in sorted(store.log.trained(mixture).glob("*.failed.html")):
        if page.name.partition("-")[0] not in starts:
            sweep.take("training", page)


def _collect_outputs(sweep: _Sweep, store: Store, mixtures: Iterable[str]) -> None:
    """Remove outputs of stages that no build has used of late.

    A run in which nothing has changed runs no stage and so uses none: while a mixture is built at all, what
    its last build with any work used stays for the next.
    """
    alive = [name for name in mixtures if _age(store.root / name / "runs.jsonl") >= sweep.limit]
    wanted = {output for name in alive for output in store.cache.outputs(name)}
    for folder in sorted((sweep.root / ".cache").glob(f"*/{'[0-9a-f]' * _DIGITS}")):
        if f"{folder.parent.name}/{folder.name}" not in wanted:
            sweep.collect("output", folder, folder / MANIFEST)


def _collect_downloads(sweep: _Sweep, store: Store, mixtures: Iterable[str]) -> None:
    """Remove downloads that no build has used of late, except what current versions were made from."""
    wanted = {commit for mixture in mixtures for commit in _sources(store, mixture)}
    for held in sorted(store.cache.downloads.glob("*/*/*/*/lock")):
        folder = held.parent
        if folder.relative_to(store.cache.downloads).parts[1:] not in wanted:
            sweep.collect("download", folder, held)
    # digests of files that may be long gone
    for note in sorted(store.cache.downloads.glob("digests/*.json")):
        if _age(note) < sweep.limit:
            sweep.take("leftover", note)


def _collect_tokens(sweep: _Sweep) -> None:
    """Remove the token ids of versions that nobody has trained on of late."""
    for held in sorted((sweep.root / ".cache" / "tokens").glob("*/lock")):
        sweep.collect("encoding", held.parent, held)


def _sources(store: Store, mixture: str) -> Iterator[tuple[str, ...]]:
    """Yield (organisation, name, commit) of what the mixture's current version and last build read."""
    current = store.versions.current(mixture)
    if current is not None:
        with suppress(OSError, ValidationError):
            manifest = Manifest.model_validate_json((current / MANIFEST).read_bytes())
            for source in manifest.sources:
                yield (*source.dataset.split("/"), source.commit)
    for places in store.log.places(mixture).values():
        for place in map(Path, places.values()):
            if place.is_relative_to(store.cache.downloads):
                yield place.relative_to(store.cache.downloads).parts[1:4]


def _collect_leftovers(sweep: _Sweep, mixtures: Iterable[str]) -> None:
    """Remove temporary folders of processes that died."""
    patterns = [".cache/*/.tmp-*", ".cache/hub/*/*/*/.tmp-*"]
    patterns += [
        f"{mixture}/{part}/.tmp-*" for mixture in mixtures for part in ("versions", "runs", "trained")
    ]
    abandoned = time.time() - ABANDONED_AFTER
    for pattern in patterns:
        for path in sorted(sweep.root.glob(pattern)):
            if _age(path) < abandoned:
                sweep.take("leftover", path)


def _children(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _age(path: Path) -> float:
    """Return when a file or folder was changed last, in seconds since the epoch; 0 if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
