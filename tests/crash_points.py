"""Kills a publishing process at every operation it makes on the disk and says what a reader would see.

Run as a program: `python -m tests.crash_points PROTOCOL DAMAGE EVERY FOLDER` prints JSON. Each point forks a
child that publishes a second version over a first one; operation number n of the child is its last:

- damage `kill`: the process dies, and what it did is on the disk;
- damage `torn`: power goes, and of files that were written but not fsynced only half is left;
- damage `undone`: power goes, and renames whose folder was not fsynced have not happened;
- damage `reordered`: as before, but the last of them has.

Imports nothing that starts threads before it forks, so that forking is safe.
"""

import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from flows.store import MANIFEST, Store, digest, open_version, problems, write_json
from schemas.errors import StoreError

MIXTURE = "mixture"


class Disk:
    """Counts the operations of this process on the disk; at the last one it does the damage and dies."""

    def __init__(self, damage: str, last: int) -> None:
        self.damage, self.last, self.count = damage, last, 0
        self.unsynced: dict[int, Path] = {}
        self.renames: list[tuple[Path, Callable[[], object]]] = []

    def tick(self) -> None:
        """Count one operation."""
        self.count += 1
        if self.count == self.last:
            if self.damage == "torn":
                for path in self.unsynced.values():
                    if path.exists():
                        os.truncate(path, path.stat().st_size // 2)
            if self.damage in ("undone", "reordered"):
                lost = self.renames if self.damage == "undone" else self.renames[:-1]
                for _, undo in reversed(lost):
                    undo()
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Put this disk between the process and the real one."""
        write_bytes, fsync, rename, replace = Path.write_bytes, os.fsync, Path.rename, Path.replace

        def wrote(path: Path, content: bytes) -> int:
            self.tick()
            write_bytes(path, content[: len(content) // 2])
            self.unsynced[path.stat().st_ino] = path
            self.tick()
            return write_bytes(path, content)

        def synced(handle: int) -> None:
            self.tick()
            fsync(handle)
            here = os.fstat(handle).st_ino
            self.unsynced.pop(here, None)
            self.renames = [rename for rename in self.renames if rename[0].stat().st_ino != here]

        def renamed(path: Path, target: Path) -> Path:
            self.tick()
            moved = rename(path, target)
            self.renames.append((target.parent, lambda: rename(target, path)))
            self._follow(path, target)
            return moved

        def replaced(path: Path, target: Path) -> Path:
            self.tick()
            before = target.read_bytes() if target.exists() else None
            moved = replace(path, target)
            undo = target.unlink if before is None else lambda: write_bytes(target, before)
            self.renames.append((target.parent, undo))
            self._follow(path, target)
            return moved

        Path.write_bytes, Path.rename, Path.replace, os.fsync = wrote, renamed, replaced, synced
        sys.addaudithook(self._audited)

    def _follow(self, path: Path, target: Path) -> None:
        for inode, old in self.unsynced.items():
            if old.is_relative_to(path):
                self.unsynced[inode] = target / old.relative_to(path)

    def _audited(self, event: str, args: tuple) -> None:
        if event in ("os.mkdir", "os.rmdir", "os.remove", "os.link", "os.truncate"):
            self.tick()


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


def unsynced(root: Path, seed: int) -> None:
    """Publish as the store does, on a disk that is never asked to finish writing."""
    os.fsync = lambda handle: None
    safe(root, seed)


def pipeline(root: Path, seed: int) -> None:
    """Publish as a whole build does; counting starts where its last stage ends."""
    from flows.pipeline import directly  # noqa: PLC0415 - no threads before the fork
    from tests.builders import quick_build, recipe  # noqa: PLC0415

    def step(name: str, function: Callable) -> Callable:
        if name == "publish" and disks:
            disks.pop().watch()
        return directly(name, function)

    quick_build(recipe(seed=seed, name=MIXTURE), root, sources, step=step)


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a child and return its exit status; -9 is a kill."""
    child = os.fork()
    if child == 0:
        sys.stderr = io.StringIO()
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def judge(root: Path) -> str | None:
    """Return what is wrong for a reader that goes through CURRENT, or None."""
    try:
        version = open_version(root / MIXTURE)
    except StoreError as error:
        return f"no version: {error}"
    if version.name not in (names[1], names[2]):
        return f"unknown version {version.name}"
    return "; ".join(problems(version)) or None


def explore(protocol: Callable[[Path, int], None], damage: str, every: int, folder: Path) -> dict:
    """Crash at every `every`-th operation; return the points, the violations and what reruns came to."""
    violations, point, root = [], 1, folder / "store"
    forked(lambda: (pipeline if protocol is pipeline else safe)(root, 1))
    (root / MIXTURE).rename(folder / "good")
    while True:
        shutil.copytree(folder / "good", root / MIXTURE)

        def publish(point: int = point) -> None:
            disk = Disk(damage, point)
            if protocol is pipeline:
                disks.append(disk)
            else:
                disk.watch()
            protocol(root, 2)
            disk.tick()

        status = forked(publish)
        if found := judge(root):
            violations.append(f"{point}: {found}")
        forked(lambda: protocol(root, 2))
        if (root / MIXTURE / "CURRENT").read_text().strip() != names[2] or judge(root):
            violations.append(f"{point}: a rerun did not repair it")
        if left := [*root.rglob(".tmp-*"), *root.rglob(".CURRENT.*")]:
            violations.append(f"{point}: left over {left[0].name}")
        shutil.rmtree(root / MIXTURE)
        if status == 0:
            return {"points": point - 1, "violations": violations}
        point += every


def main(protocol: str, damage: str, every: int, folder: Path) -> None:
    """Find out the names of the two versions, then explore."""
    protocols = {"safe": safe, "naive": naive, "unsynced": unsynced, "pipeline": pipeline}
    if protocol == "pipeline":
        import pandas  # noqa: F401, PLC0415 - or pyarrow would, in every child

        import flows.pipeline  # noqa: F401, PLC0415
        import tests.builders  # noqa: F401, PLC0415

        for seed in (1, 2):
            forked(lambda seed=seed: pipeline(folder / "store", seed))
            names[seed] = (folder / "store" / MIXTURE / "CURRENT").read_text().strip()
        shutil.rmtree(folder / "store" / MIXTURE)
    else:
        for seed in (1, 2):
            draft = folder / f"draft-{seed}"
            draft.mkdir(parents=True)
            fill(draft, seed)
            names[seed] = digest(draft / MANIFEST)
    sys.stdout.write(json.dumps(explore(protocols[protocol], damage, every, folder)))


names: dict[int, str] = {}
disks: list[Disk] = []
sources = Path(os.environ.get("SOURCES", ""))

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
