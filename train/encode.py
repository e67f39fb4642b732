"""Prompts and completions as token ids, with labels on the completion alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.errors import TrainError
from templates.tokenizer import encode
from train.rows import RowNumbers, Rows

IGNORE = -100
"""Label of a token that carries no loss."""

_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Example:
    """One row as the model reads it: ids, and per id the label, `IGNORE` throughout the prompt."""

    input_ids: NDArray[np.int32]
    labels: NDArray[np.int32]


@dataclass(frozen=True)
class Tokens:
    """The encoded rows of a run: one flat array on disk, addressed by row number."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    prompts: NDArray[np.int64]

    def example(self, row: int) -> Example:
        """Return the row with the number `row`."""
        return _label(self.ids[self.starts[row] : self.starts[row + 1]], prompt=int(self.prompts[row]))

    def lengths(self, rows: RowNumbers) -> NDArray[np.int64]:
        """Return how many tokens each of `rows` has."""
        return self.starts[rows + 1] - self.starts[rows]

    def trained(self, rows: RowNumbers) -> int:
        """Return how many tokens of `rows` carry loss."""
        return int((self.lengths(rows) - self.prompts[rows]).sum())


def encode_example(name: str, *, prompt: str, completion: str) -> Example:
    """Return one row as ids and labels; the loss falls on the completion's tokens and on no other.

    Prompt and completion are encoded apart, as at inference, where the prompt stands alone. The
    rows hold no control token in their content, so the control tokens found here are the template's.

    Raises:
        TrainError: when nothing would be trained, or when a token would span the seam: other
            trainers, which encode the whole text, would then see other tokens than these.
    """
    start, rest = encode(prompt), encode(completion)
    if not start or not rest:
        msg = f"row {name}: no token to train on, its {'completion' if start else 'prompt'} is empty"
        raise TrainError(msg)
    if encode(prompt + completion) != start + rest:
        msg = f"row {name}: a token spans the end of the prompt ({prompt[-12:]!r} + {completion[:12]!r})"
        raise TrainError(f"{msg}: remove the white space that the answer begins with")
    return _label(np.array(start + rest, dtype=np.int32), prompt=len(start))


def _label(ids: NDArray[np.int32], *, prompt: int) -> Example:
    labels = ids.copy()
    labels[:prompt] = IGNORE
    return Example(ids, labels)


def encode_rows(rows: Rows, wanted: RowNumbers, *, scratch: Path) -> Tokens:
    """Encode the rows with the numbers `wanted`, once, before the first step.

    Memory stays at some hundred rows: text is read in batches, ids go to the file `scratch`, which
    is unlinked at once, so that no crash leaves it behind.

    Raises:
        TrainError: for a row that cannot be trained on, or whose token counts are not the published ones.
    """
    wanted = np.unique(wanted)
    lengths = np.zeros(rows.frame.height, dtype=np.int64)
    lengths[wanted] = rows.lengths()[wanted]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.memmap(scratch, dtype=np.int32, mode="w+", shape=max(1, int(starts[-1])))
    scratch.unlink()
    prompts = rows.frame["prompt_tokens"].to_numpy()
    for row, name, prompt, completion in _texts(rows, wanted):
        example = encode_example(name, prompt=prompt, completion=completion)
        trained = int((example.labels != IGNORE).sum())
        if (len(example.labels), trained) != (lengths[row], lengths[row] - prompts[row]):
            msg = f"row {name}: {len(example.labels) - trained} + {trained} tokens"
            raise TrainError(
                f"{msg}, published as {prompts[row]} + {lengths[row] - prompts[row]}: build it again"
            )
        ids[starts[row] : starts[row + 1]] = example.input_ids
    return Tokens(ids, starts, prompts)


def _texts(rows: Rows, wanted: RowNumbers) -> Iterator[tuple[int, str, str, str]]:
    """Yield number, id, prompt and completion of the wanted rows, in the order of the files."""
    positions = rows.frame["position"].to_numpy()[wanted].astype(np.int64)
    begin = 0
    for file in rows.files:
        for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE, columns=["id", "prompt", "completion"]):
            low, high = np.searchsorted(positions, [begin, begin + batch.num_rows])
            found = batch.take(positions[low:high] - begin)
            columns = (found.column(name).to_pylist() for name in ("id", "prompt", "completion"))
            yield from zip(wanted[low:high].tolist(), *columns, strict=True)
            begin += batch.num_rows
