"""What a recipe says of the rows of a source, and what work one row may cost."""

import codecs
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from thinkmix.curation.repairs.known import Repairs
from thinkmix.schemas.arrange import Neighbours
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.patterns import Name, RowsIn
from thinkmix.schemas.record import Record

_ESCAPES = ("idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7")
"""Codecs of Python that no file of rows is written in."""


def _known_encoding(name: str) -> str:
    try:
        "a".encode(name)  # unlike `codecs.lookup` refuses what does not encode text
        known = codecs.lookup(name).name not in _ESCAPES
    except (LookupError, ValueError):
        known = False
    if not known:
        msg = f"{name!r} is not a known encoding of text; known are gbk, big5, utf-16, latin-1 and others"
        raise ValueError(msg)
    return name


Encoding = Annotated[str, Field(max_length=40), AfterValidator(_known_encoding)]
"""A name of an encoding, as Python spells it: gbk, utf-16, latin-1."""

Compare = Literal["dialogue", "first_user", "user_turns", "conversation"]
"""What near-duplicates are judged by: the question of a conversation that has one and all turns of others,
the first question, all questions, or everything that was said. `dialogue` and `conversation` tell apart what
has other system prompts or other tools."""


CapBy = Literal["solver", "shortest", "branching", "hash"]
"""Which solutions of a problem stay under a cap, of those whose answers are equally verified.

`solver`: solvers take turns, each with its best row by quality and learned turns. `shortest`: the rows with
the least text. `branching`: the rows whose traces branch least (`wait`, `alternatively`) on 1,000 words;
leaving out those that branch most raised AIME25 by up to 5.1 points (arXiv:2604.01702). `hash`: by the
row's id, which is as good as by chance and always the same.
"""


class TextSettings(Record):
    """What a recipe says of a source that decides how its rows are read and what text they become.

    A stage takes as much of a source as it uses, as a type: nothing else can decide what it makes.
    """

    name: Name
    """Name of the source in shares, ledger and report."""
    format: Format
    """How its rows are laid out."""
    rows: RowsIn | None = None
    """Where the list of rows lies in JSON files that hold one object: `data`, or `result.items`."""
    encoding: Encoding | None = None
    """Encoding of its files of text, where that is not UTF-8: `gbk`, `utf-16`, `latin-1`."""
    repair: Repairs = ()
    """Damage that is taken back while rows are read: `all`, or names of docs/repairs.md; nothing if unset."""
    soft_switch: Literal["plain", "train"] = "plain"
    """Where an answer to `/no_think` has its empty trace: in the prompt (`plain`), or learned (`train`)."""
    turns: Neighbours = "keep"
    """What happens to turns in a row by one speaker: `keep` leaves them separate, as the template renders
    them (two answers in a row drop the row), `join` makes one turn of them, on separate lines, and `drop`
    drops the row."""


class RowSettings(TextSettings):
    """What a recipe says of a source that decides what becomes of its rows."""

    thinking: Literal["required", "allowed", "forbidden"] = "allowed"
    """Whether assistant turns must, may or must not hold a <think> trace. With `required` the last one must,
    or the row is dropped, and earlier ones without it are context."""
    supervise: Literal["all", "last"] = "all"
    """Which assistant turns become training examples; turns that are marked as context never do."""
    compare: Compare = "dialogue"
    """What near-duplicates are judged by."""
    priority: int = Field(default=0, ge=0, le=99)
    """Between duplicates in two sources the row of the higher priority stays."""
    max_solutions_per_problem: int | None = Field(default=None, ge=1, le=1_000_000)
    """How many rows may share a (near-)identical problem; unset means one."""


class Limits(NamedTuple):
    """What work one row may cost, whatever its size: each turn that is learned repeats those before it."""

    turns: int = 1_000
    """Most turns."""
    prompt_bytes: int = 64_000_000
    """Most bytes of text in the prompts of all its examples together."""


LIMITS = Limits()
"""Those of a recipe that states none: three and six times what the longest chat of FineTome-100k costs."""
