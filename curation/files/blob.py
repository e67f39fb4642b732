"""A file, or a region of one, as an argument of work: it is what it holds, wherever it lies."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Blob:
    """A file whose bytes are known, or the region of one that the work looks at.

    Work that takes a region depends on that region alone: what else the file holds may change.
    """

    path: Path
    sha256: str
    """Digest of the region, in hex, or of the whole file; empty where no output is named by it."""
    region: tuple[int, ...] = ()
    """How the work finds its region in the file; empty for the whole file. What the region holds decides an
    output, not where it lies."""
    watched: tuple[str, int] | None = None
    """Where somebody else may write to the file: its path, and its last change, in ns, when it was hashed."""

    @property
    def changed(self) -> bool:
        """Return whether somebody wrote to the file after it was hashed."""
        # a copy on another machine lies elsewhere, and was verified when it was made
        if self.watched is None or self.watched[0] != str(self.path):
            return False
        return self.path.stat().st_mtime_ns != self.watched[1]
