"""What a recipe says of evaluations: whose questions must not be in the mixture, and how they are found."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from thinkmix.schemas.patterns import REPO_ID, REVISION, Name, Patterns, RowsIn, refuse_twice
from thinkmix.schemas.record import Record

QuestionName = Annotated[str, Field(min_length=3, max_length=200)]
FieldName = Annotated[str, Field(min_length=1, max_length=200)]


class QuestionSettings(Record):
    """How the questions of a benchmark are read."""

    name: Name
    """Name of the benchmark in reasons and reports."""
    rows: RowsIn | None = None
    """Where the list of questions lies in JSON files that hold one object."""
    field: FieldName | Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=20)] = "question"
    """Field that holds the question: text, or lists of texts or messages. Of several, the first with any."""
    passage: FieldName | None = None
    """Field of the text that the question is about, and stands before it."""


class Benchmark(QuestionSettings):
    """Questions of an evaluation that the model will be measured by, and must not have been trained on."""

    dataset: Annotated[str, Field(pattern=REPO_ID)] | None = None
    """Id on the Hugging Face Hub; unset for files of this machine."""
    revision: Annotated[str, Field(pattern=REVISION)] = "main"
    """Of the dataset: a commit, or a branch or tag, whose commit the manifest keeps."""
    files: Patterns
    """Patterns of files of questions, like those of a local source or of a hub."""
    require: bool = False
    """End the build if the dataset cannot be had, instead of saying that it was not scanned."""


class ScanPlan(Record):
    """What is done with rows that are near a question, and from when on they are."""

    near: Literal["flag", "drop", "off"] = "flag"
    """What becomes of a row that is near a question, or says a short one among other words."""
    score: float = Field(default=0.5, ge=0.35, le=1)
    """Part of a question's weight from which on a row is near it."""


class Decontamination(ScanPlan):
    """Which rows are left out because an evaluation asks the same."""

    benchmarks: tuple[Benchmark, ...] = Field(default=(), max_length=1000)
    """The evaluations; none means that nothing is checked."""
    pack: bool = False
    """Add the shipped list of public evaluations (data/benchmarks.yaml) to those that are stated."""
    allow: tuple[QuestionName, ...] = Field(default=(), max_length=100_000)
    """Questions that rows may repeat, as reports name them (`gsm8k/12`): hits that somebody found false.

    A benchmark that cannot be had now is named, too: the gate `not_scanned` tells.
    """

    @field_validator("benchmarks")
    @classmethod
    def _names_are_unique(cls, benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
        refuse_twice("benchmark", [benchmark.name for benchmark in benchmarks])
        return benchmarks
