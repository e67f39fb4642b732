"""What exports for one trainer share: the model, the config and the README beside the data."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import ClassVar

from thinkmix.curation.export.contract import Exporter
from thinkmix.curation.export.record import Counts
from thinkmix.schemas.manifest import Split
from thinkmix.schemas.training import TrainPlan

README = "README.md"
DATA = "data"
"""Folder of the data where a trainer reads a folder as a dataset: it holds nothing else then."""

PLAN = TrainPlan()
"""Rank, learning rate and seed of the configs are those that `thinkmix train` has by default."""


class Handoff(Exporter):
    """An export for one trainer: the data, its config, the command that trains, and a README.

    A subclass states what the trainer does wrong with messages; its files hold rendered text or token ids.
    """

    title: ClassVar[str]
    """What people call the trainer."""
    tested: ClassVar[str] = ""
    """Its release that `make interop` is about, as `NAME VERSION`; empty if none was."""
    pitfalls: ClassVar[Mapping[str, str]]
    """What the trainer does wrong or otherwise, and how these files avoid it or what remains to do."""

    model: str = "Qwen/Qwen3-4B"
    """The model that config and command name: a hub id or a folder."""

    @property
    def marked(self) -> bool:
        """Return that the completion alone is learned."""
        return True

    def row_format(self) -> None:
        """Return nothing: the files hold rendered text or ids, and no turns to read."""

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the command that trains, as it is typed in the folder of the export."""
        raise NotImplementedError

    def words(self, counts: Mapping[Split, Counts]) -> list[str]:
        """Return the words of `line`."""
        return shlex.split(self.line(counts))

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the text of each file that the command reads besides the data, by name."""
        return {}

    def command(self, folder: Path, counts: Mapping[Split, Counts]) -> str:
        """Return the command that trains, for any working folder."""
        return f"cd {shlex.quote(str(folder))} && {self.line(counts)}"

    def files(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the configs, if there are the rows that they name, and the README."""
        configs = self.configs(counts) if self.splits[0] in counts else {}
        return {**configs, README: self._readme(counts, configs)}

    def _readme(self, counts: Mapping[Split, Counts], configs: Mapping[str, str]) -> str:
        data = {self.file(split): f"{count.examples:,} rows of {split}" for split, count in counts.items()}
        lines = [f"# This mixture for {self.title}", "", self.sentence(), ""]
        lines += ["| file | what it is |", "|---|---|"]
        lines += [f"| `{name}` | {what} |" for name, what in data.items()]
        lines += [f"| `{name}` | read by the command below |" for name in configs]
        lines += ["| `export.json` | what the rows are made from, and the sha256 of each file |", ""]
        if self.splits[0] in counts:
            lines += [
                "## Run",
                "",
                "In this folder:",
                "",
                "```console",
                f"$ {self.line(counts)}",
                "```",
                "",
            ]
        lines += [f"## What {self.title} does, and what these files do about it", ""]
        lines += ["| it does | these files |", "|---|---|"]
        lines += [f"| {wrong} | {avoided} |" for wrong, avoided in self.pitfalls.items()]
        if told := self.remarks(counts):
            lines += ["", *(f"* {sentence}" for sentence in told)]
        if type(self).read is not Exporter.read:
            lines += ["", "## Check", "", self._proof()]
        lines.append("")
        return "\n".join(lines)

    def _proof(self) -> str:
        line_break = (
            "" if self.line_break else ", except for the line break after the end token, which they leave out"
        )
        by = f"; its README was written for {self.tested}" if self.tested else ""
        return (
            f"`thinkmix export VERSION --to {self.name} --output FOLDER --verify` reads the files by the "
            f"rule of {self.title}, and by the tool where it is installed, and compares the id and the label "
            f"of every token with those that `thinkmix train` reads{line_break}{by}."
        )


def room(counts: Mapping[Split, Counts]) -> int:
    """Return a length at which no row is cut: one more than the longest has.

    At the very length of a row LLaMA-Factory may cut its last token, because it rounds a share of it down.
    """
    return max(count.longest for count in counts.values()) + 1


def block(text: str) -> str:
    """Return an indented text of a Python file as the text of a file."""
    return dedent(text).lstrip("\n")
