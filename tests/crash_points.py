"""Ends a build at every operation it makes on the disk, and says what a reader would see and a rerun make.

Run as a program: `python -m tests.crash_points PROTOCOL DAMAGE EVERY FOLDER` prints JSON. Each point forks a
child that publishes a second version over a first one; something happens to operation number n of the child:

- damage `kill`: the process dies, and what it did is on the disk;
- damage `torn`: power goes, and of what was written but not fsynced only half is left;
- damage `undone`: power goes, and renames whose folder was not fsynced have not happened;
- damage `reordered`: as before, but the last of them has;
- damage `vanished`: as `undone`, and names that a folder did not have when it was last fsynced are gone;
- damage `error`: the disk says EIO, once;
- damage `full`: the disk says ENOSPC, from then on.

`python -m tests.crash_points storm KILLS SEED FOLDER` kills whole builds at random moments instead.

Imports nothing that starts threads before it forks, so that forking is safe.
"""

import errno
import importlib
import io
import json
import os
import pickle
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import flows.store
from flows.store import MANIFEST, Store, digest, open_version, problems, unseal, write_json
from schemas.errors import StoreError

MIXTURE = "mixture"

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Disk:
    """Counts the operations of this process below a folder; at the last one it does the damage.

    A file is held to be on the disk as it was when it was last fsynced, or when watching began.
    """

    def __init__(self, damage: str, last: int, root: Path) -> None:
        self.damage, self.last, self.count, self.root = damage, last, 0, root
        self.busy = False
        self.files: dict[int, tuple[int, int]] = {}
        self.names: dict[int, set[str]] = {}
        self.renames: list[tuple[Path, Callable[[], object]]] = []

    def tick(self) -> None:
        """Count one operation."""
        self.count += 1
        if self.count < self.last or (self.count > self.last and self.damage != "full"):
            return
        if self.damage == "error":
            raise OSError(errno.EIO, "Input/output error")
        if self.damage == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        self.busy = True
        if self.damage == "torn":
            self._tear()
        if self.damage in ("undone", "reordered", "vanished"):
            lost = self.renames[:-1] if self.damage == "reordered" else self.renames
            for _, undo in reversed(lost):
                undo()
        if self.damage == "vanished":
            self._forget()
        os.kill(os.getpid(), signal.SIGKILL)

    def _tear(self) -> None:
        for path in self.root.rglob("*"):
            state = path.stat()
            kept = self.files.get(state.st_ino, (0, 0))
            if path.is_file() and kept != (state.st_mtime_ns, state.st_size):
                safe = kept[1] if state.st_size > kept[1] else 0
                os.truncate(path, (safe + state.st_size) // 2)

    def _forget(self) -> None:
        for folder, folders, files in os.walk(self.root):
            known = self.names.get(Path(folder).stat().st_ino, set())
            for name in {*folders, *files} - known:
                path = Path(folder, name)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            folders[:] = [name for name in folders if name in known]

    def watch(self) -> None:
        """Put this disk between the process and the real one."""
        for path in (self.root, *self.root.rglob("*")):
            self._note(path)
        write_bytes, fsync, rename, replace = Path.write_bytes, os.fsync, Path.rename, Path.replace

        def wrote(path: Path, content: bytes) -> int:
            self.tick()
            with quietly(self):
                write_bytes(path, content[: len(content) // 2])
            self.tick()
            with quietly(self):
                return write_bytes(path, content)

        def synced(handle: int) -> None:
            self.tick()
            fsync(handle)
            self._note(Path(os.readlink(f"/proc/self/fd/{handle}")))
            here = os.fstat(handle).st_ino
            self.renames = [rename for rename in self.renames if rename[0].stat().st_ino != here]

        def renamed(path: Path, target: Path) -> Path:
            self.tick()
            moved = rename(path, target)
            self.renames.append((target.parent, lambda: rename(target, path)))
            return moved

        def replaced(path: Path, target: Path) -> Path:
            self.tick()
            before = target.read_bytes() if target.exists() else None
            written = path.read_bytes()
            moved = replace(path, target)

            def undo() -> None:
                with quietly(self):
                    write_bytes(path, written)
                    target.unlink() if before is None else write_bytes(target, before)

            self.renames.append((target.parent, undo))
            return moved

        Path.write_bytes, Path.rename, Path.replace, os.fsync = wrote, renamed, replaced, synced
        sys.addaudithook(self._audited)

    def _note(self, path: Path) -> None:
        state = path.stat()
        if path.is_dir():
            self.names[state.st_ino] = {entry.name for entry in path.iterdir()}
        else:
            self.files[state.st_ino] = (state.st_mtime_ns, state.st_size)

    def _audited(self, event: str, args: tuple) -> None:
        changes = event in ("os.mkdir", "os.rmdir", "os.remove", "os.link", "os.truncate")
        opens = event == "open" and bool(args[2] & _WRITES) and str(self.root) in str(args[0])
        if (changes or opens) and not self.busy:
            self.tick()


@contextmanager
def quietly(disk: Disk) -> Iterator[None]:
    """Leave operations in here uncounted."""
    disk.busy = True
    yield
    disk.busy = False


def fill(folder: Path, seed: int) -> None:
    """Write the files of a version of which nothing is missing."""
    (folder / "rejects").mkdir()
    for name in ("train-0.parquet", "eval-0.parquet", "rejects/math.parquet"):
        (folder / name).write_bytes(f"{name} {seed} ".encode() * 50)
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = {str(path.relative_to(folder)): {"sha256": digest(path)} for path in paths}
    write_json(folder / MANIFEST, {"files": files})


def safe(root: Path, seed: int) -> None:
    """Publish as the store does."""
    store = Store(root)
    with store.lock(MIXTURE), store.scratch(root / MIXTURE / "versions") as scratch:
        fill(scratch, seed)
        version, _ = store.keep(MIXTURE, scratch)
        store.promote(MIXTURE, version)


def naive(root: Path, seed: int) -> None:
    """Publish as one would who thinks of no crash: the pointer is written in place, and early."""
    version = root / MIXTURE / "versions" / names[seed]
    shutil.rmtree(version, ignore_errors=True)
    version.mkdir(parents=True)
    (root / MIXTURE / "CURRENT").write_bytes(f"{version.name}\n".encode())
    fill(version, seed)


def skipping(root: Path, seed: int) -> None:
    """Publish as one would who takes what is there for what was wanted."""
    version = root / MIXTURE / "versions" / names[seed]
    if not version.is_dir():
        version.mkdir(parents=True)
        fill(version, seed)
    Store(root).promote(MIXTURE, version)


def unsynced(root: Path, seed: int) -> None:
    """Publish as the store does, on a disk that is never asked to finish writing."""
    os.fsync = lambda handle: None
    safe(root, seed)


def pipeline(root: Path, seed: int) -> None:
    """Publish as a whole build does; counting starts where its last stage ends."""
    _build(root, seed, watched="publish")


def whole(root: Path, seed: int) -> None:
    """Build and publish; counting starts before the first stage."""
    if disks:
        disks.pop().watch()
    _build(root, seed)


def believing(root: Path, seed: int) -> None:
    """Build as `whole`, with outputs that are never synced, and a cache that believes what it finds."""
    os.fsync = lambda handle: None

    def believed(folder: Path) -> object:
        there = (folder / MANIFEST).is_file()
        return unseal((folder / MANIFEST).read_bytes(), folder) if there else None

    flows.store._intact = believed
    whole(root, seed)


def _build(root: Path, seed: int, watched: str = "") -> None:
    from flows.pipeline import directly  # noqa: PLC0415 - no threads before the fork
    from tests.builders import quick_build, recipe  # noqa: PLC0415

    def step(name: str, function: Callable) -> Callable:
        if name == watched and disks:
            disks.pop().watch()
        return directly(name, function)

    quick_build(recipe(seed=seed, name=MIXTURE, max_tokens=600 - seed), root, sources, step=step)


def begin(work: Callable[[], None]) -> int:
    """Run `work` in a child; return its process id."""
    child = os.fork()
    if child == 0:
        sys.stderr = io.StringIO()
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a child and return its exit status; -9 is a kill."""
    return os.waitstatus_to_exitcode(os.waitpid(begin(work), 0)[1])


def judge(root: Path) -> str | None:
    """Return what is wrong for a reader that goes through CURRENT, or None."""
    try:
        version = open_version(root / MIXTURE)
    except StoreError as error:
        return f"no version: {error}"
    if version.name not in (names[1], names[2]):
        return f"unknown version {version.name}"
    return "; ".join(problems(version)) or None


def repaired(root: Path, protocol: Callable[[Path, int], None]) -> str | None:
    """Publish again, and return what is wrong then."""
    forked(lambda: protocol(root, 2))
    if (root / MIXTURE / "CURRENT").read_text().strip() != names[2] or judge(root):
        return "a rerun did not repair it"
    left = [path for name in (".tmp-*", ".CURRENT.*") for path in (root / MIXTURE).rglob(name)]
    return f"left over {left[0].name}" if left else None


def explore(protocol: Callable[[Path, int], None], damage: str, every: int, folder: Path) -> dict:
    """Do damage at every `every`-th operation; return the points, the violations and what reruns came to."""
    violations, tried, point, root = [], 0, 1, folder / "store"
    if not root.exists():
        forked(lambda: safe(root, 1))
    root.rename(folder / "good")
    while True:
        shutil.copytree(folder / "good", root)

        def publish(point: int = point) -> None:
            disk = Disk(damage, point, root)
            if protocol in BUILDS:
                disks.append(disk)
            else:
                disk.watch()
            protocol(root, 2)
            if disk.count >= disk.last:
                os._exit(1)  # the damage was done, and overcome
            disk.tick()

        status = forked(publish)
        violations += [f"{point}: {found}" for found in (judge(root), repaired(root, protocol)) if found]
        shutil.rmtree(root)
        if status == 0:
            return {"points": tried, "violations": violations}
        tried, point = tried + 1, point + every


def storm(kills: int, seed: int, folder: Path) -> dict:
    """Kill whole builds at random moments, up to six times each; return the kills and the violations."""
    chance, root, violations, hits, builds = random.Random(seed), folder / "store", [], 0, 0
    root.rename(folder / "good")
    while hits < kills:
        shutil.copytree(folder / "good", root)
        began = time.monotonic()
        for _ in range(chance.randint(1, 6) if builds else 0):
            child = begin(lambda: whole(root, 2))
            time.sleep(chance.random() * undisturbed)
            os.kill(child, signal.SIGKILL)
            hits += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
            if found := judge(root):
                violations.append(f"kill {hits}: {found}")
        if found := repaired(root, whole):
            violations.append(f"kill {hits}: {found}")
        undisturbed = time.monotonic() - began if not builds else undisturbed
        builds += 1
        shutil.rmtree(root)
    return {"kills": hits, "builds": builds - 1, "violations": violations}


def prepare(folder: Path, *, builds: bool) -> None:
    """Find out the names of the two versions; of builds, leave a store that holds the first."""
    folder.mkdir(parents=True, exist_ok=True)
    if builds:
        import pandas  # noqa: F401, PLC0415 - or pyarrow would, in every child

        import flows.pipeline  # noqa: F401, PLC0415
        import tests.builders  # noqa: F401, PLC0415

        for seed in (2, 1):
            shutil.rmtree(folder / "store", ignore_errors=True)
            status = forked(lambda seed=seed: (pipeline(folder / "store", seed), note_loops(folder / "loops")))
            assert status == 0, "a build that nothing disturbs fails"
            names[seed] = (folder / "store" / MIXTURE / "CURRENT").read_text().strip()
        warm(folder / "loops")
    else:
        for seed in (1, 2):
            draft = folder / f"draft-{seed}"
            draft.mkdir()
            fill(draft, seed)
            names[seed] = digest(draft / MANIFEST)


def note_loops(path: Path) -> None:
    """Write down which loops this process has as machine code."""
    found = []
    for name in [name for name in sys.modules if name.startswith("curation.")]:
        for attribute, value in vars(sys.modules[name]).items():
            if signatures := getattr(value, "signatures", None):
                found.append((name, attribute, signatures))
    path.write_bytes(pickle.dumps(found))


def warm(path: Path) -> None:
    """Load here what every child would load for itself; nothing of it may start a thread."""
    from templates import tokenizer  # noqa: PLC0415

    for name, attribute, signatures in pickle.loads(path.read_bytes()):
        for signature in signatures:
            getattr(importlib.import_module(name), attribute).compile(signature)
    tokenizer.reference_tokenizer()
    tokenizer.count_tokens(["warm"])
    assert len(os.listdir("/proc/self/task")) == 1, "threads do not survive a fork"


names: dict[int, str] = {}
disks: list[Disk] = []
sources = Path(os.environ.get("SOURCES", ""))

BUILDS = (pipeline, whole, believing)
PROTOCOLS = {one.__name__: one for one in (safe, naive, skipping, unsynced, *BUILDS)}

if __name__ == "__main__":
    _protocol, _first, _second, _folder = sys.argv[1:]
    prepare(Path(_folder), builds=_protocol == "storm" or PROTOCOLS[_protocol] in BUILDS)
    if _protocol == "storm":
        _found = storm(int(_first), int(_second), Path(_folder))
    else:
        _found = explore(PROTOCOLS[_protocol], _first, int(_second), Path(_folder))
    sys.stdout.write(json.dumps(_found))
