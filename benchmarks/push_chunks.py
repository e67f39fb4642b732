"""How much of a pushed copy is new to a hub when 1 % of its rows change: chunks of its files, counted here.

    python -m benchmarks.push_chunks            rows of real sets where they are, else generated ones

A hub that stores chunks once (Xet) cuts files where a rolling hash of their bytes says so: 64 KiB on average,
8 to 128 KiB. The same is done here with a gear hash of its own, so the numbers are near those of a hub, and
not its own. The copy is compared with the same rows in parquet without content-defined chunks.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from benchmarks.measurements import Options
from benchmarks.rows import texts
from thinkmix.flows.training.pushing.copying import copy_rows

_LEAST, _MOST, _MASK = 8 * 1024, 128 * 1024, 0xFFFF << 48
_GEAR = np.array([Random(place).getrandbits(64) for place in range(256)], np.uint64)


@njit(cache=False)
def _cuts(data, gear, least, most, mask):
    """Return where chunks end."""
    ends, start, value = [], 0, np.uint64(0)
    for place in range(len(data)):
        value = (value << np.uint64(1)) + gear[data[place]]
        size = place + 1 - start
        if size >= most or (size >= least and value & mask == 0):
            ends.append(place + 1)
            start, value = place + 1, np.uint64(0)
    if start < len(data):
        ends.append(len(data))
    return ends


def chunks(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the digest and the size of each chunk of a file."""
    content = path.read_bytes()
    start = 0
    for end in _cuts(np.frombuffer(content, np.uint8), _GEAR, _LEAST, _MOST, np.uint64(_MASK)):
        yield hashlib.sha256(content[start:end]).hexdigest(), end - start
        start = end


def new_share(before: Path, after: Path) -> tuple[float, float, int]:
    """Return the share of chunks, and of bytes, of a file that another lacks, and how many chunks it has."""
    known = {digest for digest, _ in chunks(before)}
    found = list(chunks(after))
    new = [size for digest, size in found if digest not in known]
    return len(new) / len(found), sum(new) / sum(size for _, size in found), len(found)


def measure(rows: list[str], folder: Path) -> list[dict[str, object]]:
    """Return what is new after 1 % of the rows, all in one place, were edited, removed, or added."""
    place, size = len(rows) // 3, max(1, len(rows) // 100)
    chance = Random(1)
    edited = [
        " ".join(chance.sample(row.split(" "), len(row.split(" ")))) for row in rows[place : place + size]
    ]
    changed = {
        "edited": [*rows[:place], *edited, *rows[place + size :]],
        "removed": [*rows[:place], *rows[place + size :]],
        "added": [*rows[:place], *edited, *rows[place:]],
    }
    found = []
    for kind in ("content-defined", "plain"):
        before = _written(rows, folder / f"before-{kind}.parquet", kind)
        for name, those in changed.items():
            after = _written(those, folder / f"{name}-{kind}.parquet", kind)
            share, part, number = new_share(before, after)
            found.append(
                {"pages": kind, "change": name, "new chunks": share, "new bytes": part, "chunks": number}
            )
    return found


def _written(rows: list[str], path: Path, kind: str) -> Path:
    plain = path.with_suffix(".plain")
    table = pa.table({"id": [hashlib.md5(row.encode()).hexdigest() for row in rows], "completion": rows})
    pq.write_table(table, plain, compression="zstd", row_group_size=20_000)
    if kind == "plain":
        return plain
    copy_rows(plain, path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.push_chunks", description=__doc__)
    parser.add_argument("--real", type=Path, default=Options.real)
    parser.add_argument("--rows", type=int, default=100_000, help="most rows to take")
    parser.add_argument("--times", type=int, default=1, help="how often, with a number before each")
    given = parser.parse_args()
    rows = texts(Options("full", 1, Options.work, given.real.resolve())).head(given.rows).to_list()
    rows = [f"{number} {row}" for number in range(given.times) for row in rows]
    with TemporaryDirectory() as folder:
        for line in measure(rows, Path(folder)):
            print(json.dumps(line))


if __name__ == "__main__":
    main()
