"""The calibration set: a few hundred whole training rows that stand for the mixture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.record import Record
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.encode import encode_example
from thinkmix.train.data.rows import Rows, hash_order, index_rows, read_manifest
from thinkmix.train.quantize.quant_plan import QuantError

ROWS = 256
"""Rows that are sampled unless told otherwise: quantisers ask for 128 to 512."""

TEXTS = "calibration.jsonl"
TOKENS = "calibration.parquet"
MANIFEST = "calibration.json"
PLAN = "plan.yaml"

_BANDS = np.array([256 << doubling for doubling in range(13)])
"""Most tokens of each length band: 256, 512, … 1,048,576, which no plan goes beyond."""

_STRATUM = ("source", "thinking", "up_to")
_ROWS_AT_ONCE = 64


class Stratum(Record):
    """Rows of one source, one thinking mode and like length."""

    source: str
    mode: str
    """thinking or non_thinking."""
    up_to: int
    """Most tokens of a row in this length band; the band below ends at half of it, the first begins at 1."""
    available: int
    sampled: int


class Calibration(Record):
    """What `calibration.json` says; no clock and no path: equal samples write equal bytes."""

    mixture: str
    mixture_digest: str
    """sha256 of the version's manifest, which is the version's name."""
    template: str
    template_sha256: str
    tokenizer_sha256: str
    seed: int
    max_tokens: int
    rows: int
    tokens: int
    too_long: int
    """Training rows that could not be sampled because they are longer than `max_tokens`."""
    strata: tuple[Stratum, ...]
    files: Mapping[str, str]
    """sha256 of each file beside this one."""
    quant_error: QuantError | None
    """What quantising costs on these rows, and what follows; unset when no model was named."""


@dataclass(frozen=True)
class CalibrationSample:
    """The sampled rows, and of how many they were sampled."""

    rows: Rows
    strata: tuple[Stratum, ...]
    seed: int


@dataclass(frozen=True)
class SampledRow:
    """One sampled row, whole: what quantisers are given."""

    id: str
    source: str
    mode: str
    text: str
    """Prompt and completion as ChatML, the end of the turn included."""
    input_ids: NDArray[np.int32]
    prompt_tokens: int


def sample_calibration(rows: Rows, *, count: int | None, seed: int) -> CalibrationSample:
    """Sample `count` rows (or all, where there are fewer), from every source, mode and length its share.

    A row is chosen by sha256(seed, id), so sampling depends on no row's position, and a larger sample
    holds every smaller one of the same seed. Copies of a repeated row are never sampled beside it.

    Args:
        rows: training rows. The split parts whole clusters of near-duplicates, so none of them resembles
            a held-out row.
        count: how many rows; None is 256, or one of each kind where there are more kinds.
        seed: decides which rows.

    Raises:
        TrainError: when there is no row, or `count` is less than the number of strata.
    """
    frame = rows.frame.filter(~pl.col("id").str.contains("#", literal=True))  # `#2`: a copy of another row
    if frame.is_empty():
        msg = f"the mixture has no row to sample from; {rows.too_long} are longer than max_tokens"
        raise TrainError(msg)
    lengths = frame.select(pl.col("prompt_tokens") + pl.col("completion_tokens")).to_series().to_numpy()
    frame = frame.with_columns(up_to=pl.Series(_BANDS[np.searchsorted(_BANDS, lengths)]))
    strata = frame.group_by(_STRATUM).agg(available=pl.len()).sort(_STRATUM)
    count = max(ROWS, strata.height) if count is None else count
    if count < strata.height:
        msg = f"{count} rows are fewer than the {strata.height} kinds of rows (source, mode, length band)"
        raise TrainError(f"{msg}: sample at least {strata.height}")
    strata = strata.with_columns(sampled=pl.Series(quotas(strata["available"].to_list(), count)))
    sampled = (
        frame[hash_order(frame["id"], "calibration", seed)]
        .join(strata, on=_STRATUM, maintain_order="left")
        .filter(pl.int_range(pl.len()).over(_STRATUM) < pl.col("sampled"))
        .select(rows.frame.columns)
        .sort("position")
    )
    return CalibrationSample(
        Rows(rows.files, sampled, rows.too_long), tuple(map(_stratum, strata.to_dicts())), seed
    )


def quotas(available: Sequence[int], count: int) -> list[int]:
    """Return how many of `count` rows each stratum gives: its proportional share, but at least one.

    Sainte-Laguë's method from one row each: the next row comes from the stratum with the greatest
    available / (2 x sampled + 1). What a stratum gives never shrinks as `count` grows, and never exceeds
    what it has: until all are empty, one with rows left stands above 1/2 and an empty one below.
    """
    sizes = np.array(available)
    sampled = np.ones_like(sizes)
    for _ in range(min(count, int(sizes.sum())) - len(sizes)):
        sampled[np.argmax(sizes / (2 * sampled + 1))] += 1
    return [int(number) for number in sampled]


def _stratum(row: Mapping[str, int | str | bool]) -> Stratum:
    told = {name: value for name, value in row.items() if name != "thinking"}
    return Stratum.model_validate({**told, "mode": _mode(bool(row["thinking"]))})


def _mode(thinking: bool) -> str:
    return "thinking" if thinking else "non_thinking"


def read_sampled(sample: CalibrationSample) -> list[SampledRow]:
    """Return the sampled rows with their text and ids, in the order of sampling: every beginning is mixed."""
    frame = sample.rows.frame
    facts = zip(frame["source"], frame["thinking"], _texts(sample.rows), strict=True)
    found = [
        SampledRow(
            id=name,
            source=source,
            mode=_mode(thinking),
            text=prompt + completion,
            input_ids=(example := encode_example(name, prompt=prompt, completion=completion)).input_ids,
            prompt_tokens=int((example.labels < 0).sum()),
        )
        for source, thinking, (name, prompt, completion) in facts
    ]
    return [found[row] for row in hash_order(frame["id"], "calibration", sample.seed)]


def _texts(rows: Rows) -> Iterator[tuple[str, str, str]]:
    """Yield id, prompt and completion of `rows`; a row group without one of them stays unread."""
    positions = rows.frame["position"].to_numpy().astype(np.int64)
    columns = ["id", "prompt", "completion"]
    begin = 0
    for path in rows.files:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                end = begin + file.metadata.row_group(group).num_rows
                if np.searchsorted(positions, begin) < np.searchsorted(positions, end):
                    for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns):
                        wanted = np.arange(begin, begin + batch.num_rows)
                        found = batch.take(np.flatnonzero(np.isin(wanted, positions)))
                        yield from zip(*(found.column(name).to_pylist() for name in columns), strict=True)
                        begin += batch.num_rows
                begin = end


def calibration_ids(
    version: Path, *, digest: str, plan: TrainPlan, rows: int | None = None
) -> list[list[int]]:
    """Return the token ids of each sampled row: those that `thinkmix calibrate` samples with the same plan.

    Args:
        version: folder of a published version, which the caller has verified.
        digest: sha256 of the version's manifest, as verified.
        plan: says the longest row and the seed.
        rows: how many rows; unset 256.

    Raises:
        TrainError: when the version cannot be read, or holds too few rows.
    """
    manifest = read_manifest(version, digest=digest)
    found = index_rows(version, manifest, split="train", max_tokens=plan.max_tokens)
    sample = sample_calibration(found, count=rows, seed=plan.seed)
    return [row.input_ids.tolist() for row in read_sampled(sample)]


def shown_ids(rows: Rows, plan: TrainPlan) -> list[list[int]]:
    """Return the token ids of the few rows that an adapter begins from: the first of sampling.

    Padded to the longest they fit one batch, so they need no more memory than a step.
    """
    shown: list[list[int]] = []
    longest = 0
    for row in read_sampled(sample_calibration(rows, count=None, seed=plan.seed))[:_SHOWN]:
        longest = max(longest, len(row.input_ids))
        if longest * (len(shown) + 1) > plan.batch:
            break
        shown.append(row.input_ids.tolist())
    return shown


_SHOWN = 16
"""Most rows that are shown: some ten thousand tokens of long reasoning, for ranks of some tens."""


def write_sampled(rows: Sequence[SampledRow], folder: Path) -> None:
    """Write the rows for quantisers: as text in lines of JSON, and as token ids in a parquet file."""
    with (folder / TEXTS).open("wb") as file:
        for row in rows:
            file.write(orjson.dumps({"text": row.text, "source": row.source}) + b"\n")
    table = {
        "id": [row.id for row in rows],
        "source": [row.source for row in rows],
        "mode": [row.mode for row in rows],
        "tokens": [len(row.input_ids) for row in rows],
        "prompt_tokens": [row.prompt_tokens for row in rows],
        "input_ids": [row.input_ids for row in rows],
        "attention_mask": [np.ones_like(row.input_ids) for row in rows],
    }
    pq.write_table(pa.table(table, schema=_LAYOUT), folder / TOKENS, compression="zstd")


_LAYOUT = pa.schema(
    {
        "id": pa.string(),
        "source": pa.string(),
        "mode": pa.string(),
        "tokens": pa.int64(),
        "prompt_tokens": pa.int64(),
        "input_ids": pa.list_(pa.int64()),
        "attention_mask": pa.list_(pa.int64()),
    }
)
