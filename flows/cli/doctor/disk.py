"""The store and its disk: room for the next build, what publishing needs of the disk, and what lies there."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

from thinkmix.flows.cli.doctor.finding import Finding, fail, ok, warn
from thinkmix.flows.store.cache import ABANDONED_AFTER
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import StoreCorrupt

FACTOR = 2.5
"""How many times the newest version must fit beside itself: the next one, its parts, and some to spare."""


@dataclass(frozen=True)
class Mixture:
    """What lies in a mixture's folder."""

    current: str
    """What is wrong with CURRENT; empty if it holds, or if nothing was published yet."""
    building_for: float | None
    """Seconds since a builder took the lock; None if there is none."""
    leftovers: int
    """Temporary folders of builds."""
    killed: bool
    """Whether a run says that it is going on."""


@dataclass(frozen=True)
class Disk:
    """The store, and what its disk can do."""

    place: Path
    """The store, or the folder above it that exists."""
    free: int
    version: int
    """Bytes of the biggest of the mixtures' newest versions."""
    cache: int
    lacking: tuple[str, ...]
    """What the disk does not do, though the protocol of publishing needs it."""
    links: bool
    """Whether a file of the cache can have a second name among the versions."""
    mixtures: Mapping[str, Mixture]


def collect(store: Store) -> Disk:
    """Look at the store, and try its disk with a few small files."""
    place = store.root.resolve()
    while not place.is_dir():
        place = place.parent
    mixtures = store.mixtures()
    lacking, links = _try(place, [place / ".cache", *(place / name / "versions" for name in mixtures)])
    return Disk(
        place=place,
        free=shutil.disk_usage(place).free,
        version=max((_newest(store.root / name / "versions") for name in mixtures), default=0),
        cache=_bytes(store.root / ".cache"),
        lacking=tuple(lacking),
        links=links,
        mixtures={name: _mixture(store, name) for name in mixtures},
    )


def check(disk: Disk) -> list[Finding]:
    """Return what there is to say of the store and its disk."""
    findings = [_room(disk), _abilities(disk)]
    for name, mixture in disk.mixtures.items():
        if mixture.current:
            advice = "build again; `thinkmix verify` tells whether an older version holds"
            findings.append(fail(f"{name}: current", mixture.current, advice))
        else:
            findings.append(ok(f"{name}: current", "the manifest and the sizes of all files hold"))
        if found := _unfinished(name, mixture):
            findings.append(found)
    return findings


def _room(disk: Disk) -> Finding:
    least = int(FACTOR * disk.version)
    detail = f"{_size(disk.free)} free in {disk.place}; the next build may need {_size(least + disk.cache)}"
    advice = "free some, run `thinkmix gc`, or use a store on another disk"
    if disk.free < least:
        return fail("disk", f"{detail}, and surely {_size(least)}", advice)
    if disk.free < least + disk.cache:
        return warn("disk", detail, advice)
    return ok("disk", detail)


def _abilities(disk: Disk) -> Finding:
    name = "file system"
    if disk.lacking:
        return fail(name, "; ".join(disk.lacking), f"use a store on a local disk instead of {disk.place}")
    if not disk.links:
        advice = "let .cache and the versions lie on one file system with hard links"
        return warn(name, "files of the cache are copied into versions, at twice the space", advice)
    return ok(name, "can be written to, locks, renames and links")


def _unfinished(name: str, mixture: Mixture) -> Finding | None:
    subject = f"{name}: builds"
    if mixture.building_for is not None:
        hours = mixture.building_for / 3600
        detail = f"one has been going on for {hours:.1f} h"
        if mixture.building_for > ABANDONED_AFTER:
            return warn(subject, detail, "see whether it still gets on; its lock goes with its process")
        return ok(subject, detail)
    if mixture.killed or mixture.leftovers:
        detail = "one was killed and left its traces" if mixture.killed else "one left temporary folders"
        return warn(subject, detail, "nothing to do: the next build settles it and takes them away")
    return None


def _mixture(store: Store, name: str) -> Mixture:
    folder, since = store.root / name, store.building_since(name)
    return Mixture(
        current=_current(store, name),
        building_for=None if since is None else max(time.time() - since, 0),
        leftovers=sum(1 for part in ("versions", "runs") for _ in (folder / part).glob(".tmp-*")),
        killed=(folder / "running.json").exists(),
    )


def _current(store: Store, name: str) -> str:
    """Return what is wrong with the current version, without reading its rows."""
    try:
        version = store.versions.current(name)
    except StoreCorrupt as error:
        return str(error)
    if version is None:
        return ""
    try:
        content = (version / MANIFEST).read_bytes()
    except OSError:
        return f"CURRENT names {version.name[:12]}, which is not there"
    if sha256(content).hexdigest() != version.name:
        return f"the manifest of {version.name[:12]} is damaged"
    return next(_wrong_sizes(version, content), "")


def _wrong_sizes(version: Path, manifest: bytes) -> Iterator[str]:
    """Yield which files differ in size from what the manifest, whose digest holds, says."""
    for file, entry in orjson.loads(manifest)["files"].items():
        path = version / file
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            yield f"{file} of {version.name[:12]} is missing or has another size"


def _try(place: Path, folders: list[Path]) -> tuple[list[str], bool]:
    """Return what the disk does not do, and whether it links files of one folder into the others."""
    try:
        with tempfile.TemporaryDirectory(prefix=".tmp-doctor-", dir=place) as name:
            folder = Path(name)
            lacking = [words for words, works in _TRIALS.items() if not _works(works, folder)]
            links = _works(_links, folder)
    except OSError as error:
        return [f"{place} cannot be written to ({error.strerror})"], True
    devices = {there.stat().st_dev for there in folders if there.exists()}
    return lacking, links and len(devices) < 2


def _works(trial: Callable[[Path], bool], folder: Path) -> bool:
    try:
        return trial(folder)
    except OSError:
        return False


def _locks(folder: Path) -> bool:
    path = folder / "lock"
    with path.open("w") as one, path.open("w") as two:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _renames(folder: Path) -> bool:
    """Try that a folder never takes the place of a full one, and that a file takes the place of another."""
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "file").write_text(name)
    with suppress(OSError):
        (folder / "one").rename(folder / "two")
        return False
    (folder / "one").rename(folder / "three")
    (folder / "three" / "file").replace(folder / "two" / "file")
    return (folder / "two" / "file").read_text() == "one"


def _links(folder: Path) -> bool:
    (folder / "here").write_text("x")
    os.link(folder / "here", folder / "there")
    return (folder / "there").stat().st_nlink == 2


_TRIALS = {
    "locks do not keep others out": _locks,
    "renames do not replace files at once and spare full folders": _renames,
}


def _newest(versions: Path) -> int:
    """Return the bytes of the version that was written last."""
    there = [path for path in versions.glob("*") if not path.name.startswith(".")]
    return max(((path.stat().st_mtime, _bytes(path)) for path in there), default=(0.0, 0))[1]


def _bytes(folder: Path) -> int:
    total, folders = 0, [folder]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.1f} MB"
