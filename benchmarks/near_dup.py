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

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from thinkmix.curation.dedup.boilerplate import LeastTexts, boilerplate, write_boilerplate
from thinkmix.curation.dedup.candidates import about_bands
from thinkmix.curation.dedup.dedup import DedupCounts, find_duplicates, text_bands
from thinkmix.curation.dedup.keys import hex_series
from thinkmix.curation.dedup.settings import DedupPlan
from thinkmix.curation.files.index import write_index
from thinkmix.curation.tables import KEY_SCHEMA
from thinkmix.curation.text.imports import arrow_without_pandas
from thinkmix.curation.text.minhash import PRINTS

_BATCH_ROWS = 4_096
_NAMES = ["source", "solver", "file"]  # one value each


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
        least = [path.with_suffix(".least") for path in keys]
        verdicts = [path.with_suffix(".verdicts") for path in keys]
        work = partial(prepare, column=column, plan=plan)
        list(pool.map(work, inputs, keys, bands, least, range(len(inputs))))
        shared = Path(name) / "boilerplate.index"
        write_boilerplate(shared, boilerplate(least, plan=plan))
        counts = find_duplicates(keys, bands, verdicts, plan=plan, boilerplate=[shared])
        list(pool.map(_keep, inputs, verdicts, [out / path.name for path in inputs]))
    return counts


def prepare(
    source: Path, keys: Path, bands: Path, least: Path, number: int, *, column: str, plan: DedupPlan
) -> None:
    """Write keys and bands of input `number`: an id is a row's place, equal texts are exact duplicates."""
    tables, place = [np.empty((plan.bands + PRINTS, 0), np.uint64)], number << 32
    kept = LeastTexts()
    with (
        pq.ParquetFile(source) as rows,
        pq.ParquetWriter(
            keys, _KEYS, compression="none", use_dictionary=_NAMES, write_statistics=False
        ) as writer,
    ):
        for batch in rows.iter_batches(_BATCH_ROWS, columns=[column]):
            texts = pl.Series(batch.column(0)).fill_null("")
            places = np.arange(place, place + len(texts), dtype=np.uint64)
            frame = pl.DataFrame(
                {
                    "id": hex_series(np.stack([np.zeros_like(places), places])),
                    "source": "input",
                    "content_key": hex_series(np.stack([texts.hash(seed).to_numpy() for seed in (1, 2)])),
                    "text": texts,
                    "priority": 0,
                    "quality": None,
                    "solver": None,
                    "cap": 1,
                    "answer": None,
                    "preamble": None,
                    "turns": None,
                    "file": source.name,
                    "row": places,
                },
                schema=KEY_SCHEMA,
            )
            writer.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(_KEYS))
            tables.append(text_bands(texts, plan=plan))
            kept.add(batch.column(0), tables[-1][plan.bands])
            place += len(texts)
    write_index(bands, np.concatenate(tables, axis=1), about_bands(plan))
    kept.write(least)


def _keep(source: Path, verdicts: Path, out: Path) -> None:
    """Copy the rows that stay, a row group at a time."""
    stays = pl.read_parquet(verdicts, columns=["reason"])["reason"].is_null()
    done = 0
    with (
        pq.ParquetFile(source) as rows,
        pq.ParquetWriter(out, rows.schema_arrow, compression="zstd", use_dictionary=False) as writer,
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
