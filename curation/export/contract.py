"""What an exporter is: options, how examples are written and read back, and the command that trains."""

from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import ClassVar

from thinkmix.curation.export.read_back import compare
from thinkmix.curation.export.reading import TokenRow
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.version import Example
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.manifest import SPLITS, Split
from thinkmix.schemas.record import Record


class Exporter(Record):
    """A form in which other trainers read a mixture. Its fields are what a person may choose about it.

    To add one, write its class in a file of this folder, and add it to `EXPORTERS` in `known.py`. The first
    line of its docstring is its sentence in the help and in the docs.
    """

    name: ClassVar[str]
    """What `--to` calls it."""
    readers: ClassVar[str]
    """Who reads the form, in words."""
    held: ClassVar[Mapping[str, str]]
    """Where its files hold the values of a version's columns, by column."""
    left_out: ClassVar[Mapping[str, str]]
    """Why its files do not hold the values of a column, by column; with `held` these are all columns."""
    splits: ClassVar[tuple[Split, ...]] = SPLITS
    """The splits that it is for."""
    refused: ClassVar[str] = ""
    """Which rows `takes` refuses, and why; empty if it takes all."""
    line_break: ClassVar[bool] = True
    """Whether its rows keep the line break after the end token, which the model's template writes."""
    tool: ClassVar[str | None] = None
    """Distribution whose own code reads the files in `read_by/TOOL.py`; None if nothing but a rule does."""

    def file(self, split: Split) -> str:
        """Return the name of the file that holds a split."""
        return f"{split}.jsonl"

    @property
    def marked(self) -> bool:
        """Return whether each answer says whether it is learned; the last turn of an example alone is."""
        raise NotImplementedError

    def row_format(self) -> Format | None:
        """Return the row format of ours that reads the files back; None for rendered text, see `check`."""
        raise NotImplementedError

    def takes(self, example: Example) -> bool:
        """Return whether the form can hold an example; others are left out and counted."""
        return True

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write the examples of a split, one after another, into a file whose bytes depend on them alone."""
        raise NotImplementedError

    def check(self, examples: Iterable[Example], file: Path) -> None:
        """Read a file back through `row_format` and compare each row with its example.

        An exporter without a row format compares the texts of its lines itself.

        Raises:
            LedgerError: naming the first row that differs, is missing or is surplus.
        """
        row_format = self.row_format()
        assert row_format is not None, f"{self.name} has no row format and no check of its own"
        compare(examples, file, row_format=row_format, marked=self.marked)

    def command(self, folder: Path, counts: Mapping[Split, Counts]) -> str:
        """Return the line that trains on the files in a folder, in the trainer that they are for.

        Args:
            folder: where the files lie.
            counts: what they hold.
        """
        raise NotImplementedError

    def files(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the text of each file that stands beside the data, by name: config, README.

        Args:
            counts: what the files of the data hold.
        """
        return {}

    def read(self, file: Path) -> Iterator[TokenRow] | None:
        """Return the rows of a file as ids and labels, by the documented rule of the trainer.

        None for a form that the trainer renders by itself: no rule of ours says what it makes of it.
        """
        return None

    def words(self, counts: Mapping[Split, Counts]) -> list[str]:
        """Return the words of the command that `tool` is run by, in the folder of the export."""
        raise NotImplementedError

    def remarks(self, counts: Mapping[Split, Counts]) -> tuple[str, ...]:
        """Return in sentences what that trainer does otherwise than training on the version."""
        return ()

    @classmethod
    def sentence(cls) -> str:
        """Return what the form is."""
        return " ".join(cleandoc(cls.__doc__ or "").partition("\n\n")[0].split())
