"""What a gate is: settings, one sentence, and what it finds in a version beside the last good one."""

from collections.abc import Iterator, Sequence
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

from pydantic import BeforeValidator, Field

from thinkmix.curation.dedup.settings import DedupPlan
from thinkmix.curation.gates.metrics import Counted
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.curation.validate.source import SourceBase
from thinkmix.schemas.gates import GateResult, Level
from thinkmix.schemas.record import Record
from thinkmix.schemas.report import Report, SourceFindings

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import CoreSchema


def _off_in_yaml(value: object) -> object:
    return "off" if value is False else value  # what YAML makes of a plain `off`


Action = Annotated[Literal["off", "warn", "fail"], BeforeValidator(_off_in_yaml)]
"""What a gate does when its limit is passed: nothing, warn, or block the version until a person approves."""

Rate = Annotated[float, Field(ge=0, le=1)]
"""A fraction of rows."""

Growth = Annotated[float, Field(ge=0, le=1_000_000)]
"""A change as a fraction of what there was before: 1 means as much again."""

Points = Annotated[float, Field(ge=0, le=100)]
"""Percentage points."""

_DIGITS = 9  # rounding takes away what binary fractions add, so that a limit itself is never beyond the limit


class Asked(Protocol):
    """What a recipe asks of a version, as far as gates look at it."""

    @property
    def sources(self) -> Sequence[SourceBase]:
        """What is said of the rows of each source."""

    @property
    def mix(self) -> MixPlan:
        """What the mixture was asked to be."""

    @property
    def dedup(self) -> DedupPlan:
        """How near-duplicates were looked for."""


class FirstRows(Counted, Protocol):
    """What is known of the first rows of a source before a build; a report knows it of all rows."""

    @property
    def findings(self) -> Sequence[SourceFindings]:
        """What was found, by source."""


class Gate(Record):
    """One thing that is looked at in every build. Its fields are what a recipe may say about it.

    To add one, write its class in a file of this folder, and add it to `GATES` in `known.py`. Its docstring
    is what people read of it, in the docs and in the JSON schema of recipes.
    """

    name: ClassVar[str]
    """What a recipe calls it under `gates:`."""
    needs_examples: ClassVar[bool] = False
    """Whether it says nothing of first rows that is of use if none of them becomes an example."""

    action: Action = "warn"
    """What happens if it is not as it should be: nothing, a warning, or a version that awaits a person."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Yield what is found, place by place, each in a sentence that needs no manual.

        Args:
            report: metrics of the version that was built.
            before: metrics of the last good one; without it a gate that compares finds nothing.
            recipe: what the version was asked to be.
        """
        raise NotImplementedError

    def judge_first_rows(self, rows: FirstRows, recipe: Asked) -> Iterator[GateResult]:
        """Yield what can be found in the first rows of a source: `thinkmix check` and `init` show it."""
        yield from ()

    def found(self, subject: str, measured: float | None, limit: float | None, sentence: str) -> GateResult:
        """Return what was found in one place: it is broken if `measured` is more than `limit`."""
        measured = None if measured is None else round(measured, _DIGITS)
        broken = measured is not None and limit is not None and measured > limit
        return GateResult(
            gate=self.name,
            subject=subject,
            level=self.level(broken),
            measured=measured,
            limit=limit,
            sentence=sentence,
        )

    def level(self, broken: bool) -> Level:
        """Return what the gate says of one place; a gate that is off says nothing that anyone asks for."""
        return "pass" if not broken else "fail" if self.action == "fail" else "warn"

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        """Leave the description to the field of `Gates`: pydantic drops one that says the same twice."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        handler.resolve_ref_schema(schema).pop("description", None)
        return schema

    @classmethod
    def sentence(cls) -> str:
        """Return what the gate looks at."""
        return " ".join(cleandoc(cls.__doc__ or "").split())
