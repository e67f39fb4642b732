"""Prompts and completions as token ids, with labels on the completion alone."""

import re  # one alternation of fixed strings, which cannot backtrack
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from thinkmix.schemas.conversation import CONTROL_TOKENS
from thinkmix.schemas.errors import TrainError
from thinkmix.templates.chat.seam import seam_problem
from thinkmix.templates.chat.tokenizer import encode_batch
from thinkmix.train.data.rows import RowNumbers, Rows

IGNORE = -100
"""Label of a token that carries no loss."""

_ROWS_AT_ONCE = 256
_COLUMNS = ("id", "prompt", "completion", "prompt_tokens", "completion_tokens", "messages", "tools")
_CONTROL = "|".join(map(re.escape, CONTROL_TOKENS))


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
    """Where each row begins in `ids`."""
    sizes: NDArray[np.int64]
    """Tokens of each row, prompt and completion together."""
    prompts: NDArray[np.int64]
    """Tokens of each row's prompt, which carry no loss."""

    def row(self, number: int) -> NDArray[np.int32]:
        """Return the ids of a row."""
        start = self.starts[number]
        return self.ids[start : start + self.sizes[number]]

    def example(self, row: int) -> Example:
        """Return the row with the number `row`, labelled."""
        return _label(self.row(row), prompt=int(self.prompts[row]))

    def lengths(self, rows: RowNumbers) -> NDArray[np.int64]:
        """Return how many tokens each of `rows` has."""
        return self.sizes[rows]

    def trained(self, rows: RowNumbers) -> int:
        """Return how many tokens of `rows` carry loss."""
        return int((self.sizes[rows] - self.prompts[rows]).sum())


def encode_example(name: str, *, prompt: str, completion: str) -> Example:
    """Return one row as ids and labels; the loss falls on the completion's tokens and on no other.

    Raises:
        TrainError: when nothing would be trained, or a token would span the seam.
    """
    ids, lengths = encode_pairs([name], [prompt], [completion])
    return _label(ids, prompt=int(lengths[0, 0]))


def encode_pairs(
    names: Sequence[str], prompts: Sequence[str], completions: Sequence[str]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the ids of rows, one row after another, and the lengths of their prompts and completions.

    Prompt and completion are encoded apart, as at inference, where the prompt stands alone.

    Returns:
        ids of shape (tokens,); lengths of shape (rows, 2).

    Raises:
        TrainError: when nothing of a row would be trained, or when a token would span the seam.
    """
    ids, found = encode_batch([text for pair in zip(prompts, completions, strict=True) for text in pair])
    lengths = found.reshape(-1, 2)
    for row in np.flatnonzero((lengths == 0).any(axis=1))[:1]:
        empty = "completion" if lengths[row, 0] else "prompt"
        msg = f"row {names[row]}: no token to train on, its {empty} is empty"
        raise TrainError(msg)
    for name, prompt, completion in zip(names, prompts, completions, strict=True):
        if problem := seam_problem(prompt, completion):
            msg = f"row {name}: {problem}: build the mixture again, which leaves such rows out"
            raise TrainError(msg)
    return ids, lengths


def _label(ids: NDArray[np.int32], *, prompt: int) -> Example:
    labels = ids.copy()
    labels[:prompt] = IGNORE
    return Example(ids, labels)


def encode_rows(rows: Rows, wanted: RowNumbers, *, scratch: Path) -> Tokens:
    """Encode a few rows, those with the numbers `wanted`, without a cache.

    Memory stays at some hundred rows: text is read in batches, ids go to the file `scratch`, which
    is unlinked at once, so that no crash leaves it behind.

    Raises:
        TrainError: for a row that cannot be trained on, or whose token counts are not the published ones.
    """
    wanted = np.unique(wanted)
    sizes = np.zeros(rows.frame.height, dtype=np.int64)
    sizes[wanted] = rows.lengths()[wanted]
    ends = np.cumsum(sizes)
    ids = np.memmap(scratch, dtype=np.int32, mode="w+", shape=max(1, int(sizes.sum())))
    scratch.unlink()
    tokens = Tokens(ids, ends - sizes, sizes, rows.frame["prompt_tokens"].to_numpy())
    positions, begin, end = rows.frame["position"].to_numpy()[wanted].astype(np.int64), 0, 0
    for file in rows.files:
        for batch in read_batches(file):
            low, high = np.searchsorted(positions, [begin, begin + batch.num_rows])
            found = encode_published(batch.take(positions[low:high] - begin))
            ids[end : end + len(found)] = found
            begin, end = begin + batch.num_rows, end + len(found)
    return tokens


def read_batches(file: Path, *, group: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield what encoding needs of a file's rows, or of those of one row group, some hundred at a time.

    Raises:
        TrainError: when it is not a file of examples.
    """
    groups = None if group is None else [group]
    try:
        yield from pq.ParquetFile(file).iter_batches(
            _ROWS_AT_ONCE, row_groups=groups, columns=list(_COLUMNS), use_threads=False
        )
    except pa.ArrowException as error:
        msg = f"{file.name} is not a parquet file of examples: {str(error).splitlines()[0]}"
        raise TrainError(msg) from error


def encode_published(batch: pa.RecordBatch) -> NDArray[np.int32]:
    """Return the ids of published rows, one row after another; their lengths are the published ones.

    Raises:
        TrainError: for a row that cannot be trained on, whose content holds a control token, or whose
            token counts are not the published ones.
    """
    names = batch["id"].to_pylist()
    _refuse_control_tokens(names, batch)
    ids, lengths = encode_pairs(names, batch["prompt"].to_pylist(), batch["completion"].to_pylist())
    published = np.stack([batch[f"{part}_tokens"].to_numpy() for part in ("prompt", "completion")], axis=1)
    for row in np.flatnonzero((lengths != published).any(axis=1))[:1]:
        found, stated = (" + ".join(map(str, counts[row])) for counts in (lengths, published))
        msg = f"row {names[row]}: {found} tokens, published as {stated}: build it again"
        raise TrainError(msg)
    return ids


def _refuse_control_tokens(names: Sequence[str], batch: pa.RecordBatch) -> None:
    """Refuse rows in which somebody's words would be encoded as commands.

    The text of a row is encoded as a whole, and a control token in it acts as one. That is safe where the
    only ones are the template's, so what the template was filled with must hold none: then no other can
    arise, for no control token has a `<` beyond its first character, with which the template's begin.
    """
    told = batch["messages"]
    owner = np.repeat(np.arange(len(told)), told.value_lengths().fill_null(0).to_numpy())
    turns = told.flatten()
    calls = turns.field("tool_calls")
    caller = np.repeat(owner, calls.value_lengths().fill_null(0).to_numpy())
    function = calls.flatten().field("function")
    filled: tuple[tuple[Any, NDArray[np.int64]], ...] = (
        (batch["tools"], np.arange(len(told))),
        (turns.field("content"), owner),
        (turns.field("reasoning_content"), owner),
        (function.field("name"), caller),
        (function.field("arguments"), caller),
    )
    for texts, rows in filled:
        hit = pc.match_substring_regex(texts, _CONTROL).fill_null(False).to_numpy(zero_copy_only=False)
        for place in np.flatnonzero(hit)[:1]:
            token = next(token for token in CONTROL_TOKENS if token in texts[int(place)].as_py())
            msg = f"row {names[rows[place]]}: its content holds {token}, which would act as a command"
            raise TrainError(f"{msg}: build the mixture again, which leaves such rows out")
