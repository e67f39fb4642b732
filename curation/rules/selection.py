"""What a source selects of its valid rows: by flags, and by what is known of each without its text."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, create_model

from thinkmix.curation.answers.statuses import AGREE
from thinkmix.schemas.patterns import Line, Name
from thinkmix.schemas.record import Record

REFUSED = "it has the flag "


def _ascending(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] > band[1]:
        msg = f"a band is [least, most], and {band[0]:g} is more than {band[1]:g}: exchange the two"
        raise ValueError(msg)
    return band


_Rate = Annotated[float, Field(ge=0, le=1)]
_Size = Annotated[int, Field(ge=0, le=10**12)]
Rates = Annotated[tuple[_Rate, _Rate], AfterValidator(_ascending)]
Sizes = Annotated[tuple[_Size, _Size], AfterValidator(_ascending)]
Named = Annotated[tuple[Name, ...], Field(max_length=32)]
Words = Annotated[tuple[Line, ...], Field(max_length=256)]


class StatedSelect(Record):
    """What a recipe states under `select`; a row stays if all of it holds."""

    without: Named = ()
    """Rows that have none of these flags."""
    pass_rate: Rates | None = None
    """How often a model solved the problem: [least, most], from 0 to 1."""
    problem_types: Words = ()
    """Types of the problem, as the rows state them."""
    solvers: Words = ()
    """Models whose answers stay, as the rows name them."""
    verified: bool = False
    """Only answers that are the one which the source names; a rule must compare them."""
    text_bytes: Sizes | None = None
    """Text of the row in bytes: [least, most]."""
    turns: Sizes | None = None
    """Turns of the row: [least, most]."""


if TYPE_CHECKING:
    Stated = StatedSelect
else:  # with one setting more, whose name is a keyword of Python
    _WITH = Field(default=(), description="Rows that have one of these flags.")
    Stated = create_model(
        "Stated", __base__=StatedSelect, __doc__=StatedSelect.__doc__, **{"with": (Named, _WITH)}
    )


class Select(NamedTuple):
    """Which rows of a source stay; what is unset asks nothing."""

    wanted: tuple[str, ...] = ()
    """A row needs one of these flags, if any are named."""
    refused: tuple[str, ...] = ()
    """Flags that no row has."""
    pass_rate: tuple[float, float] | None = None
    problem_types: tuple[str, ...] = ()
    solvers: tuple[str, ...] = ()
    verified: bool = False
    text_bytes: tuple[int, int] | None = None
    turns: tuple[int, int] | None = None

    @classmethod
    def of(cls, stated: StatedSelect) -> "Select":
        """Return what a recipe states."""
        named = {"with": "wanted", "without": "refused"}
        return cls(**{named.get(name, name): getattr(stated, name) for name in CRITERIA})

    @property
    def asks(self) -> bool:
        """Whether any row may be left out."""
        return self != Select()

    @property
    def of_facts(self) -> bool:
        """Whether it asks for what the row says of its problem and its answer (`FACTS`)."""
        return bool(self.pass_rate or self.problem_types or self.solvers or self.text_bytes)


class Facts(NamedTuple):
    """What is known of rows without their turns, one entry a row."""

    pass_rate: Sequence[float | None]
    problem_type: Sequence[str | None]
    solver: Sequence[str | None]
    text_bytes: Sequence[int]


CRITERIA = ("without", "with", "pass_rate", "problem_types", "solvers", "verified", "text_bytes", "turns")
"""What may be stated, in the order in which it is asked: the first that fails is the detail."""


def failures(
    select: Select, flags: Sequence[str], facts: tuple[Any, ...], status: int | None, turns: int
) -> Iterator[tuple[str, str]]:
    """Yield each criterion that a row fails, of `CRITERIA` in their order, and why.

    Args:
        select: what stays.
        flags: of the row.
        facts: of the row, the fields of `Facts`; empty if none is asked for.
        status: what its answer is, a place in `answers.statuses.STATUSES`; None if none was compared.
        turns: how many it has.
    """
    if refused := [name for name in select.refused if name in flags]:
        yield "without", f"{REFUSED}{', '.join(refused)}"
    if select.wanted and not any(name in flags for name in select.wanted):
        yield "with", f"it has none of the flags {', '.join(select.wanted)}"
    rate, kind, solver, size = facts or (None, None, None, 0)
    if select.pass_rate and not _within(rate, select.pass_rate):
        yield "pass_rate", _outside("its pass rate", rate, select.pass_rate)
    if select.problem_types and kind not in select.problem_types:
        yield "problem_types", f"its problem type is {kind or 'not stated'}"
    if select.solvers and solver not in select.solvers:
        yield "solvers", f"its solver is {solver or 'not stated'}"
    if select.verified and status != AGREE:
        yield "verified", "its answer is not verified"
    if select.text_bytes and not _within(size, select.text_bytes):
        yield "text_bytes", _outside("its text in bytes", size, select.text_bytes)
    if select.turns and not _within(turns, select.turns):
        yield "turns", _outside("its number of turns", turns, select.turns)


def _within(value: float | None, band: tuple[float, float]) -> bool:
    return value is not None and band[0] <= value <= band[1]


def _outside(what: str, value: float | None, band: tuple[float, float]) -> str:
    stated = "not stated" if value is None else f"{value:g}"
    return f"{what} is {stated}, not from {band[0]:g} to {band[1]:g}"
