"""What a row of an evaluation asks: a text, a list of texts, or what the user says in lists of messages."""

from collections.abc import Iterator, Mapping, Sequence

from thinkmix.curation.decontaminate.settings import QuestionSettings
from thinkmix.curation.read.read import RawRow
from thinkmix.schemas.errors import RecipeError


def questions_of(benchmark: QuestionSettings, file: str, row: RawRow) -> list[str]:
    """Return what a row of a benchmark's file asks, one text or more.

    Raises:
        RecipeError: naming the file and the row if it asks nothing.
    """
    values = row.values if isinstance(row.values, Mapping) else {}
    names = (benchmark.field,) if isinstance(benchmark.field, str) else benchmark.field
    asked = next((found for name in names if (found := list(_texts(values.get(name))))), [])
    where = f"benchmark {benchmark.name}: {file}: row {row.number}"
    if not asked:
        shown = " or ".join(map(repr, names))
        msg = f"{where} has no text in field {shown}; name the field of the question"
        raise RecipeError(msg)
    if benchmark.passage is None:
        return asked
    passage = values.get(benchmark.passage)
    if not isinstance(passage, str):
        msg = f"{where} has no text in field {benchmark.passage!r}; name the field of the passage"
        raise RecipeError(msg)
    return [f"{passage} {text}" for text in asked]


def _texts(value: object) -> Iterator[str]:
    """Yield the texts that a value holds, but what others than the user say in messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        if value.get("role", "user") == "user":
            yield from _texts(value.get("content"))
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)
