"""Near-duplicates out of parquet files with nothing but the public functions of `curation`.

    python -m benchmarks.near_dup IN.parquet [IN.parquet ...] --column text --out FOLDER [--threads 2]

Each input becomes a file of the same name in FOLDER, without the rows whose text is a duplicate of another's.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from thinkmix.curation.dedup.boilerplate import boilerplate, write_boilerplate
from thinkmix.curation.dedup.candidates import about_bands
from thinkmix.curation.dedup.dedup import DedupCounts, find_duplicates, text_bands
from thinkmix.curation.dedup.keys import hex_series
from thinkmix.curation.dedup.settings import DedupPlan
from thinkmix.curation.files.index import write_index
from thinkmix.curation.tables import KEY_SCHEMA
from thinkmix.curation.text.imports import arrow_without_pandas
from thinkmix.curation.text.kernels import Hashes
from thinkmix.curation.text.minhash import PRINTS

_BATCH_ROWS = 4_096


class Scratch(NamedTuple):
    """Files about one input."""

    keys: Path
    bands: Path
    verdicts: Path
    texts: Path
    """The texts in Arrow's own format: read again without decompressing them again."""


def scratch(folder: Path, number: int) -> Scratch:
    """Return the files about input `number`."""
    return Scratch(*(folder / f"{number}.{name}" for name in Scratch._fields))


def deduplicate(
    inputs: Sequence[Path], out: Path, *, column: str, plan: DedupPlan, threads: int
) -> DedupCounts:
    """Write the rows of each input that stay to a file of the same name in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(dir=out, prefix=".dedup-") as name,
        ThreadPoolExecutor(threads) as pool,  # the kernels run outside of the interpreter's lock
    ):
        made = [scratch(Path(name), number) for number in range(len(inputs))]
        list(pool.map(partial(prepare, column=column, plan=plan), inputs, made, range(len(inputs))))
        shared = Path(name) / "boilerplate.index"
        texts, bands = [partial(stored_texts, files.texts) for files in made], [files.bands for files in made]
        write_boilerplate(shared, boilerplate(texts, bands, plan=plan, threads=threads))
        counts = find_duplicates(
            [files.keys for files in made],
            bands,
            [files.verdicts for files in made],
            plan=plan,
            boilerplate=[shared],
            texts=texts,
            threads=threads,
        )
        list(pool.map(partial(_keep, column=column), inputs, made, [out / path.name for path in inputs]))
    return counts


def prepare(source: Path, files: Scratch, number: int, *, column: str, plan: DedupPlan) -> None:
    """Write what is known of input `number`: an id is a row's place, equal texts are exact duplicates."""
    tables, contents = [np.empty((plan.bands + PRINTS, 0), np.uint64)], [np.empty((2, 0), np.uint64)]
    sizes = [np.empty(0, np.uint32)]
    with pq.ParquetFile(source) as rows, pa.OSFile(str(files.texts), "wb") as file:
        schema = pa.schema([_plain(rows.schema_arrow.field(column))])
        with pa.ipc.new_file(file, schema) as stored:
            for batch in rows.iter_batches(_BATCH_ROWS, columns=[column], use_threads=False):
                plain = batch.cast(schema)
                stored.write_batch(plain)
                texts = pl.Series(plain.column(0)).fill_null("")
                contents.append(np.stack([texts.hash(seed).to_numpy() for seed in (1, 2)]))
                sizes.append(texts.str.len_bytes().to_numpy())
                tables.append(text_bands(texts, plan=plan))
    write_index(files.bands, np.concatenate(tables, axis=1), about_bands(plan))
    _write_keys(
        files.keys, np.concatenate(contents, axis=1), np.concatenate(sizes), number=number, name=source.name
    )


def stored_texts(path: Path) -> Iterator[pa.Array]:
    """Yield the texts that `prepare` stored, batch by batch: mapped pages would count as memory."""
    with pa.OSFile(str(path)) as file:
        stored = pa.ipc.open_file(file)
        for number in range(stored.num_record_batches):
            yield stored.get_batch(number).column(0)


def _plain(field: pa.Field) -> pa.Field:
    """Return how a column of texts is stored: Arrow's file format has no more than one dictionary of it."""
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def _write_keys(out: Path, contents: Hashes, sizes: np.ndarray, *, number: int, name: str) -> None:
    """Write the keys of an input from the hashes of its texts and their bytes."""
    places = np.arange(contents.shape[1], dtype=np.uint64) + np.uint64(number << 32)
    frame = pl.DataFrame(
        {
            "id": hex_series(np.stack([np.zeros_like(places), places])),
            "source": "input",
            "content_key": hex_series(contents),
            "priority": 0,
            "quality": None,
            "solver": None,
            "cap": 1,
            "answer": None,
            "preamble": None,
            "turns": None,
            "file": name,
            "row": places,
            "text_bytes": sizes,
        },
        schema=_KEYS,
    )
    frame.write_parquet(out, compression="uncompressed", statistics=False)


def _keep(source: Path, files: Scratch, out: Path, *, column: str) -> None:
    """Copy the rows that stay, a batch at a time; their texts are read where they are stored."""
    stays = pl.read_parquet(files.verdicts, columns=["reason"])["reason"].is_null()
    done = 0
    with (
        pq.ParquetFile(source) as rows,
        pq.ParquetWriter(out, rows.schema_arrow, compression="zstd", use_dictionary=False) as writer,
    ):
        for batch in _whole(rows, files.texts, column):
            mask = stays[done : done + len(batch)].to_arrow()
            writer.write_table(pa.Table.from_batches([batch]).filter(mask))
            done += len(batch)


def _whole(rows: pq.ParquetFile, texts: Path, column: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file, whose texts are stored in another."""
    schema = rows.schema_arrow
    place, others = schema.get_field_index(column), [name for name in schema.names if name != column]
    batches = rows.iter_batches(_BATCH_ROWS, columns=others, use_threads=False) if others else None
    with pa.OSFile(str(texts)) as file:
        stored = pa.ipc.open_file(file)
        for number in range(stored.num_record_batches):
            said = stored.get_batch(number).column(0).cast(schema.field(place).type)
            arrays = list(next(batches).columns) if batches else []
            yield pa.RecordBatch.from_arrays([*arrays[:place], said, *arrays[place:]], schema=schema)


_KEYS = pl.Schema({name: kind for name, kind in KEY_SCHEMA.items() if name != "text"})


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
