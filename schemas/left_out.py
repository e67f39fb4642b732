"""Rows that no process can work on."""

from thinkmix.schemas.record import Record


class LeftOut(Record):
    """A row that ended the process that worked on it, twice, and was left out so that no other was lost.

    It depends on the machine's memory, so that a version with such a row awaits a person.
    """

    source: str
    file: str
    """Path inside the dataset."""
    row: int
    """Its number in the file."""
    stage: str
    """What the process was doing."""
    how: str
    """How the process ended."""
    memory: int
    """Bytes that it was allowed to hold."""

    @property
    def detail(self) -> str:
        """Return why the row is not there, as `rejects` and `explain` show it."""
        return f"{self.stage} ended its process twice ({self.how}; it had {self.memory / 1e9:.1f} GB)"
