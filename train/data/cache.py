"""The token cache: the rows of a split encoded once, in one verified file that every later run maps."""

import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from thinkmix.schemas.errors import TrainError
from thinkmix.templates.chat.tokenizer import tokenizer_digest
from thinkmix.train.data.encode import Tokens, encode_published, read_batches
from thinkmix.train.data.rows import Rows
from thinkmix.train.output.atomic_output import sync

FORMAT = 1
"""Raised when the file's layout, or what it is made from, changes: files of another number are not read."""

_HEADER = 1024
"""Bytes of the header: one line of JSON, filled up with blanks."""

_WORTH_PROCESSES = 20_000_000
"""Tokens from which processes pay for their start: one encodes about ten million a second."""


@dataclass(frozen=True)
class _Shard:
    """One row group of one file of the version, and where its ids go."""

    source: Path
    group: int
    target: Path
    at: int
    """Byte of the target where its first id goes."""
    tokens: int


def open_tokens(rows: Rows, *, split: str, mixture: str, folder: Path, workers: int | None = None) -> Tokens:
    """Return the tokens of `rows` from the cache in `folder`; what is not there, or damaged, is made first.

    A cache file holds every row of the split, those too long for a plan included, so that one serves
    all plans. It is named after the mixture's and the tokenizer's digest and `FORMAT`, appears whole
    or not at all, and its size and sha256 are checked each time it is opened. Ids stay on disk and
    are mapped.

    Args:
        rows: rows of the split, of a version that the caller has verified.
        split: `train` or `eval`.
        mixture: digest of the version's manifest.
        folder: where caches lie; runs that start at the same time may share it.
        workers: processes that encode when there is much to do; one per core if unset.

    Raises:
        TrainError: for a row that cannot be trained on, or if the cache cannot be written.
    """
    if not rows.files:
        nothing = np.empty(0, dtype=np.int64)
        return Tokens(nothing.astype(np.int32), nothing, nothing, nothing)
    key = {"format": FORMAT, "mixture": mixture, "split": split, "tokenizer": tokenizer_digest()}
    path = folder / f"{mixture[:16]}-{split}-{key['tokenizer']:.8}-{FORMAT}.tokens"
    try:
        if (found := _read(path, key)) is None:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(path.with_suffix(".lock")):
                found = _read(path, key)  # another run may have made it while this one waited
                if found is None:
                    _write(path, key, rows.files, workers=workers)
                    found = _map(path)
    except OSError as error:
        msg = f"the token cache in {folder} cannot be written or read: {error.strerror or error}"
        raise TrainError(msg) from error
    ids, sizes, prompts = found
    positions = rows.frame["position"].to_numpy().astype(np.int64)
    starts = np.cumsum(sizes, dtype=np.int64) - sizes
    return Tokens(
        ids, starts[positions], sizes[positions].astype(np.int64), prompts[positions].astype(np.int64)
    )


_Arrays = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]
"""Ids of all rows, and per row of the split how many it and its prompt have."""


def _read(path: Path, key: dict[str, object]) -> _Arrays | None:
    """Return what a cache file holds; None if there is none, or it is not what its header and name say."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
            stated = json.loads(header)
            sound = header == _header(
                key, stated["rows"], stated["tokens"], file_digest(file, "sha256").hexdigest()
            )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None
    return _map(path) if sound else None


def _map(path: Path) -> _Arrays:
    with path.open("rb") as file:
        stated = json.loads(file.read(_HEADER))
    rows, tokens = stated["rows"], stated["tokens"]
    whole = np.memmap(path, dtype=np.int32, mode="r", offset=_HEADER, shape=(2 * rows + tokens,))
    return whole[2 * rows :], whole[:rows], whole[rows : 2 * rows]


def _header(key: dict[str, object], rows: int, tokens: int, digest: str) -> bytes:
    return (
        json.dumps({**key, "rows": rows, "tokens": tokens, "sha256": digest}).encode().ljust(_HEADER - 1)
        + b"\n"
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time do what follows; a lock that a killed one held is free again."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, key: dict[str, object], files: Sequence[Path], *, workers: int | None) -> None:
    """Encode all rows of `files` into the cache file `path`: beside it first, then it is named.

    The published token counts say beforehand where each row's ids go, so shards can be encoded in any
    order and written in place.
    """
    prompts, completions = _published(files)
    sizes = prompts + completions
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)  # what a run that was killed has left; its processes write to no new file
    try:
        with partial.open("xb") as file:
            file.seek(_HEADER)
            file.write(sizes.tobytes())
            file.write(prompts.tobytes())
        total = int(sizes.sum(dtype=np.int64))
        _encode(_shards(files, partial, sizes), workers=workers)
        with partial.open("r+b") as file:
            file.seek(_HEADER)
            digest = file_digest(file, "sha256").hexdigest()
            file.seek(0)
            file.write(_header(key, len(sizes), total, digest))
        sync(partial)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def _published(files: Sequence[Path]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the published token counts of all prompts and completions, in the order of the files."""
    names = ["prompt_tokens", "completion_tokens"]
    tables = [pq.read_table(file, columns=names) for file in files]
    prompts, completions = (
        np.concatenate([table[name].to_numpy() for table in tables]).astype(np.int32) for name in names
    )
    return prompts, completions


def _shards(files: Sequence[Path], target: Path, sizes: NDArray[np.int32]) -> list[_Shard]:
    ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    shards, row = [], 0
    for file in files:
        about = pq.ParquetFile(file).metadata
        for group in range(about.num_row_groups):
            last = row + about.row_group(group).num_rows
            at = _HEADER + 4 * (2 * len(sizes) + int(ends[row]))
            shards.append(_Shard(file, group, target, at, int(ends[last] - ends[row])))
            row = last
    return shards


def _encode(shards: Sequence[_Shard], *, workers: int | None) -> None:
    """Encode shards into their target: here if there is little to do, else in spawned processes."""
    count = min(workers or len(os.sched_getaffinity(0)), len(shards))
    if count < 2 or sum(shard.tokens for shard in shards) < _WORTH_PROCESSES:
        for shard in shards:
            _encode_shard(shard)
        pa.default_memory_pool().release_unused()  # 36 MB after a million tokens, which the model may need
        return
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        with _without_main():  # the processes start as the shards are handed over
            encoded = pool.map(_encode_shard, shards)
        for _ in encoded:
            pass
    except BrokenProcessPool as error:
        msg = (
            "a process that encoded rows died, perhaps for want of memory: train again on a machine with more"
        )
        raise TrainError(msg) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _without_main() -> Iterator[None]:
    """Let processes that are spawned meanwhile not run the script that trains again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _end_with_parent() -> None:
    """Leave interrupts to the parent, and end when it is gone: executors let workers wait for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _encode_shard(shard: _Shard) -> None:
    with shard.target.open("r+b") as file:
        file.seek(shard.at)
        for batch in read_batches(shard.source, group=shard.group):
            file.write(encode_published(batch).tobytes())
