"""88 million (row, band) pairs, of 5.5 million rows, banded and clustered: time and memory."""

import json
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import last_line, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.rows import folder
from thinkmix.curation.dedup.dedup import find_duplicates, write_bands
from thinkmix.curation.dedup.settings import DedupPlan

BANDS = 16
SHARD_ROWS = 100_000
BANDS_SUFFIX = ".index"
PLAN = DedupPlan(permutations=BANDS * 6, bands=BANDS)


def measure(options: Options) -> Sequence[Measurement]:
    """Search band files from nothing but the disk, in a process of its own on one core."""
    rows = options.size(tiny=2_000, short=550_000, full=5_500_000)
    found: list[dict[str, float]] = []
    with folder(options, "pairs") as work:
        banding = sum(_write_shard(work, rows, first) for first in range(0, rows, SHARD_ROWS))

        def search_once() -> float:
            command = [sys.executable, "-m", "benchmarks.figures.pairs", work]
            found.append(json.loads(last_line(run(command, POLARS_MAX_THREADS="1").output)))
            return found[-1]["cpu"]

        taken = medians(options.rounds, search=search_once)
    peak = max(one["peak"] for one in found)
    about = {
        "figure": "pairs",
        "less_is_better": True,
        "at_full_size": True,
        "on": f"{rows:,} generated rows × {BANDS} bands = {rows * BANDS / 1e6:.3g} M pairs, one core",
        "notes": (
            f"{found[-1]['rows_out']:,.0f} rows dropped, {found[-1]['compared']:,.0f} pairs compared",
            f"writing the band files took {banding:.1f} CPU s more",
            f"{found[-1]['before'] / 1e9:.2f} GB of the peak were there before the first row",
        ),
    }
    return [
        Measurement(
            what="(row, band) pairs banded and clustered, CPU time", unit=" s", at_least=30, aim=12,
            measured=taken["search"], **about,
        ),
        Measurement(
            what="(row, band) pairs banded and clustered, peak RSS", unit=" GB", at_least=1, aim=1,
            measured=peak / 1e9, **about,
        ),
    ]  # fmt: skip


def search(folder: Path) -> dict[str, float]:
    """Return what one search took, measured from inside."""
    keys = sorted(folder.glob("*.keys"))
    files = [[path.with_suffix(suffix) for path in keys] for suffix in (BANDS_SUFFIX, ".verdict")]
    before = peak_bytes()
    start = time.process_time()
    counts = find_duplicates(keys, files[0], files[1], plan=PLAN)
    return {
        "cpu": time.process_time() - start,
        "peak": peak_bytes(),
        "before": before,
        "rows_out": counts.near_dup + counts.exact_dup,
        "compared": counts.pairs_compared,
    }


def peak_bytes() -> int:
    """Return the most memory this program held; `getrusage` would count what its parent held, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _write_shard(folder: Path, rows: int, first: int) -> float:
    keys = folder / f"{first:09}.keys"
    synthetic_keys(min(SHARD_ROWS, rows - first), first).write_parquet(keys)
    start = time.process_time()
    write_bands(keys, keys.with_suffix(BANDS_SUFFIX), plan=PLAN)
    return time.process_time() - start


def synthetic_keys(rows: int, shard: int) -> pl.DataFrame:
    """Return made-up problems: one in eight is a near copy of one of the same shard's others."""
    texts = synthetic_texts(rows, shard, words=14)
    copies = np.arange(rows) % 8 == 7
    order = np.where(copies, np.arange(rows) - 3, np.arange(rows))
    texts = texts.gather(order) + pl.Series(np.where(copies, " again", ""))
    digests = [sha256(f"{shard}-{n}".encode()).hexdigest() for n in range(rows)]
    return pl.DataFrame({"content_key": digests, "text": texts}).select(
        id=pl.col("content_key").str.head(32),
        source=pl.lit("math"),
        content_key="content_key",
        text="text",
        priority=pl.lit(0, pl.Int64),
        quality=pl.lit(None, pl.Float64),
        solver=pl.lit("r1"),
        cap=pl.lit(1, pl.Int64),
        answer=pl.lit(None, pl.String),
        preamble=pl.lit(None, pl.String),
        turns=pl.lit(None, pl.List(pl.Int64)),
        file=pl.lit(f"{shard}"),
        row=pl.int_range(pl.len(), dtype=pl.Int64),
    )


def synthetic_texts(rows: int, seed: int, *, words: int) -> pl.Series:
    """Return texts of words drawn evenly from 5,000."""
    draw = np.random.default_rng(seed)
    vocabulary = pl.Series([f"w{n}" for n in range(5000)])
    columns = [vocabulary.gather(draw.integers(0, 5000, rows)).alias(str(i)) for i in range(words)]
    return pl.DataFrame(columns).select(pl.concat_str(pl.all(), separator=" ")).to_series()


if __name__ == "__main__":
    print(json.dumps(search(Path(sys.argv[1]))))
