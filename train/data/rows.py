"""The rows of a published version: opened without loading their text, ordered by hash, grouped into steps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count, islice
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.training import TrainPlan
from thinkmix.schemas.version_name import version_name
from thinkmix.templates.chat.tokenizer import tokenizer_digest
from thinkmix.train.data.packing import pack

RowNumbers = NDArray[np.int64]
"""Numbers of rows in `Rows.frame`."""

Step = tuple[RowNumbers, ...]
"""The batches of one optimiser step."""


_WINDOW = 1024
"""Rows that are sorted by length together: batches of like lengths need little padding."""


@dataclass(frozen=True)
class Rows:
    """Rows of one split: where they lie, whose they are and how long, without their text."""

    files: tuple[Path, ...]
    frame: pl.DataFrame
    """Columns position (counted across `files`), id, source, thinking, prompt_tokens, completion_tokens."""
    too_long: int = 0
    """Rows that were left out because they are longer than the plan allows."""

    def lengths(self) -> NDArray[np.int64]:
        """Return the tokens of each row, prompt and completion together."""
        tokens: NDArray[np.int64] = (self.frame["prompt_tokens"] + self.frame["completion_tokens"]).to_numpy()
        return tokens


def read_manifest(version: Path, *, digest: str) -> Manifest:
    """Return the manifest of a published version, whose name is the digest that was verified.

    Raises:
        TrainError: when it is missing or unreadable, is not the one that was verified, or was
            counted with another tokenizer.
    """
    path = version / "manifest.json"
    try:
        text = path.read_bytes()
        manifest = Manifest.model_validate_json(text)
    except OSError as error:
        msg = f"{version} is not a published version: {path.name} cannot be read ({error.strerror})"
        raise TrainError(msg) from error
    except ValidationError as error:
        fields = ", ".join(sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]}))
        msg = f"{path} is not the manifest of a version: {fields or 'not JSON'}"
        raise TrainError(msg) from error
    if (found := _name_of(path, text)) != digest:
        msg = f"{version} holds the mixture {found}, not {digest}, which was verified"
        raise TrainError(msg)
    if manifest.tokenizer_sha256 != tokenizer_digest():
        msg = f"{version} was built with another tokenizer ({manifest.tokenizer_sha256}): build it again"
        raise TrainError(msg)
    return manifest


def _name_of(path: Path, manifest: bytes) -> str:
    try:
        return version_name(manifest)
    except ValueError as error:
        msg = f"{path} is damaged ({error}): verify the version"
        raise TrainError(msg) from error


def index_rows(version: Path, manifest: Manifest, *, split: str, max_tokens: int) -> Rows:
    """Return the rows of `split` (train or eval) that have at most `max_tokens` tokens.

    Reads four narrow columns; a row's text stays on disk.

    Raises:
        TrainError: when a file that the manifest names is missing or is not a file of examples.
    """
    names = sorted(
        name for name in manifest.files if name.startswith(f"{split}-") and name.endswith(".parquet")
    )
    files = tuple(version / name for name in names)
    if missing := [file.name for file in files if not file.is_file()]:
        msg = f"{version} lacks {', '.join(missing)}, which its manifest names: verify the version"
        raise TrainError(msg)
    try:
        scans = [pl.scan_parquet(file).select(_INDEX) for file in files]
        frame = pl.concat(scans).with_row_index("position").collect() if scans else _NO_ROWS
    except pl.exceptions.PolarsError as error:
        msg = f"{version}: the {split} files are not parquet files of examples: {str(error).splitlines()[0]}"
        raise TrainError(msg) from error
    fits = frame.filter(pl.col("prompt_tokens") + pl.col("completion_tokens") <= max_tokens)
    return Rows(files, fits, too_long=frame.height - fits.height)


_INDEX = (
    pl.col("id"),
    pl.col("source"),
    pl.col("thinking"),
    pl.col("prompt_tokens", "completion_tokens").cast(pl.Int64),
)
_NO_ROWS = pl.DataFrame(
    schema={
        "position": pl.UInt32,
        "id": pl.String,
        "source": pl.String,
        "thinking": pl.Boolean,
        "prompt_tokens": pl.Int64,
        "completion_tokens": pl.Int64,
    }
)


def sample_rows(rows: Rows, *, per_source: int) -> Rows:
    """Return at most `per_source` rows of each source, sampled by hash: every run measures the same."""
    order = hash_order(rows.frame["id"], "eval")
    sampled = rows.frame[order].filter(pl.int_range(pl.len()).over("source") < per_source)
    return Rows(rows.files, sampled.sort("position"), rows.too_long)


def hash_order(ids: Iterable[str], *salt: object) -> RowNumbers:
    """Return the numbers of the rows in the order of sha256(salt, id): it depends on no row's position."""
    prefix = "\0".join(map(str, salt))
    keys = np.fromiter(
        (int.from_bytes(sha256(f"{prefix}\0{name}".encode()).digest()[:8]) for name in ids), dtype=np.uint64
    )
    return np.argsort(keys, kind="stable").astype(np.int64)


def plan_steps(rows: Rows, plan: TrainPlan) -> list[Step]:
    """Return the batches of every step of the run, known before the first one.

    Raises:
        TrainError: when no row is left to train on.
    """
    if rows.frame.is_empty():
        left_out = (
            f"; {rows.too_long} are longer than max_tokens ({plan.max_tokens})" if rows.too_long else ""
        )
        msg = f"the mixture has no row to train on{left_out}"
        raise TrainError(msg)
    epochs = count() if plan.max_steps else range(plan.epochs or 1)
    steps = (step for epoch in epochs for step in _epoch(rows, plan, epoch))
    return list(islice(steps, plan.max_steps))


def batches_of_each(rows: Rows, plan: TrainPlan) -> list[RowNumbers]:
    """Return batches in which every row is once, as the plan reads rows: they depend on no row's position."""
    once = plan.model_copy(update={"epochs": 1, "max_steps": None})
    return [batch for step in plan_steps(rows, once) for batch in step]


def _epoch(rows: Rows, plan: TrainPlan, epoch: int) -> Iterator[Step]:
    order, lengths = hash_order(rows.frame["id"], plan.seed, epoch), rows.lengths()
    batches = pack(order, lengths, budget=plan.batch) if plan.packing else _batches(order, lengths, plan)
    while step := tuple(islice(batches, plan.accumulate)):
        yield step


def _batches(order: RowNumbers, lengths: NDArray[np.int64], plan: TrainPlan) -> Iterator[RowNumbers]:
    """Fill batches with rows of like lengths from one stretch of the order; batches follow by hash."""
    for first in range(0, len(order), _WINDOW):
        window = order[first : first + _WINDOW]
        rank = {row: place for place, row in enumerate(window.tolist())}
        by_length = window[np.argsort(lengths[window], kind="stable")]
        yield from sorted(_fill(by_length, lengths, plan), key=lambda batch: rank[int(batch[0])])


def _fill(rows: RowNumbers, lengths: NDArray[np.int64], plan: TrainPlan) -> Iterator[RowNumbers]:
    first = 0
    for last, length in enumerate(lengths[rows].tolist()):
        size = last - first + 1  # the row at `last` is the longest so far
        if size * length > plan.batch:
            yield rows[first:last]
            first = last
    yield rows[first:]
