"""One slice of a source's files, as a worker takes it."""

from dataclasses import dataclass

from thinkmix.curation.read.read import RawSlice
from thinkmix.curation.validate.normalize import Origin
from thinkmix.curation.validate.settings import SourceBase
from thinkmix.schemas.errors import SourceCorrupt
from thinkmix.schemas.manifest import LeftOut


@dataclass(frozen=True)
class Raw:
    """One slice of a source's files, and how its rows are to be read."""

    piece: RawSlice
    origin: Origin
    max_row_bytes: int
    watched: tuple[str, int] | None
    """Where somebody else may write to the file, and its last change, in ns, when it was hashed."""
    left_out: tuple[LeftOut, ...] = ()
    """Rows that are not worked on: they end the process that does."""

    @property
    def source(self) -> SourceBase:
        """Return what the recipe says of the source."""
        return self.origin.source

    def check_unchanged(self) -> None:
        """Refuse a file that someone wrote to after it was hashed.

        Raises:
            SourceCorrupt: naming the source and the file.
        """
        path = self.piece.path
        # another machine's copy lies elsewhere, and was verified when it was made
        if self.watched and self.watched[0] == str(path) and path.stat().st_mtime_ns != self.watched[1]:
            msg = f"source {self.source.name}: {self.piece.file!r} changed during the build; build again"
            raise SourceCorrupt(msg)
