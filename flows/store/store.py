"""The store on disk: versions that appear whole or not at all, and a cache that is never believed.

STORE/<mixture>/versions/<digest>/   published, named by the sha256 of its manifest.json
STORE/<mixture>/CURRENT              the digest of the newest good version, written last
STORE/<mixture>/report.html          what the newest run came to, for people
STORE/<mixture>/runs/<run>/          report.html, report.json and summary.md of one run; of one that made
                                     no version report.html, failed.json, and the rows that were dropped
STORE/<mixture>/runs.jsonl           when which build ran and how it ended, a line a run
STORE/<mixture>/accepted.jsonl       who promoted which held version, and why
STORE/<mixture>/rollbacks.jsonl      who returned to which earlier version, from which, and why
STORE/<mixture>/places.json          where the last build's source files lie on this machine
STORE/<mixture>/running.json         the build that is under way, or was killed
STORE/<mixture>/outputs.json         outputs of stages that the last build with any used
STORE/<mixture>/trained/<name>/      what builds whose recipe says so trained on their versions
STORE/<mixture>/trainings.jsonl      when which of these was trained and how it ended, a line each
STORE/.cache/<stage>/<key>/          outputs of stages, named by all that decides them
STORE/.cache/hub/                    downloaded files
STORE/.cache/tokens/<version>/       rows of a version as token ids, encoded once for all trainings on it

Publishing: write into a temporary folder, fsync every file, rename, fsync the parent, and only
then replace CURRENT the same way. A reader that goes through CURRENT sees the old version or the
new one, whatever dies in between; one lock per mixture keeps builders apart, and the kernel frees
it with its holder. Mixtures share the cache without a lock: whoever is first puts an output there.
"""

import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import has_magic
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO

import orjson

from thinkmix.flows.store.holds import shared, use
from thinkmix.flows.system import files
from thinkmix.schemas.errors import (
    NotFound,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    ThinkmixError,
    TooFewFiles,
)

MANIFEST = "manifest.json"
FAILED = "failed.json"
"""What a run left that made no version."""

SHORT = 12
"""Digits of a version by which folders are named that are made of it."""

_DIGITS = 64
_CHART = "chart.svg"

_REFUSALS = (errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM)

ABANDONED_AFTER = 24 * 3600
"""Age in seconds from which a temporary folder of the cache is that of a process that died."""

_LOOK = 0.25
"""Seconds that a builder waits for a lock: whoever looks whether one is there holds it for an instant."""


Make = Callable[[Path], Mapping[str, object]]
"""Writes a stage's output into the folder that it is given, and returns its result."""

Makers = Callable[[Sequence[int]], Iterable[Make]]


@dataclass(frozen=True)
class StageOutput:
    """What a stage left behind: a folder of files whose digests hold, and its small result."""

    folder: Path
    files: Mapping[str, str]
    """sha256 by file name."""
    result: Mapping[str, object]
    reused: bool


