"""The versions of a store: each is whole or not there, and one of a mixture's is current.

Publishing: write into a temporary folder, fsync every file, rename, fsync the parent, and only
then replace CURRENT the same way. A reader that goes through CURRENT sees the old version or the
new one, whatever dies in between.
"""

import stat
from dataclasses import dataclass
from pathlib import Path

import orjson

from thinkmix.flows.store.atomic import commit, is_folder, write_atomically
from thinkmix.flows.store.digests import MANIFEST, digest
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.locks import use
from thinkmix.schemas.errors import StoreCorrupt
from thinkmix.schemas.version_name import version_name

_DIGITS = 64


@dataclass(frozen=True)
class Versions:
    """The versions of all mixtures of a store."""

    root: Path
    """The store."""

    def keep(self, mixture: str, scratch: Path) -> tuple[Path, bool]:
        """Put a finished folder among the mixture's versions; it does not become current by that.

        The folder's `manifest.json` must be complete; `version_name` makes the version's name of it. A
        version that is there already and holds is kept, so a repeated build changes nothing: not even the
        names of source files that it states, if the same files have other names by now.

        Returns:
            Where the version lies, and whether it is new there.
        """
        version = self.root / mixture / "versions" / version_name((scratch / MANIFEST).read_bytes())
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


def outcome_files(version: Path) -> list[Path]:
    """Return the files with the outcome of every raw row, one of each source; a failed run may have none.

    Raises:
        StoreCorrupt: if an earlier release wrote them, under names that this one does not read.
    """
    if (version / "fates").is_dir():
        msg = (
            f"{version.name[:12]} is of an earlier release, which called the outcomes of rows `fates`; "
            "build the mixture again to ask about its rows"
        )
        raise StoreCorrupt(msg)
    return sorted((version / "outcomes").glob("*.parquet"))


def manifest_problem(manifest: bytes, name: str) -> str | None:
    """Return what is wrong with the bytes of the manifest of the version of this name; None if they hold."""
    try:
        found = version_name(manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"damaged ({error})"
    return None if found == name else f"its digest differs from the version's name {name}"


def problems(version: Path) -> list[str]:
    """Return what is wrong with a version, one sentence each; empty means that every byte holds."""
    try:
        manifest = (version / MANIFEST).read_bytes()
        promised = {name: entry["sha256"] for name, entry in orjson.loads(manifest)["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{MANIFEST}: unreadable ({error})"]
    found = []
    if damage := manifest_problem(manifest, version.name):
        found.append(f"{MANIFEST}: {damage}")
    there = {str(path.relative_to(version)): path for path in version.rglob("*") if not is_folder(path)}
    there.pop(MANIFEST)
    found += [f"{name}: missing" for name in sorted(promised.keys() - there.keys())]
    found += [f"{name}: not in the manifest" for name in sorted(there.keys() - promised.keys())]
    for name in sorted(there.keys() & promised.keys()):
        if not stat.S_ISREG(there[name].lstat().st_mode):
            found.append(f"{name}: not a plain file")
        elif digest(there[name]) != promised[name]:
            found.append(f"{name}: sha256 differs from the manifest")
    return found
