"""The manifest of a published version: everything it was made from and everything it holds, by digest."""

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.left_out import LeftOut
from thinkmix.schemas.record import Record
from thinkmix.schemas.stated import Stated

Split = Literal["train", "eval"]
SPLITS: tuple[Split, ...] = ("train", "eval")


class FileEntry(Record):
    """One file of a version."""

    sha256: str
    bytes: int
    rows: int | None = None
    """Rows of a parquet file; unset for others."""


class InputEntry(Record):
    """One file that was read."""

    name: str
    sha256: str
    bytes: int


class SourceEntry(Record):
    """One source as it was on the day of the build."""

    name: str
    dataset: str
    revision: str
    """What the recipe asked for."""
    commit: str
    """What it resolved to."""
    licence: str | None
    format: Mapping[str, JsonValue] = {}
    """How its rows were read, every setting stated; what was recognised where the recipe says `auto`."""
    files: tuple[InputEntry, ...]
    matched: Mapping[str, int] = {}
    """How many of them each pattern of the recipe means."""


class Share(Record):
    """One source's part of one split."""

    source: str
    split: Split
    declared: float
    """Share that the recipe asks for, in its unit."""
    available: int
    """Examples that could have been sampled, so far as is known: not all were counted."""
    examples: int
    tokens: int
    trainable_tokens: int
    thinking: int
    """Examples that hold a trace."""
    repeated: int
    """Examples that are a second or later copy."""


class FlagCount(Record):
    """How many rows of one source have the flag of one rule."""

    source: str
    rule: str
    rows: int
    """Rows with the flag, of all that have an outcome; a later stage may have left them out."""
    mixed: int
    """Of these, rows that are in the mixture."""


class Manifest(Record):
    """What `manifest.json` says; `version_name` makes the version's name of it.

    No clock, host or path is in it: the same inputs give the same bytes. `version` counts changes
    of this layout.
    """

    version: Literal[1] = 1
    mixture: str
    recipe: Stated
    """What was built: every setting, which `thinkmix.flows.recipe.recipe.Recipe` reads."""
    sources: tuple[SourceEntry, ...]
    benchmarks: Mapping[str, str] = {}
    """Digest of the names and contents of the files of each evaluation that rows were checked against."""
    not_scanned: Mapping[str, str] = {}
    """Evaluations that rows were to be checked against, and why they were not."""
    template: str
    template_sha256: str
    tokenizer_sha256: str
    code_sha256: str
    """Digest of the program's own sources and of the libraries that decide its output."""
    libraries: Mapping[str, str]
    left_out: tuple[LeftOut, ...] = ()
    """Rows that ended the processes that worked on them, and what those were allowed."""
    ledger: Ledger
    shares: tuple[Share, ...]
    flags: tuple[FlagCount, ...] = ()
    """By source and rule how many rows are flagged; none if no rule flags."""
    content_sha256: str
    """Digest of the ordered rows (id, prompt, completion); survives a change of the file format."""
    files: Mapping[str, FileEntry]
    seal: str | None = None
    """The sha256 of all other fields as they are written; unset before that, and by earlier releases."""
