"""How fast duplicates are found: signatures beside datasketch, and the whole search at 5.5 million rows.

    python benchmarks/minhash_vs_peers.py signatures [--texts FILE.parquet:COLUMN] [--megabytes 90]
    python benchmarks/minhash_vs_peers.py scale [--rows 5500000] [--bands 16]

One core; times are CPU seconds, so that a busy machine does not blur them, and medians of three runs.
`signatures` goes from text to 128 values, 5-word shingles, on both sides. datasketch's users cut texts in
Python; a second figure leaves that out and times `update_batch` on shingles that were cut before.
"""

import argparse
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from curation.dedup import find_duplicates, write_bands  # noqa: E402
from curation.minhash import signatures  # noqa: E402
from schemas.recipe import DedupPlan  # noqa: E402

HUB = ROOT.parent / "shared" / "hub"
SHARD_ROWS = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("signatures")
    command.add_argument(
        "--texts", help="FILE.parquet:COLUMN; else the hub beside the checkout, else generated"
    )
    command.add_argument("--megabytes", type=float, default=90)
    command.set_defaults(run=compare_signatures)
    command = commands.add_parser("scale")
    command.add_argument("--rows", type=int, default=5_500_000)
    command.add_argument("--bands", type=int, default=16)
    command.set_defaults(run=measure_scale)
    command = commands.add_parser("search", help="one search, measured from inside; used by scale")
    command.add_argument("folder", type=Path)
    command.add_argument("bands", type=int)
    command.set_defaults(run=search)
    arguments = vars(parser.parse_args())
    arguments.pop("run")(**arguments)


def compare_signatures(texts: str | None, megabytes: float) -> None:
    rows = load_texts(texts, megabytes)
    size = rows.str.len_bytes().sum() / 1e6
    print(f"{len(rows):,} texts, {size:.1f} MB, 5-word shingles, 128 permutations; {machine()}")
    signatures(rows[:10], shingle=5, permutations=128, seed=1)  # compiles
    ours = size / median(lambda: signatures(rows, shingle=5, permutations=128, seed=1))
    print(f"thinkmix: {ours:.1f} MB/s")
    few = rows.gather_every(20).to_list()
    few_size = sum(len(text.encode()) for text in few) / 1e6
    cut = [word_shingles(text) for text in few]
    for name, hashing in peers().items():
        whole = few_size / median(lambda hashing=hashing: [hashing(word_shingles(text)) for text in few])
        bare = few_size / median(lambda hashing=hashing: [hashing(shingles) for shingles in cut])
        print(f"{name}: {whole:.2f} MB/s, thinkmix is {ours / whole:.0f} times as fast", end="; ")
        print(f"without cutting {bare:.2f} MB/s, {ours / bare:.0f} times")


def peers() -> dict[str, Callable[[list[bytes]], object]]:
    import xxhash  # noqa: PLC0415
    from datasketch import MinHash  # noqa: PLC0415

    empty = {"SHA-1": MinHash(128), "xxhash": MinHash(128, hashfunc=xxhash.xxh32_intdigest)}

    def hashing(sketch: MinHash) -> Callable[[list[bytes]], object]:
        def sketch_of(shingles: list[bytes]) -> object:
            fresh = sketch.copy()
            fresh.update_batch(shingles)
            return fresh

        return sketch_of

    name = f"datasketch {version('datasketch')} update_batch"
    return {f"{name}, {kind}": hashing(sketch) for kind, sketch in empty.items()}


def load_texts(texts: str | None, megabytes: float) -> pl.Series:
    if texts:
        path, _, column = texts.rpartition(":")
        found = pl.read_parquet(path, columns=[column])[column]
    elif HUB.exists():
        math = pl.read_parquet(HUB / "nvidia/OpenMathReasoning/data/*.parquet")
        chat = pl.read_parquet(HUB / "mlabonne/FineTome-100k/data/*.parquet")["conversations"]
        turns = chat.list.eval(pl.element().struct.field("value")).list.join("\n")
        found = pl.concat([math["problem"] + "\n" + math["generated_solution"], turns])
        found = found.sample(fraction=1.0, shuffle=True, seed=1)
    else:
        found = synthetic_texts(int(megabytes * 2000), 0, words=80)
    return found.filter(found.str.len_bytes().cum_sum() <= megabytes * 1e6).rechunk()


def word_shingles(text: str) -> list[bytes]:
    words = text.lower().split()
    return [" ".join(words[i : i + 5]).encode() for i in range(max(len(words) - 4, 1))]


def measure_scale(rows: int, bands: int) -> None:
    with tempfile.TemporaryDirectory(prefix="thinkmix-scale-") as name:
        folder = Path(name)
        spent = 0.0
        for shard in range(-(-rows // SHARD_ROWS)):
            keys = folder / f"{shard:05}.keys"
            synthetic_keys(min(SHARD_ROWS, rows - shard * SHARD_ROWS), shard).write_parquet(keys)
            start = time.process_time()
            write_bands(keys, keys.with_suffix(".npy"), plan=plan_of(bands))
            spent += time.process_time() - start
        print(f"{rows:,} rows x {bands} bands = {rows * bands / 1e6:.0f} M pairs; {machine()}")
        print(f"write_bands, one process: {spent:.1f} s")
        subprocess.run([sys.executable, __file__, "search", name, str(bands)], check=True)


def search(folder: Path, bands: int) -> None:
    keys = sorted(folder.glob("*.keys"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, wall = time.process_time(), time.perf_counter()
    counts = find_duplicates(
        keys,
        [path.with_suffix(".npy") for path in keys],
        [path.with_suffix(".verdict") for path in keys],
        plan=plan_of(bands),
    )
    spent, wall = time.process_time() - start, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"find_duplicates: {spent:.1f} s ({wall:.1f} s by the clock)")
    print(f"peak RSS {peak / 1e6:.2f} GB, {before / 1e6:.2f} GB of it before the first row")
    print(counts)


def plan_of(bands: int) -> DedupPlan:
    return DedupPlan(permutations=bands * 6, bands=bands)


def synthetic_keys(rows: int, shard: int) -> pl.DataFrame:
    """One shard of made-up problems: one in eight is a near copy of one of the same shard's others."""
    texts = synthetic_texts(rows, shard, words=14)
    copies = pl.Series(np.arange(rows) % 8 == 7)
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
        file=pl.lit(f"{shard}"),
        row=pl.int_range(pl.len(), dtype=pl.Int64),
    )


def synthetic_texts(rows: int, seed: int, *, words: int) -> pl.Series:
    draw = np.random.default_rng(seed)
    vocabulary = pl.Series([f"w{n}" for n in range(5000)])
    columns = [vocabulary.gather(draw.integers(0, 5000, rows)).alias(str(i)) for i in range(words)]
    return pl.DataFrame(columns).select(pl.concat_str(pl.all(), separator=" ")).to_series()


def median(work: Callable[..., object], *arguments: object) -> float:
    times = []
    for _ in range(3):
        start = time.process_time()
        work(*arguments)
        times.append(time.process_time() - start)
    return statistics.median(times)


def machine() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "polars"))
    return f"Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    main()
