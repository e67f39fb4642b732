"""The columns of the files of a source."""

from collections.abc import Mapping

from thinkmix.schemas.record import Record


class Columns(Record):
    """The columns of one source's raw files, as they were read."""

    source: str
    types: Mapping[str, str]
    """Data type by column, as polars prints it; several, joined by ` | `, where files do not agree.

    Columns of JSON rows are `List` or `Struct` without what is in them.
    """
    values: Mapping[str, tuple[str, ...]]
    """All distinct values, sorted, of text columns that have few and short ones (at most 20, of 64 bytes)."""
    missing: Mapping[str, int]
    """Rows where the column is null, or not there."""
    cut: bool = False
    """Whether there are more columns than are listed."""