@dataclass(frozen=True)
class Store:
    """A folder that holds mixtures and the cache from which they are rebuilt."""

    root: Path

    @property
    def downloads(self) -> Path:
        """Folder of the fetched source files."""
        return self.root / ".cache" / "hub"

    @contextmanager
    def tokens(self, version: str) -> Iterator[Path]:
        """Yield the folder for a version's rows as token ids; nobody collects it meanwhile.

        Args:
            version: digest of the version.

        Raises:
            StoreError: if the store cannot be written.
        """
        folder = self.root / ".cache" / "tokens" / version[:SHORT]
        while True:  # until the folder could be held: it may be collected at this moment
            with full_disk(self.root), suppress(FileNotFoundError):
                _make_folder(folder)
                (folder / "lock").touch()
            with shared(folder / "lock") as there:
                if there:
                    yield folder
                    return

    def trained(self, mixture: str) -> Path:
        """Return the folder of what was trained on the mixture's versions."""
        return self.root / mixture / "trained"

    def stage(self, name: str, key: str, make: Make) -> StageOutput:
        """Return the output of a stage, made anew only if it is not there or does not hold.

        Args:
            name: the stage.
            key: digest of all that decides the output: inputs, parameters, code, libraries.
            make: writes files into the folder it is given and returns a small JSON-able result.

        Raises:
            StoreFull: if the disk is full; nothing is left behind.
        """
        if found := self.known(name, key):
            return found
        folder = self.root / ".cache" / name / key
        with self.scratch(folder.parent) as scratch:
            result = make(scratch)
            files = {path.name: digest(path) for path in sorted(scratch.iterdir())}
            content = {"key": key, "files": files, "result": result}
            write_json(scratch / MANIFEST, {**content, "seal": key_of(**content)})
            if commit(scratch, folder, whole=lambda there: _intact(there) is not None):
                return StageOutput(folder, files, result, reused=False)
        return self.stage(name, key, make)

    def stages(self, name: str, keys: Sequence[str], make: Makers) -> list[StageOutput]:
        """Return outputs of a stage that are made in one pass over what they have in common.

        Args:
            name: the stage.
            keys: of each output, like the key of `stage`.
            make: given the places in `keys` of what is not there, yields what writes each, in that order.

        Raises:
            StoreFull: if the disk is full; what was finished before stays.
        """
        found = {place: self.known(name, key) for place, key in enumerate(keys)}
        missing = [place for place, output in found.items() if output is None]
        making = zip(missing, make(missing), strict=True) if missing else ()
        made = {place: self.stage(name, keys[place], one) for place, one in making}
        return [found[place] or made[place] for place in range(len(keys))]

    def known(self, name: str, key: str) -> StageOutput | None:
        """Return the output of a stage if it is there and every byte of it holds."""
        folder = self.root / ".cache" / name / key
        return _intact(folder) if use(folder / MANIFEST) else None

    def kept_chart(self, key: str, draw: Callable[[], bytes]) -> bytes:
        """Return a chart, drawn anew only if the cache does not hold it under that key."""

        def make(folder: Path) -> Mapping[str, object]:
            (folder / _CHART).write_bytes(draw())
            return {}

        return (self.stage("charts", key, make).folder / _CHART).read_bytes()

    @contextmanager
    def scratch(self, parent: Path) -> Iterator[Path]:
        """Yield a new folder beside its later place, removed unless it was committed."""
        with full_disk(parent):
            _make_folder(parent)
            folder = parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self, mixture: str) -> Iterator[None]:
        """Hold the mixture's lock: one builder at a time.

        Raises:
            StoreBusy: at once, if another process holds it.
        """
        folder = self.root / mixture
        with full_disk(self.root):
            _make_folder(folder)
        with (folder / ".lock").open("a") as handle:
            if not _lock(handle):
                msg = f"another build of {mixture} is running in {self.root}; try again when it has ended"
                raise StoreBusy(msg)
            os.utime(handle.fileno())
            self._sweep(folder)
            yield

    def building_since(self, mixture: str) -> float | None:
        """Return since when a builder holds the mixture's lock, in seconds since the epoch, or None."""
        try:
            handle = (self.root / mixture / ".lock").open("rb")
        except FileNotFoundError:
            return None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return os.fstat(handle.fileno()).st_mtime
        return None

    def mixtures(self) -> tuple[str, ...]:
        """Return the names of the mixtures that were ever built here, or are for the first time, in order."""
        folders = self.root.iterdir() if self.root.is_dir() else ()
        signs = (".lock", "CURRENT", "runs.jsonl", "versions")
        return tuple(
            sorted(folder.name for folder in folders if any((folder / sign).exists() for sign in signs))
        )

    def _sweep(self, mixture: Path) -> None:
        """Remove what builds that were killed left behind; builds of other mixtures may be running."""
        leavings = ("versions/.tmp-*", "runs/.tmp-*", ".CURRENT.*", ".report.html.*", ".*.json.*")
        for left in (left for pattern in leavings for left in mixture.glob(pattern)):
            _remove(left)
        abandoned = time.time() - ABANDONED_AFTER
        for left in self.root.glob(".cache/*/.tmp-*"):
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < abandoned:
                    _remove(left)

    def keep(self, mixture: str, scratch: Path) -> tuple[Path, bool]:
        """Put a finished folder among the mixture's versions; it does not become current by that.

        The folder's `manifest.json` must be complete; its sha256 becomes the version's name. A
        version that is there already and holds is kept, so a repeated build changes nothing.

        Returns:
            Where the version lies, and whether it is new there.
        """
        version = self.root / mixture / "versions" / digest(scratch / MANIFEST)
        use(version / MANIFEST)  # one that is there may be so old that it is about to be collected
        with full_disk(self.root):
            new = commit(scratch, version, whole=lambda there: not problems(there))
        return version, new

    def promote(self, mixture: str, version: Path) -> None:
        """Make a version that is kept here the mixture's current one.

        Raises:
            StoreCorrupt: if it is not there.
        """
        if not use(version / MANIFEST):
            msg = f"{version} is gone, so it cannot become current; build again"
            raise StoreCorrupt(msg)
        with full_disk(self.root):
            write_atomically(self.root / mixture / "CURRENT", f"{version.name}\n".encode())

    def current(self, mixture: str) -> Path | None:
        """Return the folder of the current version, or None if none was ever published.

        Raises:
            StoreCorrupt: if CURRENT holds anything but a digest.
        """
        pointer = self.root / mixture / "CURRENT"
        try:
            name = pointer.read_bytes()
        except FileNotFoundError:
            return None
        if len(name) != _DIGITS + 1 or not set(name) <= set(b"0123456789abcdef\n"):
            msg = f"{pointer} does not name a version; build again, or write the digest of a good one into it"
            raise StoreCorrupt(msg)
        return self.root / mixture / "versions" / name.decode().strip()

    def record_places(self, mixture: str, places: Mapping[str, Mapping[str, str]]) -> None:
        """Note where each source's files lie, so that rows a version does not hold can be opened again."""
        with full_disk(self.root):
            content = orjson.dumps(places, option=orjson.OPT_SORT_KEYS)
            write_atomically(self.root / mixture / "places.json", content)

    def places(self, mixture: str) -> Mapping[str, Mapping[str, str]]:
        """Return path by source and file of the last build here; empty if none is known."""
        try:
            noted: Mapping[str, Mapping[str, str]] = orjson.loads(
                (self.root / mixture / "places.json").read_bytes()
            )
        except (OSError, ValueError):
            return {}
        return noted

    def note_running(self, mixture: str, facts: Mapping[str, object] | None) -> None:
        """Note which build holds the mixture's lock; None says that it has ended."""
        note = self.root / mixture / "running.json"
        with full_disk(self.root):
            if facts is None:
                note.unlink(missing_ok=True)
            else:
                write_atomically(note, orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))

    def noted_running(self, mixture: str) -> bytes | None:
        """Return what was noted of a build that holds the mixture's lock, or held it until it was killed."""
        with suppress(FileNotFoundError):
            return (self.root / mixture / "running.json").read_bytes()
        return None

    def record_outputs(self, mixture: str, outputs: Iterable[StageOutput]) -> None:
        """Note which outputs a build used: nights on which nothing changes use none, and must lose none."""
        names = sorted({f"{output.folder.parent.name}/{output.folder.name}" for output in outputs})
        with full_disk(self.root):
            write_atomically(self.root / mixture / "outputs.json", orjson.dumps(names))

    def outputs(self, mixture: str) -> frozenset[str]:
        """Return the outputs (`<stage>/<key>`) that the last build with any used; empty if none is known."""
        try:
            return frozenset(orjson.loads((self.root / mixture / "outputs.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return frozenset()

    def record_run(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append one line to the mixture's history of runs; clock and host belong here only."""
        with full_disk(self.root):
            append_lines(self.root / mixture / "runs.jsonl", facts)

    def record_training(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append one line to the history of trainings that followed the mixture's builds."""
        with full_disk(self.root):
            append_lines(self.root / mixture / "trainings.jsonl", facts)

    def trainings(self, mixture: str) -> list[Mapping[str, object]]:
        """Return the trainings that followed builds, oldest first, but for lines that were cut off."""
        return _lines(self.root / mixture / "trainings.jsonl")

    def runs(self, mixture: str) -> list[Mapping[str, object]]:
        """Return the mixture's history of runs, oldest first, but for lines that were cut off."""
        return _lines(self.root / mixture / "runs.jsonl")

    def record_acceptance(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append one line to the list of held versions that a person promoted; it is on the disk by then."""
        with full_disk(self.root):
            path = self.root / mixture / "accepted.jsonl"
            append_lines(path, facts)
            _sync(path)
            _sync(path.parent)

    def acceptances(self, mixture: str) -> list[Mapping[str, object]]:
        """Return the held versions that a person promoted, oldest first, but for lines that were cut off."""
        return _lines(self.root / mixture / "accepted.jsonl")

    def record_rollback(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append one line to the list of returns to earlier versions; it is on the disk by then."""
        with full_disk(self.root):
            path = self.root / mixture / "rollbacks.jsonl"
            append_lines(path, facts)
            _sync(path)
            _sync(path.parent)

    def rollbacks(self, mixture: str) -> list[Mapping[str, object]]:
        """Return the returns to earlier versions, oldest first, but for lines that were cut off."""
        return _lines(self.root / mixture / "rollbacks.jsonl")

    def write_run(self, mixture: str, run: str, files: Mapping[str, bytes]) -> Path:
        """Write the folder of one run, whole or not at all, and return where it lies."""
        folder = self.root / mixture / "runs" / run
        with self.scratch(folder.parent) as scratch:
            for name, content in files.items():
                (scratch / name).write_bytes(content)
            commit(scratch, folder, whole=lambda _: False)
        return folder

    def show_front(self, mixture: str, page: Path) -> None:
        """Make a run's page the mixture's `report.html`, the one that is opened in the morning."""
        front = self.root / mixture / "report.html"
        temporary = front.with_name(f".{front.name}.{os.getpid()}")
        with full_disk(self.root):
            temporary.unlink(missing_ok=True)
            try:
                os.link(page, temporary)  # takes no room
            except OSError:  # a file system without links
                shutil.copyfile(page, temporary)
            temporary.replace(front)
            _sync(front.parent)

    def write_front(self, mixture: str, page: bytes) -> None:
        """Replace the mixture's `report.html` by a page that is no run's."""
        with full_disk(self.root):
            write_atomically(self.root / mixture / "report.html", page)


def make_root(root: Path) -> None:
    """Make a store's folder; refuse one whose name a reader of parquet files would take for a pattern.

    Raises:
        StoreError: naming the folder, if it cannot be made or may not hold a store.
    """
    if has_magic(str(root.resolve())):
        msg = f"{root.resolve()} cannot hold a store: its path has one of the characters * ? [ ]; use another"
        raise StoreError(msg)
    try:
        with full_disk(root):
            _make_folder(root)
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        msg = f"{root} cannot be made ({error.strerror}); name another folder with --store"
        raise StoreError(msg) from error


def open_version(path: Path) -> Path:
    """Return the version folder that `path` means: itself, or the current one of a mixture folder.

    Raises:
        NotFound: if it is neither a version nor a mixture, or no version of the mixture was ever current.
        StoreCorrupt: if the version has lost its manifest, or the mixture its CURRENT.
    """
    if (path / MANIFEST).is_file():
        return path
    if current := Store(path.parent).current(path.name):
        if (current / MANIFEST).is_file():
            return current
        msg = f"{path / 'CURRENT'} points to {current.name}, which is not there"
        raise StoreCorrupt(msg)
    if path.is_dir() and path.resolve().parent.name == "versions":
        msg = f"{path} is damaged: it has no {MANIFEST}"
        raise StoreCorrupt(msg)
    if any((path / sign).exists() for sign in ("versions", "runs.jsonl")):
        raise _without_current(path)
    msg = f"{path} is neither a version (no {MANIFEST}) nor a mixture (no CURRENT)"
    raise NotFound(msg + _mixtures_beside(path))


def _without_current(mixture: Path) -> ThinkmixError:
    """Return what it means that a mixture has no CURRENT: it was lost, or no version was ever current."""
    if any(run.get("status") == "published" for run in Store(mixture.parent).runs(mixture.name)):
        return StoreCorrupt(f"{mixture} has lost its CURRENT; build again, or accept a version by its digest")
    return NotFound(f"no version of {mixture} is current yet: thinkmix report {mixture} says why")


def _mixtures_beside(path: Path) -> str:
    """Return which mixtures could have been meant, in words; nothing where there are none."""
    with suppress(OSError):
        if known := Store(path.parent).mixtures():
            return f"; {path.parent} holds {', '.join(known)}"
    return ""


def open_rows(path: Path) -> Path:
    """Return the folder whose rows `path` means: a version, or a failed run.

    A mixture's folder means its current version, or its newest failed run if no version is current.

    Raises:
        NotFound: if there is neither.
    """
    if (path / FAILED).is_file():
        return path
    if not (path / "CURRENT").exists() and (failed := sorted(path.glob(f"runs/*/{FAILED}"))):
        return failed[-1].parent
    return open_version(path)


def store_of(path: Path) -> tuple[Store, str | None]:
    """Return the store that `path` means, and the mixture if it is a mixture's folder.

    Raises:
        NotFound: if it is neither.
    """
    path = path.resolve()
    if path.name in Store(path.parent).mixtures():
        return Store(path.parent), path.name
    if (path / ".cache").is_dir() or Store(path).mixtures():
        return Store(path), None
    msg = f"{path} is neither a store nor a mixture's folder"
    raise NotFound(msg)


def home(version: Path) -> Store | None:
    """Return the store in which a version's folder lies; None for a copy of it elsewhere."""
    mixture = version.resolve().parent.parent
    known = any((mixture / sign).is_file() for sign in ("CURRENT", "runs.jsonl"))
    return Store(mixture.parent) if known and (mixture.parent / ".cache").is_dir() else None


@contextmanager
def reading(path: Path) -> Iterator[Path]:
    """Yield the version folder that `path` means; nobody collects it while it is read.

    Args:
        path: a version's folder, or a mixture's folder for its current version.

    Raises:
        NotFound: as `open_version` does.
        StoreCorrupt: as `open_version` does.
    """
    while True:  # until a version could be held: one that was collected first is no longer current
        folder = open_version(path)
        with shared(folder / MANIFEST) as there:
            if there:
                yield folder
                return


@contextmanager
def reading_rows(path: Path) -> Iterator[Path]:
    """Yield the folder whose rows `path` means, see `open_rows`; nobody collects a version meanwhile.

    Raises:
        NotFound: if there is none.
    """
    folder = open_rows(path)
    if (folder / FAILED).is_file():
        yield folder
        return
    with reading(path) as version:
        yield version


def problems(version: Path) -> list[str]:
    """Return what is wrong with a version, one sentence each; empty means that every byte holds."""
    try:
        manifest = (version / MANIFEST).read_bytes()
        promised = {name: entry["sha256"] for name, entry in orjson.loads(manifest)["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{MANIFEST}: unreadable ({error})"]
    found = []
    if sha256(manifest).hexdigest() != version.name:
        found.append(f"{MANIFEST}: sha256 differs from the version's name {version.name}")
    there = {str(path.relative_to(version)): path for path in version.rglob("*") if not _is_folder(path)}
    there.pop(MANIFEST)
    found += [f"{name}: missing" for name in sorted(promised.keys() - there.keys())]
    found += [f"{name}: not in the manifest" for name in sorted(there.keys() - promised.keys())]
    for name in sorted(there.keys() & promised.keys()):
        if not stat.S_ISREG(there[name].lstat().st_mode):
            found.append(f"{name}: not a plain file")
        elif digest(there[name]) != promised[name]:
            found.append(f"{name}: sha256 differs from the manifest")
    return found


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def unseal(manifest: bytes, folder: Path) -> StageOutput | None:
    """Return the output that a manifest promises for `folder`, if its seal holds and it is that folder's."""
    try:
        content = orjson.loads(manifest)
        seal = content.pop("seal")
        if seal == key_of(**content) and content["key"] == folder.name:
            return StageOutput(folder, content["files"], content["result"], reused=True)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def key_of(**parts: object) -> str:
    """Return the digest that names a stage's output: of all that decides it."""
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write JSON whose bytes depend on the value alone: sorted keys, two spaces, a final newline."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    path.write_bytes(orjson.dumps(value, option=options))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file such that its name is never that of a half of it, not after a power loss either."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def commit(scratch: Path, final: Path, *, whole: Callable[[Path], bool]) -> bool:
    """Move a finished folder to its place so that it is whole there after any crash.

    Returns:
        False if a whole one was there already: it stays, and `scratch` is of no more use.
    """
    for path in sorted(scratch.rglob("*")):
        _sync(path)
    _sync(scratch)
    _make_folder(final.parent)
    try:
        scratch.rename(final)
    except OSError as error:
        # NFS may repeat a rename whose answer was lost, and then finds nothing to rename: ENOENT
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.ENOENT):
            raise
        if whole(final):
            return False
        aside = final.with_name(f".tmp-{os.getpid()}-{os.urandom(4).hex()}")
        final.rename(aside)
        scratch.rename(final)
        _remove(aside)
    _sync(final.parent)
    return True


@contextmanager
def full_disk(where: Path) -> Iterator[None]:
    """Turn the many faces of a full disk into one clear error, and those of a broken one into another.

    Raises:
        StoreFull: instead of any OSError that says that no space is left.
        TooFewFiles: instead of any that says that no more files can be opened.
        StoreError: instead of one that says that the disk fails or may not be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, ThinkmixError):
            raise
        if _says_full(error):
            msg = f"no space left under {where}; free some and build again, what is published is untouched"
            raise StoreFull(msg) from error
        if files.ran_out(error):
            msg = files.refusal(f"too many open files under {where}")
            raise TooFewFiles(msg) from error
        if error.errno in _REFUSALS:
            msg = f"{error.filename or where}: {error.strerror}; what is published is untouched"
            raise StoreError(msg) from error
        raise


def _says_full(error: OSError) -> bool:
    """Return whether the disk is full: Arrow says so without a number, numpy in words of its own."""
    words = str(error)
    numpy_says = " requested and " in words and words.endswith(" written")
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in words or numpy_says


def _intact(folder: Path) -> StageOutput | None:
    """Return a cached output if its manifest is sealed and exactly its files are there, byte for byte."""
    try:
        output = unseal((folder / MANIFEST).read_bytes(), folder)
        if (
            output
            and {path.name for path in folder.iterdir()} == {*output.files, MANIFEST}
            and all(digest(folder / name) == expected for name, expected in output.files.items())
        ):
            return output
    except OSError:
        pass  # not there, or not whole: the same thing to a cache
    return None


def append_lines(path: Path, *facts: Mapping[str, object]) -> None:
    """Add lines of JSON to a file, each a line of its own even if the one before was cut off."""
    with path.open("ab+") as lines:
        if lines.tell():
            lines.seek(-1, os.SEEK_END)
            if lines.read(1) != b"\n":  # a line that a full disk cut off stays one line
                lines.write(b"\n")
        lines.writelines(orjson.dumps(line) + b"\n" for line in facts)


def _lines(path: Path) -> list[Mapping[str, object]]:
    found = []
    with suppress(FileNotFoundError):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):
                found.append(orjson.loads(line))
    return [line for line in found if isinstance(line, dict)]


def _lock(handle: IO[str]) -> bool:
    """Take a lock alone if nobody has it, apart from those who only look."""
    until = time.monotonic() + _LOOK
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK / 25)
        else:
            return True


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it so that a power loss does not take them away again."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _remove(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
