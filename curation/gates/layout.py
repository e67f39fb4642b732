"""The format that rows were read by, beside that of the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Action, Asked, Gate
from thinkmix.curation.gates.results import quote_name
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.recognition import format_statement
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report

_STATED = 300


class Layout(Gate):
    """How the rows of a source are laid out: the format that they were read by, with its settings.

    Where the recipe states the format, it only warns.
    """

    name: ClassVar[str] = "layout"

    action: Action = "fail"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare the formats that rows were read by; one that a person wrote into the recipe only warns."""
        old = {} if before is None else {source.name: source.format for source in before.sources}
        stated = {source.name for source in recipe.sources if not isinstance(source.format, Auto)}
        for source in report.sources:
            if not old.get(source.name):
                continue  # new, or of a version that does not say it
            was, now = format_statement(old[source.name]), format_statement(source.format)
            sentence = f"{source.name} is read as {quote_name(now, _STATED)}, as in the last good build"
            if was != now:
                sentence = (
                    f"{source.name} is read as {quote_name(now, _STATED)}, "
                    f"and as {quote_name(was, _STATED)} in the last good build"
                )
            result = self.found(source.name, float(was != now), 0, sentence)
            mild = result.level == "fail" and source.name in stated
            yield result.model_copy(update={"level": "warn"}) if mild else result
