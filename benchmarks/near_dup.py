"""Near-duplicates out of parquet files with nothing but the public functions of `curation`.

    python -m benchmarks.near_dup IN.parquet [IN.parquet ...] --column text --out FOLDER [--threads 2]

Each input becomes a file of the same name in FOLDER, without the rows whose text is a duplicate of another's.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from xxhash import xxh3_128_hexdigest

from curation.dedup import DedupCounts, find_duplicates, write_bands
from curation.imports import arrow_without_pandas
from curation.keys import KEY_SCHEMA
from schemas.recipe import DedupPlan

_BATCH_ROWS = 16_384


def deduplicate(
    inputs: Sequence[Path], out: Path, *, column: str, plan: DedupPlan, threads: int
) -> DedupCounts:
    """Write the rows of each input that stay to a file of the same name in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(dir=out, prefix=".dedup-") as name,
        ThreadPoolExecutor(threads) as pool,  # the kernels run outside of the interpreter's lock
    ):
        keys = [Path(name) / f"{number}.keys.parquet" for number in range(len(inputs))]
        bands = [path.with_suffix(".index") for path in keys]
        verdicts = [path.with_suffix(".verdicts") for path in keys]
        list(pool.map(partial(prepare, column=column, plan=plan), inputs, keys, bands))
        counts = find_duplicates(keys, bands, verdicts, plan=plan)
        list(pool.map(_keep, inputs, verdicts, [out / path.name for path in inputs]))
    return counts


def prepare(source: Path, keys: Path, bands: Path, *, column: str, plan: DedupPlan) -> None:
    """Write keys and bands of one input; an id is made of a row's place, equal texts are exact duplicates."""
    place = 0
    with (
        pq.ParquetFile(source) as rows,
        pq.ParquetWriter(keys, _KEYS, compression="none", use_dictionary=False) as writer,
    ):
        for batch in rows.iter_batches(_BATCH_ROWS, columns=[column]):
            texts = pl.Series(batch.column(0)).fill_null("")
            digests = [xxh3_128_hexdigest(text) for text in texts]
            numbers = range(place, place + len(digests))
            frame = pl.DataFrame(
                {
                    "id": [xxh3_128_hexdigest(f"{source.name}:{number}") for number in numbers],
                    "source": "input",
                    "content_key": digests,
                    "text": texts,
                    "priority": 0,
                    "quality": None,
                    "solver": None,
                    "cap": 1,
                    "file": source.name,
                    "row": numbers,
                },
                schema=KEY_SCHEMA,
            )
            writer.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(_KEYS))
            place += len(digests)
    write_bands(keys, bands, plan=plan)


def _keep(source: Path, verdicts: Path, out: Path) -> None:
    """Copy the rows that stay, a row group at a time."""
    stays = pl.read_parquet(verdicts, columns=["reason"])["reason"].is_null()
    done = 0
    with (
        pq.ParquetFile(source) as rows,
        pq.ParquetWriter(out, rows.schema_arrow, compression="zstd") as writer,
    ):
        for batch in rows.iter_batches(_BATCH_ROWS):
            mask = stays[done : done + len(batch)].to_arrow()
            writer.write_table(pa.Table.from_batches([batch]).filter(mask))
            done += len(batch)


_KEYS = KEY_SCHEMA.to_frame().to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--column", default="text")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    arrow_without_pandas()
    plan = DedupPlan(threshold=given.threshold)
    print(deduplicate(given.inputs, given.out, column=given.column, plan=plan, threads=given.threads))


if __name__ == "__main__":
    main()
