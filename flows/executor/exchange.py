"""Files between machines that share no disk: pushed to an fsspec URL, and believed by digest alone.

URL/<stage>/<key>/manifest.json     the sealed manifest of a stage's output, written last
URL/<stage>/<key>/<token>/<file>    its files; each push has a token of its own, so none is overwritten
URL/inputs/<key>/...                the same for a source's file, named by content and time of change

Jobs and results travel as pickles in which every path is named by what it holds, so that each machine
may keep its store where it likes. To name a path is to need it: a job's outputs and inputs are pulled
before it runs, what it made is pushed before it counts as done.
"""

import io
import os
import pickle
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import NamedTuple

import orjson
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from thinkmix.curation.files.outputs import Make, Makers
from thinkmix.flows.store.cache import Cache, StageOutput, unseal
from thinkmix.flows.store.digests import MANIFEST, digest, key_of, write_json
from thinkmix.flows.store.locks import use
from thinkmix.schemas.errors import ClusterError, StoreCorrupt, StoreError

INPUTS = "inputs"
"""Where the exchange keeps the files of sources, as if a stage had made them."""

_MODIFIED = "modified"
"""Time of an input's last change in ns: a copy keeps it, or it would look like a file that was changed."""

_CACHE = ".cache"
_DOWNLOADS = "hub"
_AT_ONCE = 16
_PAUSE = 0.2
"""Seconds until the second try to pull what does not hold; the third waits twice as long."""


class Need(NamedTuple):
    """Something that lies on the exchange: an output, or one file of it."""

    stage: str
    key: str
    name: str | None = None


