"""The store on disk: versions that appear whole or not at all, and a cache that is never believed.

STORE/<mixture>/versions/<digest>/   published, named by the sha256 of its manifest.json
STORE/<mixture>/CURRENT              the digest of the newest good version, written last
STORE/<mixture>/runs.jsonl           when which build ran and how it ended
STORE/.cache/<stage>/<key>/          outputs of stages, named by all that decides them
STORE/.cache/hub/                    downloaded files

Publishing: write into a temporary folder, fsync every file, rename, fsync the parent, and only
then replace CURRENT the same way. A reader that goes through CURRENT sees the old version or the
new one, whatever dies in between; one lock per mixture keeps builders apart, and the kernel frees
it with its holder.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

import orjson

from schemas.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull

MANIFEST = "manifest.json"


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

    def stage(self, name: str, key: str, make: Callable[[Path], Mapping[str, object]]) -> StageOutput:
        """Return the output of a stage, made anew only if it is not there or does not hold.

        Args:
            name: the stage.
            key: digest of all that decides the output: inputs, parameters, code, libraries.
            make: writes files into the folder it is given and returns a small JSON-able result.

        Raises:
            StoreFull: if the disk is full; nothing is left behind.
        """
        folder = self.root / ".cache" / name / key
        if found := _intact(folder):
            return found
        shutil.rmtree(folder, ignore_errors=True)
        with self.scratch(folder.parent) as scratch:
            result = make(scratch)
            files = {path.name: digest(path) for path in sorted(scratch.iterdir())}
            write_json(scratch / MANIFEST, {"files": files, "result": result})
            commit(scratch, folder)
        return StageOutput(folder, files, result, reused=False)

    @contextmanager
    def scratch(self, parent: Path) -> Iterator[Path]:
        """Yield a new folder beside its later place, removed unless it was committed."""
        with full_disk(parent):
            parent.mkdir(parents=True, exist_ok=True)
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
            folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = f"another build of {mixture} is running in {self.root}; try again when it has ended"
                raise StoreBusy(msg) from None
            for stale in folder.glob("versions/.tmp-*"):
                shutil.rmtree(stale, ignore_errors=True)
            yield

    def publish(self, mixture: str, scratch: Path) -> Path:
        """Make a finished folder the mixture's current version and return where it lies.

        The folder's `manifest.json` must be complete; its sha256 becomes the version's name. A
        version that is there already and holds is kept, so a repeated publish changes nothing.
        """
        version = self.root / mixture / "versions" / digest(scratch / MANIFEST)
        with full_disk(self.root):
            if version.exists() and not problems(version):
                shutil.rmtree(scratch, ignore_errors=True)
            else:
                shutil.rmtree(version, ignore_errors=True)
                commit(scratch, version)
            _write_atomically(self.root / mixture / "CURRENT", f"{version.name}\n".encode())
        return version

    def current(self, mixture: str) -> Path | None:
        """Return the folder of the current version, or None if none was ever published."""
        pointer = self.root / mixture / "CURRENT"
        if not pointer.exists():
            return None
        return self.root / mixture / "versions" / pointer.read_text().strip()

    def record_run(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append one line to the mixture's history of runs; clock and host belong here only."""
        with full_disk(self.root), (self.root / mixture / "runs.jsonl").open("ab") as history:
            history.write(orjson.dumps(facts) + b"\n")


def open_version(path: Path) -> Path:
    """Return the version folder that `path` means: itself, or the current one of a mixture folder.

    Raises:
        StoreError: if there is neither a manifest nor a CURRENT.
    """
    if (path / MANIFEST).is_file():
        return path
    if current := Store(path.parent).current(path.name):
        if (current / MANIFEST).is_file():
            return current
        msg = f"{path / 'CURRENT'} points to {current.name}, which is not there"
        raise StoreCorrupt(msg)
    msg = f"{path} is neither a version (no {MANIFEST}) nor a mixture (no CURRENT)"
    raise StoreError(msg)


def problems(version: Path) -> list[str]:
    """Return what is wrong with a version, one sentence each; empty means that every byte holds."""
    try:
        entries = orjson.loads((version / MANIFEST).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{MANIFEST}: unreadable ({error})"]
    found = []
    if digest(version / MANIFEST) != version.name:
        found.append(f"{MANIFEST}: sha256 differs from the version's name {version.name}")
    there = {str(path.relative_to(version)) for path in version.rglob("*") if path.is_file()} - {MANIFEST}
    found += [f"{name}: missing" for name in sorted(set(entries) - there)]
    found += [f"{name}: not in the manifest" for name in sorted(there - set(entries))]
    for name in sorted(there & set(entries)):
        if digest(version / name) != entries[name]["sha256"]:
            found.append(f"{name}: sha256 differs from the manifest")
    return found


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def key_of(**parts: object) -> str:
    """Return the digest that names a stage's output: of all that decides it."""
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write JSON whose bytes depend on the value alone: sorted keys, two spaces, a final newline."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    path.write_bytes(orjson.dumps(value, option=options))


def commit(scratch: Path, final: Path) -> None:
    """Move a finished folder to its place so that it is whole there after any crash."""
    for path in sorted(scratch.rglob("*")):
        _sync(path)
    _sync(scratch)
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        scratch.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(scratch, ignore_errors=True)  # someone else made the same output first
    _sync(final.parent)


@contextmanager
def full_disk(where: Path) -> Iterator[None]:
    """Turn the many faces of a full disk into one clear error.

    Raises:
        StoreFull: instead of any OSError that says that no space is left.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
            msg = f"no space left under {where}; free some and build again, what is published is untouched"
            raise StoreFull(msg) from error
        raise


def _intact(folder: Path) -> StageOutput | None:
    """Return a cached output if its manifest is there and every file has its digest."""
    try:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        files: dict[str, str] = manifest["files"]
        if all(digest(folder / name) == expected for name, expected in files.items()):
            return StageOutput(folder, files, manifest["result"], reused=True)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not whole: the same thing to a cache
    return None


def _write_atomically(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
