"""Key shards as compact columns: 128-bit ids, small codes, and one order of preference over all rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.clusters import Rows
from curation.compiled import compiled
from curation.kernels import Bytes, Hashes, Offsets
from curation.survivors import ranks

KEY_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "content_key": pl.String(),
        "text": pl.String(),
        "priority": pl.Int64(),
        "quality": pl.Float64(),
        "solver": pl.String(),
        "cap": pl.Int64(),
        "file": pl.String(),
        "row": pl.Int64(),
    }
)
"""What is known of a row when duplicates are decided.

`id` is 32 hexadecimal digits, equal `content_key` (64 digits, of which 32 are read) means exact
duplicates, `text` is what near-duplicates are judged by, higher `priority` and `quality` win, and `cap`
is how many rows of one cluster the source may keep.
"""

_HEX = 32


@dataclass(frozen=True)
class KeyColumns:
    """Everything the policy looks at, one entry per row of all shards."""

    ids: Hashes
    """128 bits of the row id, shape (2, n)."""
    ranks: Rows
    """Place in the order of preference, 0 for the best row."""
    source: Rows
    solver: Rows
    cap: NDArray[np.int64]


def shard_rows(keys: Sequence[Path]) -> list[int]:
    """Return the number of rows of each shard."""
    return [pq.read_metadata(path).num_rows for path in keys]


def read_keys(keys: Sequence[Path]) -> KeyColumns:
    """Read what the policy needs of all shards; one shard is in memory at a time.

    Raises:
        ValueError: if an id is not 32 hexadecimal digits.
    """
    total = sum(shard_rows(keys))
    files = _Codes()
    sources, solvers = _Codes(), _Codes()
    codes = np.empty((3, total), np.int32)
    priority, cap, row = (np.empty(total, np.int64) for _ in range(3))
    quality = np.empty(total, np.float64)
    done = 0
    for path in keys:
        names = ["source", "solver", "file", "priority", "cap", "row", "quality"]
        frame = pl.read_parquet(path, columns=names)
        part = slice(done, done + frame.height)
        for i, (code, name) in enumerate(zip((sources, solvers, files), names[:3], strict=True)):
            codes[i, part] = code.of(frame[name])
        priority[part], cap[part], row[part] = (frame[name].to_numpy() for name in names[3:6])
        quality[part] = frame["quality"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        done = part.stop
    ids = read_hex(keys, "id")
    order = ranks(priority, quality, ids, files.sorted_place()[codes[2]], row)
    return KeyColumns(ids=ids, ranks=order, source=codes[0].copy(), solver=codes[1].copy(), cap=cap)


def read_hex(keys: Sequence[Path], column: str) -> Hashes:
    """Return the first 128 bits of a column of hexadecimal text, shape (2, n).

    Raises:
        ValueError: if a value has fewer than 32 digits or something else among them.
    """
    values = np.empty((2, sum(shard_rows(keys))), np.uint64)
    done = 0
    for path in keys:
        text = pl.read_parquet(path, columns=[column])[column].fill_null("").rechunk()
        _, offsets, data = text.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()
        if not len(text):
            continue
        content = np.frombuffer(data, np.uint8) if data.size else np.zeros(1, np.uint8)
        starts = np.frombuffer(offsets, np.int64)
        wrong = _parse_hex(content, starts[: len(text) + 1], values[:, done : done + len(text)])
        if wrong >= 0:
            msg = f"{path}: row {wrong}: {column} is not {_HEX} or more hexadecimal digits: {text[wrong]!r}"
            raise ValueError(msg)
        done += len(text)
    return values


def hex_series(values: Hashes) -> pl.Series:
    """Return 128-bit values, shape (2, n), as text of 32 hexadecimal digits."""
    digits = np.empty((values.shape[1], _HEX), np.uint8)
    _print_hex(np.ascontiguousarray(values), digits)
    ends = np.arange(0, digits.size + 1, _HEX, dtype=np.int64)
    return pl.Series(pa.LargeStringArray.from_buffers(len(digits), pa.py_buffer(ends), pa.py_buffer(digits)))


class _Codes:
    """Numbers for the distinct strings of a column, in order of appearance; null is -1."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def of(self, names: pl.Series) -> Rows:
        for name in names.drop_nulls().unique().sort():
            self._codes.setdefault(name, len(self._codes))
        codes = names.replace_strict(self._codes, default=-1, return_dtype=pl.Int32)
        return codes.fill_null(-1).to_numpy()

    def sorted_place(self) -> Rows:
        """Return per code the place of its string in the sorted list of all strings."""
        place = np.empty(len(self._codes) + 1, np.int32)
        place[-1] = -1
        for i, name in enumerate(sorted(self._codes)):
            place[self._codes[name]] = i
        return place


@compiled
def _parse_hex(data: Bytes, starts: Offsets, out: Hashes) -> int:
    """Write 32 digits of each text as two integers; return the first row where that fails, or -1."""
    for row in range(len(starts) - 1):
        at = starts[row]
        if starts[row + 1] - at < _HEX:
            return row
        for half in range(2):
            value = np.uint64(0)
            for i in range(at + half * 16, at + half * 16 + 16):
                digit = data[i]
                if 48 <= digit <= 57:
                    digit -= 48
                elif 97 <= digit <= 102:
                    digit -= 87
                else:
                    return row
                value = (value << np.uint64(4)) | np.uint64(digit)
            out[half, row] = value
    return -1


@compiled
def _print_hex(values: Hashes, out: Bytes) -> None:
    for row in range(len(out)):
        for i in range(_HEX):
            digit = (values[i // 16, row] >> np.uint64(60 - 4 * (i % 16))) & np.uint64(15)
            out[row, i] = digit + np.uint64(48) if digit < 10 else digit + np.uint64(87)