@dataclass(frozen=True)
class Exchange:
    """One machine's end of the exchange: its own store, and the URL that all machines reach."""

    url: str
    root: Path

    def pack(self, value: object) -> bytes:
        """Pickle a job or a result; files of sources that it names are pushed."""
        buffer = io.BytesIO()
        _Packer(buffer, self).dump(value)
        return buffer.getvalue()

    def unpack(self, packed: bytes) -> tuple[object, list[Need]]:
        """Return what was packed, with this machine's paths in it, and what they need to be there."""
        opened = _Unpacker(io.BytesIO(packed), self)
        return opened.load(), opened.needs

    def find(self, stage: str, key: str) -> StageOutput | None:
        """Return the output that lies whole on the exchange; nothing is pulled.

        Raises:
            StoreError: if the exchange does not answer.
        """
        with self._reached():
            promise = self._promise(stage, key)
            whole = promise and self._names(promise.under) >= set(promise.output.files)
            return promise.output if promise and whole else None

    def push(self, output: StageOutput) -> None:
        """Put an output on the exchange: its files, and last the manifest that makes them count.

        Raises:
            StoreError: if the exchange does not answer or is full.
        """
        self._push(output, output.folder)

    def push_input(self, path: Path) -> Need:
        """Put a source's file on the exchange, unless it is there, and return how to name it."""
        modified = path.stat().st_mtime_ns
        files = {path.name: _digest_once(path, modified)}
        key = key_of(files=files, modified=modified)
        if self.find(INPUTS, key) is None:
            self._push(
                StageOutput(self.folder(INPUTS, key), files, {_MODIFIED: modified}, False), path.parent
            )
        return Need(INPUTS, key, path.name)

    def pull(self, needs: Sequence[Need], *, but: Collection[str] = ()) -> None:
        """Bring what is needed into this machine's store, except files of the names in `but`.

        A file that is there already is believed only if its digest holds.

        Raises:
            StoreCorrupt: if the exchange lacks something or holds other bytes than were promised.
            StoreError: if it does not answer.
        """
        with ThreadPoolExecutor(_AT_ONCE) as threads, self._reached():
            for pulled in [threads.submit(self._pull, need, but) for need in dict.fromkeys(needs)]:
                pulled.result()

    def folder(self, stage: str, key: str) -> Path:
        """Return where an output lies on this machine."""
        return self.root / _CACHE / stage / key

    def _push(self, output: StageOutput, folder: Path) -> None:
        """Push an output whose files lie in `folder`."""
        stage, key, token = output.folder.parent.name, output.folder.name, os.urandom(8).hex()
        content = {"key": key, "files": output.files, "result": output.result}
        manifest = {**content, "seal": key_of(**content), "token": token}
        there = f"{self._base}/{stage}/{key}"
        with ThreadPoolExecutor(_AT_ONCE) as threads, self._reached():
            self._files.makedirs(f"{there}/{token}", exist_ok=True)
            puts = [
                threads.submit(self._files.put_file, str(folder / name), f"{there}/{token}/{name}")
                for name in output.files
            ]
            for put in puts:
                put.result()
            self._files.pipe_file(f"{there}/{MANIFEST}", orjson.dumps(manifest))

    def _pull(self, need: Need, but: Collection[str]) -> None:
        """Bring one output, or one file of it; what is being pushed over at this moment is tried again."""
        folder = self.folder(need.stage, need.key)
        use(folder / MANIFEST)
        for pause in (_PAUSE, 2 * _PAUSE, 4 * _PAUSE, 0):
            promise = self._promise(need.stage, need.key)
            names = [need.name] if need.name else promise.output.files if promise else []
            if promise and all(self._bring(promise, name) for name in names if name not in but):
                _place(folder / MANIFEST, partial(_write_sealed, promise))
                return
            if pause:
                time.sleep(pause)
        msg = (
            f"{self.url} lacks {need.stage}/{need.key} or holds other bytes than its manifest says; "
            f"empty it and build again"
        )
        raise StoreCorrupt(msg)

    def _bring(self, promise: "_Promise", name: str) -> bool:
        """Bring one file, unless it is there; return whether it holds."""
        path, expected = promise.output.folder / name, promise.output.files.get(name)
        if path.is_file() and digest(path) == expected:
            return True
        try:
            return _place(
                path,
                lambda fresh: self._get(promise, name, fresh),
                holds=lambda fresh: digest(fresh) == expected,
            )
        except FileNotFoundError:
            return False

    def _get(self, promise: "_Promise", name: str, fresh: Path) -> None:
        self._files.get_file(f"{promise.under}/{name}", str(fresh))
        if isinstance(modified := promise.output.result.get(_MODIFIED), int):
            os.utime(fresh, ns=(modified, modified))

    def _names(self, folder: str) -> set[str]:
        self._files.invalidate_cache()
        with suppress(FileNotFoundError):
            return {str(path).rsplit("/", 1)[-1] for path in self._files.ls(folder, detail=False)}
        return set()

    def _promise(self, stage: str, key: str) -> "_Promise | None":
        """Return the manifest that the exchange holds for an output, if its seal is whole."""
        there = f"{self._base}/{stage}/{key}"
        try:
            content = orjson.loads(self._files.cat_file(f"{there}/{MANIFEST}"))
            token = str(content.pop("token"))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None
        output = unseal(orjson.dumps(content), self.folder(stage, key))
        plain = output and token.isalnum() and all(Path(name).name == name for name in output.files)
        return _Promise(output, f"{there}/{token}", content) if output and plain else None

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except OSError as error:
            msg = f"the exchange {self.url} cannot be used: {error}"
            raise StoreError(msg) from error

    @property
    def _files(self) -> AbstractFileSystem:
        return _connected(self.url)[0]

    @property
    def _base(self) -> str:
        return _connected(self.url)[1].rstrip("/")


class _Promise(NamedTuple):
    """What the exchange says that it holds."""

    output: StageOutput
    under: str
    sealed: Mapping[str, object]


def _write_sealed(promise: _Promise, path: Path) -> None:
    write_json(path, promise.sealed)


