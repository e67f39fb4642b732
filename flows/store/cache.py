"""The cache of a store: outputs of stages, downloaded files and token ids, and none of it is ever believed.

Mixtures share the cache without a lock: whoever is first puts an output there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.outputs import Make, Makers
from thinkmix.flows.store.atomic import commit, make_folder, scratch_folder, write_atomically
from thinkmix.flows.store.digests import MANIFEST, SHORT, digest, key_of, write_json
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.locks import shared_lock, use

ABANDONED_AFTER = 24 * 3600
"""Age in seconds from which a temporary folder of the cache is that of a process that died."""

LAYOUT = 2
"""Number of the way in which outputs are named; under another one they are never found."""

_KEY = "[0-9a-f]" * 64


@dataclass(frozen=True)
class StageOutput:
    """What a stage left behind: a folder of files whose digests hold, and its small result."""

    folder: Path
    files: Mapping[str, str]
    """sha256 by file name."""
    result: Mapping[str, object]
    reused: bool

    def blob(self, name: str) -> Blob:
        """Return one of its files as an argument of the work that reads it."""
        return Blob(self.folder / name, self.files[name])


@dataclass(frozen=True)
class Cache:
    """What a store keeps in order not to make it again."""

    root: Path
    """The store."""

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
                make_folder(folder)
                (folder / "lock").touch()
            with shared_lock(folder / "lock") as there:
                if there:
                    yield folder
                    return

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
        with scratch_folder(folder.parent) as scratch:
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

    def adopt(self) -> str | None:
        """Mark the cache as one of this layout; return what is to be said of one that was not.

        Outputs of another layout stay where they are: they are never found, and `thinkmix gc` collects them.
        """
        mark, ours = self.root / ".cache" / "LAYOUT", f"{LAYOUT}\n"
        try:
            there = mark.read_text(encoding="utf-8", errors="replace")
        except OSError:
            there = "1\n"
        if there == ours:
            return None
        others = next((self.root / ".cache").glob(f"*/{_KEY}"), None) if there.strip().isdecimal() else None
        with full_disk(self.root):
            make_folder(mark.parent)
            write_atomically(mark, ours.encode())
        if others is None:
            return None
        layouts = f"layout {there.strip()}, this one has {LAYOUT}"
        what = (
            "its outputs are made again, versions stay as they are, and `thinkmix gc` removes the old outputs"
        )
        return f"the cache is of another release of thinkmix ({layouts}): {what}"

    def record_outputs(self, mixture: str, used: Mapping[str, object]) -> None:
        """Note which outputs a build used: runs in which nothing changes use none, and must lose none.

        Args:
            mixture: the mixture.
            used: in `outputs`, by `<stage>/<key>`, what is to be known of each.
        """
        with full_disk(self.root):
            write_atomically(self.root / mixture / "outputs.json", orjson.dumps(used))

    def recorded(self, mixture: str) -> object:
        """Return what the last build that used outputs noted; None if that cannot be read."""
        try:
            return orjson.loads((self.root / mixture / "outputs.json").read_bytes())
        except (OSError, ValueError):
            return None

    def outputs(self, mixture: str) -> frozenset[str]:
        """Return the outputs (`<stage>/<key>`) that the last build with any used; empty if none is known."""
        used = self.recorded(mixture)
        listed = used.get("outputs") if isinstance(used, dict) else used  # once, it was a list of names
        return frozenset(map(str, listed)) if isinstance(listed, list | dict) else frozenset()


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
