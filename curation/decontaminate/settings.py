"""What a recipe says of evaluations: whose questions must not be in the mixture, and how they are found."""

from pydantic import Field, field_validator

from thinkmix.schemas.patterns import Name, Patterns, RowsIn, refuse_twice
from thinkmix.schemas.record import Record


class QuestionSettings(Record):
    """How the questions of a benchmark are read."""

    name: Name
    """Name of the benchmark in reasons and reports."""
    rows: RowsIn | None = None
    """Where the list of questions lies in JSON files that hold one object."""
    field: str = Field(default="question", min_length=1, max_length=200)
    """Field that holds the question."""


class Benchmark(QuestionSettings):
    """Questions of an evaluation that the model will be measured by, and must not have been trained on."""

    files: Patterns
    """Patterns of files of questions, like those of a local source."""


class Decontamination(Record):
    """Which rows are left out because an evaluation asks the same."""

    benchmarks: tuple[Benchmark, ...] = Field(default=(), max_length=1000)
    """The evaluations; none means that nothing is checked."""
    ngram: int = Field(default=13, ge=3, le=32)
    """Words in a run that a row must not have in common with a question; shorter questions count whole."""

    @field_validator("benchmarks")
    @classmethod
    def _names_are_unique(cls, benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
        refuse_twice("benchmark", [benchmark.name for benchmark in benchmarks])
        return benchmarks