@dataclass(frozen=True)
class ExchangedCache(Cache):
    """A cache that looks for outputs on the exchange before it makes them, and pushes what it made."""

    exchange: Exchange
    needs: list[Need] = field(default_factory=list)
    """What must be pulled before anything is made."""

    def stage(self, name: str, key: str, make: Make) -> StageOutput:
        """Return the output of a stage, made anew only if neither exchange nor disk holds it."""
        if found := self.exchange.find(name, key):
            return found
        self.exchange.pull(self.needs)
        output = super().stage(name, key, make)
        self.exchange.push(output)
        return output

    def stages(self, name: str, keys: Sequence[str], make: Makers) -> list[StageOutput]:
        """Return outputs of one pass; like `stage`, what the exchange holds is not made again."""
        found = {place: self.exchange.find(name, key) for place, key in enumerate(keys)}
        missing = [place for place, output in found.items() if output is None]
        if not missing:
            return [output for output in found.values() if output]
        self.exchange.pull(self.needs)
        lacking = [keys[place] for place in missing]
        # by this machine's own cache, which asks the exchange for none of them again
        made = Cache(self.root).stages(
            name, lacking, lambda places: make([missing[place] for place in places])
        )
        for output in made:
            self.exchange.push(output)
        fresh = dict(zip(missing, made, strict=True))
        return [found[place] or fresh[place] for place in range(len(keys))]


class _Packer(pickle.Pickler):
    """Names caches and paths by what they hold instead of where they lie."""

    def __init__(self, stream: io.BytesIO, exchange: Exchange) -> None:
        super().__init__(stream, protocol=5)
        self._exchange = exchange

    def persistent_id(self, obj: object) -> tuple[str, ...] | None:
        """Return the name of a cache or of a path that others can find; None pickles it as it is."""
        if isinstance(obj, Cache):
            return ("cache",)
        if not isinstance(obj, Path):
            return None
        root = self._exchange.root
        parts = obj.relative_to(root).parts if obj.is_relative_to(root) else ()
        if len(parts) in (3, 4) and parts[0] == _CACHE and parts[1] != _DOWNLOADS:
            return ("need", *parts[1:])
        if obj.is_absolute() and obj.is_file():
            stage, key, name = self._exchange.push_input(obj)
            return ("need", stage, key, str(name))
        return ("path", *parts) if obj.is_relative_to(root) else None


class _Unpacker(pickle.Unpickler):
    """Puts this machine's caches and paths where the packer left names."""

    def __init__(self, stream: io.BytesIO, exchange: Exchange) -> None:
        super().__init__(stream)
        self._exchange = exchange
        self.needs: list[Need] = []

    @cached_property
    def _cache(self) -> ExchangedCache:
        return ExchangedCache(self._exchange.root, self._exchange, self.needs)

    def persistent_load(self, pid: tuple[str, ...]) -> object:
        """Return the cache or path that a name means here."""
        kind, *parts = pid
        if kind == "cache":
            return self._cache
        if kind == "need":
            need = Need(*parts)
            self.needs.append(need)
            return self._exchange.folder(need.stage, need.key).joinpath(*parts[2:])
        return self._exchange.root.joinpath(*parts)


@cache
def _connected(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL, and the path in it.

    Raises:
        ClusterError: if the URL is of no known kind, or its package is not installed.
    """
    try:
        files, base = url_to_fs(url)
    except (ImportError, ValueError) as error:
        msg = f"the exchange {url} cannot be used: {error}"
        raise ClusterError(msg) from None
    return files, base


@cache
def _digest_once(path: Path, changed: int) -> str:
    """Return the sha256 of a file; that of one which has not changed since is not computed again."""
    return digest(path)


def _place(
    path: Path, write: Callable[[Path], object], *, holds: Callable[[Path], bool] = lambda _: True
) -> bool:
    """Write a file so that it is there whole and as wished, or not at all; return whether it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.parents[1] / f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        write(fresh)
        if whole := holds(fresh):
            fresh.replace(path)
        return whole
    finally:
        fresh.unlink(missing_ok=True)
