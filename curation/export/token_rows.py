"""What exports of token ids share: a parquet file a split, with the ids and labels of each row."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, zip_longest
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from thinkmix.curation.export.handoff import DATA, Handoff
from thinkmix.curation.export.reading import IGNORE, TokenRow, in_parts
from thinkmix.curation.export.version import Example
from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.manifest import Split
from thinkmix.templates.chat.tokenizer import encode_batch

_ROWS_AT_ONCE = 256


class TokenRows(Handoff):
    """Token ids and labels, which no trainer renders, tokenises or masks again."""

    held: ClassVar[Mapping[str, str]] = {
        "prompt": "the ids with label -100",
        "completion": "the ids that are labels, too",
        "prompt_tokens": "how many labels are -100",
        "completion_tokens": "how many labels are not",
    }
    left_out: ClassVar[Mapping[str, str]] = {
        "id": "row N of a file is row N of its split in the version",
        "source": "as id",
        "conversation_id": "as id",
        "turn": "as id",
        "thinking": "as id",
        "messages": "the ids hold them",
        "tools": "as messages",
    }
    masked: ClassVar[bool] = False
    """Whether there is a column `attention_mask`, of ones alone: some trainers ask for it."""

    def file(self, split: Split) -> str:
        """Return the name of the file that holds a split."""
        return f"{DATA}/{split}.parquet"

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write some hundred rows at a time."""
        with pq.ParquetWriter(file, self.columns(), compression="zstd") as out:
            for batch in self.batches(examples):
                out.write_batch(batch)

    def columns(self) -> pa.Schema:
        """Return the columns of a file."""
        names = ("input_ids", "labels", *(("attention_mask",) if self.masked else ()))
        return pa.schema([(name, pa.list_(pa.int32())) for name in names])

    def batches(self, examples: Iterable[Example]) -> Iterator[pa.RecordBatch]:
        """Yield the rows as a table has them.

        Raises:
            LedgerError: for a row whose texts have other numbers of tokens than the version says.
        """
        for part in in_parts(examples):
            yield self._batch(part)

    def check(self, examples: Iterable[Example], file: Path) -> None:
        """Compare the ids and labels of each row with those of its example.

        Raises:
            LedgerError: naming the first row that differs, is missing or is surplus.
        """
        wanted = chain.from_iterable(map(rows_of, self.batches(examples)))
        for number, (one, other) in enumerate(zip_longest(wanted, self.read(file))):
            if one != other:
                msg = f"{file.name} row {number} reads back differently: a bug in Thinkmix"
                raise LedgerError(msg)

    def read(self, file: Path) -> Iterator[TokenRow]:
        """Yield the rows as they are."""
        for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE, columns=["input_ids", "labels"]):
            yield from rows_of(batch)

    def _batch(self, examples: list[Example]) -> pa.RecordBatch:
        ids, found = encode_batch([text for one in examples for text in (one.prompt, one.completion)])
        lengths = found.reshape(-1, 2)
        for example, (prompt, completion) in zip(examples, lengths.tolist(), strict=True):
            if (prompt, completion) != (example.prompt_tokens, example.completion_tokens):
                msg = (
                    f"example {example.id} has {prompt} and {completion} tokens, the version says "
                    f"{example.prompt_tokens} and {example.completion_tokens}: a bug in Thinkmix"
                )
                raise LedgerError(msg)
        labels = ids.copy()
        labels[_in_prompts(lengths)] = IGNORE
        starts = np.concatenate([[0], np.cumsum(lengths.sum(axis=1))]).astype(np.int32)
        arrays = [ids, labels, *((np.ones_like(ids),) if self.masked else ())]
        return pa.record_batch(
            [pa.ListArray.from_arrays(pa.array(starts), pa.array(column)) for column in arrays],
            schema=self.columns(),
        )


def _in_prompts(lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each token is one of a prompt; `lengths` is of shape (rows, 2)."""
    return np.repeat(np.tile([True, False], len(lengths)), lengths.ravel())


def rows_of(batch: pa.RecordBatch) -> Iterator[TokenRow]:
    """Yield the rows of a table of ids and labels."""
    columns = (batch.column("input_ids").to_pylist(), batch.column("labels").to_pylist())
    return map(TokenRow, *columns)
