"""Index files: hashes that a later build reads again, under a header that says what they are hashes of.

The first line is JSON (what was hashed and how, shape), padded with spaces so that the numbers after it,
unsigned 64-bit integers in little-endian C order, start at a multiple of 64 bytes and can be mapped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from thinkmix.curation.text.kernels import Hashes

_FORMAT = 1
_ALIGNED = 64
_LONGEST_HEADER = 1 << 16


def write_index(path: Path, hashes: Hashes, about: Mapping[str, object]) -> None:
    """Write hashes of any shape.

    Args:
        path: file to write.
        hashes: the numbers.
        about: all that decides what equal hashes mean: scheme, shingle length, seed.
    """
    header = orjson.dumps(_header(hashes.shape, about), option=orjson.OPT_SORT_KEYS)
    room = -(len(header) + 1) % _ALIGNED
    with path.open("wb") as file:
        file.write(header + b" " * room + b"\n")
        np.ascontiguousarray(hashes, "<u8").tofile(file)


@dataclass(frozen=True)
class IndexRows:
    """An index file of two dimensions whose header was read, to be read row by row; nothing stays mapped."""

    path: Path
    shape: tuple[int, ...]
    start: int
    """Where the numbers begin, in bytes."""

    def read(self, row: int) -> Hashes:
        """Return one row."""
        size = self.shape[1]
        found: Hashes = np.fromfile(self.path, "<u8", size, offset=self.start + 8 * size * row)
        return found


def index_rows(path: Path, about: Mapping[str, object]) -> IndexRows:
    """Return an index file's rows, to be read one at a time.

    Raises:
        ValueError: naming the file, if it is not an index, is cut off, or has another subject than `about`.
    """
    return IndexRows(path, *_checked(path, about))


def open_index(path: Path, about: Mapping[str, object]) -> Hashes:
    """Return the hashes of an index file, mapped and read only.

    Raises:
        ValueError: naming the file, if it is not an index, is cut off, or has another subject than `about`.
    """
    shape, start = _checked(path, about)
    if not np.prod(shape):
        return np.empty(shape, np.uint64)
    found: Hashes = np.memmap(path, "<u8", "r", offset=start, shape=shape)
    return found


def _checked(path: Path, about: Mapping[str, object]) -> tuple[tuple[int, ...], int]:
    """Return the shape of an index file, and where its numbers begin."""
    with path.open("rb") as file:
        line = file.readline(_LONGEST_HEADER)
    try:
        header = orjson.loads(line)
        shape = tuple(header["shape"])
    except (ValueError, KeyError, TypeError):
        msg = f"{path} is not an index file"
        raise ValueError(msg) from None
    if header != orjson.loads(orjson.dumps(_header(shape, about))):
        differs = sorted(
            name for name in {*header, *about} if header.get(name) != _header(shape, about).get(name)
        )
        msg = f"{path} was written with another {', '.join(differs)}; make it again"
        raise ValueError(msg)
    if path.stat().st_size != len(line) + 8 * int(np.prod(shape)):
        msg = f"{path} does not hold the {shape} numbers that it promises; make it again"
        raise ValueError(msg)
    return shape, len(line)


def _header(shape: tuple[int, ...], about: Mapping[str, object]) -> dict[str, object]:
    return {"format": _FORMAT, "shape": list(shape), **about}
