"""One slice of a source's files on its way through the stages: its rows, and how they are judged."""

from dataclasses import dataclass

from thinkmix.curation.read.read import RawSlice
from thinkmix.curation.validate.rowwise import Origin
from thinkmix.curation.validate.settings import RowSettings
from thinkmix.schemas.left_out import LeftOut


@dataclass(frozen=True)
class Raw:
    """One slice of a source's files, and how its rows are to be read."""

    piece: RawSlice
    origin: Origin
    max_row_bytes: int
    left_out: tuple[LeftOut, ...] = ()
    """Rows that are not worked on: they end the process that does."""

    @property
    def source(self) -> RowSettings:
        """Return what the recipe says of the rows of the source."""
        return self.origin.source
