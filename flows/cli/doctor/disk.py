"""The store and its disk: room for the next build, what publishing needs of the disk, and what lies there."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import orjson

from thinkmix.flows.cli.doctor.diagnosis import Diagnosis, diagnose
from thinkmix.flows.store.cache import ABANDONED_AFTER
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import manifest_problem
from thinkmix.flows.system.progress import size
from thinkmix.schemas.errors import StoreCorrupt

FACTOR = 2.5
"""How many times the newest version must fit beside itself: the next one, its parts, and some to spare."""


def check(store: Store) -> Iterator[Diagnosis]:
    """Yield what there is to say of the store and its disk, which is tried with a few small files."""
    place = store.root.resolve()
    while not place.is_dir():
        place = place.parent
    mixtures = store.mixtures()
    version = max((_newest(store.root / name / "versions") for name in mixtures), default=0)
    yield room(place, shutil.disk_usage(place).free, version=version, cache=_bytes(store.root / ".cache"))
    folders = (place / ".cache", *(place / name / "versions" for name in mixtures))
    devices = {folder.stat().st_dev for folder in folders if folder.exists()}
    yield abilities(place, attempt(place), apart=len(devices) > 1)
    for name in mixtures:
        yield current(store, name)
        since, folder = store.building_since(name), store.root / name
        traces = [*(folder / "versions").glob(".tmp-*"), *(folder / "runs").glob(".tmp-*")]
        age = None if since is None else max(time.time() - since, 0)
        yield from builds(name, age, killed=(folder / "running.json").exists(), left=bool(traces))


def room(place: Path, free: int, *, version: int, cache: int) -> Diagnosis:
    """Compare free bytes with what the next build takes beside the newest version, and its cache."""
    least = int(FACTOR * version)
    detail = f"{size(free)} free in {place}; the next build may need {size(least + cache)}"
    advice = "free some, run `thinkmix gc`, or use a store on another disk"
    if free < least:
        return diagnose("disk", f"{detail}, and surely {size(least)}", fail=advice)
    return diagnose("disk", detail, warn=advice if free < least + cache else "")


def abilities(place: Path, lacking: Sequence[str], *, apart: bool) -> Diagnosis:
    """Say what the protocol of publishing misses on the disk; `apart`: cache and versions lie on two."""
    if missed := [words for words in lacking if words != _NO_LINKS]:
        return diagnose(
            "file system", "; ".join(missed), fail=f"use a store on a local disk instead of {place}"
        )
    if lacking or apart:
        detail = "files of the cache are copied into versions, at twice the space"
        advice = "let .cache and the versions lie on one file system with hard links"
        return diagnose("file system", detail, warn=advice)
    return diagnose("file system", "can be written to, locks, renames and links")


def current(store: Store, mixture: str) -> Diagnosis:
    """Say whether the current version is there, its manifest whole, and its files as long as that says."""
    if damage := next(_damage(store, mixture), ""):
        advice = "build again; `thinkmix verify` tells whether an older version holds"
        return diagnose(f"{mixture}: current", damage, fail=advice)
    return diagnose(f"{mixture}: current", "the manifest and the sizes of all files hold")


def builds(mixture: str, age: float | None, *, killed: bool, left: bool) -> Iterator[Diagnosis]:
    """Yield what there is to say of unfinished builds.

    Args:
        mixture: its name.
        age: seconds since a builder took the lock; None if nobody holds it.
        killed: whether a run says that it is going on.
        left: whether there are temporary folders.
    """
    name = f"{mixture}: builds"
    if age is not None:
        advice = (
            "see whether it still gets on; its lock goes with its process" if age > ABANDONED_AFTER else ""
        )
        yield diagnose(name, f"one has been going on for {age / 3600:.1f} h", warn=advice)
    elif killed or left:
        detail = "one was killed and left its traces" if killed else "one left temporary folders"
        yield diagnose(name, detail, warn="nothing to do: the next build settles it and takes them away")


def _damage(store: Store, mixture: str) -> Iterator[str]:
    """Yield what is wrong with the current version, whose rows are not read."""
    try:
        version = store.versions.current(mixture)
    except StoreCorrupt as error:
        yield str(error)
        return
    if version is None:
        return
    try:
        manifest = (version / MANIFEST).read_bytes()
    except OSError:
        yield f"CURRENT names {version.name[:12]}, which is not there"
        return
    if manifest_problem(manifest, version.name):
        yield f"the manifest of {version.name[:12]} is damaged"
        return
    for file, entry in orjson.loads(manifest)["files"].items():
        path = version / file
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            yield f"{file} of {version.name[:12]} is missing or has another size"


def attempt(place: Path) -> list[str]:
    """Return what the disk does not do."""
    try:
        with tempfile.TemporaryDirectory(prefix=".tmp-doctor-", dir=place) as name:
            return [words for words, works in _TRIALS.items() if not _works(works, Path(name))]
    except OSError as error:
        return [f"{place} cannot be written to ({error.strerror})"]


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


_NO_LINKS = "files cannot have a second name"
_TRIALS = {
    "locks do not keep others out": _locks,
    "renames do not replace files at once and spare full folders": _renames,
    _NO_LINKS: _links,
}


def _newest(versions: Path) -> int:
    """Return the bytes of the version that was written last."""
    there = [path for path in versions.glob("*") if not path.name.startswith(".")]
    return max(((path.stat().st_mtime, _bytes(path)) for path in there), default=(0.0, 0))[1]


def _bytes(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total
