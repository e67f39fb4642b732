"""A disk that fails at a given operation, put between a process and the real one.

- `kill`: the process dies, and what it did is on the disk;
- `torn`: power goes, and of what was written but not fsynced only half is left;
- `patchy`: as before, but some of these files are whole;
- `undone`: power goes, and renames whose folder was not fsynced have not happened;
- `reordered`: as before, but the last of them has;
- `vanished`: as `undone`, and names that a folder did not have when it was last fsynced are gone;
- `error`: the disk says EIO, once;
- `full`: the disk says ENOSPC, from then on.
"""

import errno
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Disk:
    """Counts the operations of this process below a folder; at the last one it does the damage.

    A file is held to be on the disk as it was when it was last fsynced, or when watching began.
    """

    def __init__(self, damage: str, last: int, root: Path) -> None:
        self.damage, self.last, self.count, self.root = damage, last, 0, root
        self.busy = False
        self.files: dict[int, tuple[int, bytes]] = {}
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
        if self.damage in ("torn", "patchy"):
            self._tear(1 if self.damage == "torn" else 0.5)
        if self.damage in ("undone", "reordered", "vanished"):
            lost = self.renames[:-1] if self.damage == "reordered" else self.renames
            for _, undo in reversed(lost):
                undo()
        if self.damage == "vanished":
            self._forget()
        os.kill(os.getpid(), signal.SIGKILL)

    def _tear(self, part: float) -> None:
        chance = random.Random(self.last)
        for path in sorted(path for path in self.root.rglob("*") if path.is_file()):
            size, inode = path.stat().st_size, path.stat().st_ino
            known, content = self.files.get(inode, (0, b""))
            # by content: a time that was set on a file is not data that could be lost
            if (size, _hash(path)) != (known, content) and chance.random() < part:
                os.truncate(path, ((known if size > known else 0) + size) // 2)

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
            self._note(Path(f"/proc/self/fd/{handle}").readlink())
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
            self.files[state.st_ino] = (state.st_size, _hash(path))

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


def _hash(path: Path) -> bytes:
    return sha256(path.read_bytes()).digest()
