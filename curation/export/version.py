"""A published version as a reader sees it: its examples one after another, in bounded memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from thinkmix.curation.files.shards import read_groups
from thinkmix.schemas.errors import StoreCorrupt
from thinkmix.schemas.manifest import SPLITS, Manifest, Split

_ROWS_AT_ONCE = 256
"""Rows of a row group that are Python objects at a time."""


class Example(NamedTuple):
    """One row of a version; its fields are the columns of `tables.EXAMPLES`."""

    id: str
    source: str
    conversation_id: str
    turn: int
    thinking: bool
    messages: list[Mapping[str, Any]]
    """The turns up to the one that is learned, each with `role`, `content`, `reasoning_content` and
    `tool_calls`; the last two are null where a turn has none."""
    tools: str | None
    """JSON text of the tool list."""
    prompt: str
    completion: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Version:
    """A version whose every byte was verified just now."""

    folder: Path
    manifest: Manifest

    def files(self, split: Split) -> list[str]:
        """Return the names of a split's files, in the order of their rows."""
        return sorted(
            name for name in self.manifest.files if name.startswith(f"{split}-") and name.endswith(".parquet")
        )

    @property
    def flagged(self) -> bool:
        """Return whether its rows have flags of rules: the columns of `tables.FLAGS`."""
        names = [name for split in SPLITS for name in self.files(split)]
        return any("flags" in pq.read_schema(self.folder / name).names for name in names)

    def rows(self, split: Split) -> int:
        """Return how many rows of a split the manifest promises."""
        return sum(self.manifest.files[name].rows or 0 for name in self.files(split))

    def tokens(self, split: Split) -> int:
        """Return how many tokens of a split the manifest promises."""
        return sum(share.tokens for share in self.manifest.shares if share.split == split)

    def examples(self, split: Split) -> Iterator[Example]:
        """Yield the rows of a split in their published order, a row group in memory at a time.

        Raises:
            StoreCorrupt: if a file cannot be read.
        """
        for name in self.files(split):
            try:
                for group in read_groups(self.folder / name, list(Example._fields)):
                    for part in group.iter_slices(_ROWS_AT_ONCE):
                        yield from map(Example._make, part.select(Example._fields).iter_rows())
            except (OSError, pa.ArrowException) as error:
                msg = f"{self.folder / name} cannot be read ({error}); verify the version"
                raise StoreCorrupt(msg) from error
