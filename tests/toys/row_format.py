"""A row format that there is not: question and answer in one column, a bar between them."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Column, Draft, Format, Row


class Toy(Format):
    """A question, a bar and its answer."""

    sets: ClassVar[tuple[str, ...]] = ("toy/sums",)

    type: Literal["toy"] = "toy"
    """Name of the format."""
    column: Column = "toy"
    """Column of both."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Format | None:
        """Return the format if every row has the column."""
        return cls() if rows and all("toy" in row for row in rows) else None

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return both sides as turns."""
        asked, _, said = row[self.column].partition("|")
        return Draft([{"role": "user", "content": asked}, {"role": "assistant", "content": said}], [])

    def turns(self, row: Row) -> int:
        """Return two."""
        return 2

    def columns(self) -> frozenset[str]:
        """Return the one column."""
        return frozenset({self.column})
