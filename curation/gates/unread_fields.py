"""Fields that nothing reads and whose name looks like something to train on."""

from collections.abc import Iterator
from typing import ClassVar

from thinkmix.curation.gates.contract import Asked, FirstRows
from thinkmix.curation.gates.kinds import CountGate
from thinkmix.curation.gates.results import count_of, quote_name
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report, Unread

_SETTING = 120
_ARTICLE = {"reasoning": "", "tools": "", "history": "a ", "image": "an ", "system": "a "}
_NOUN = {"system": "system prompt"}


class UnreadFields(CountGate):
    """Values of a field that nothing reads although its name looks like something to train on.

    That is reasoning, a weight, tools, a system prompt, history, a score or an image.
    """

    name: ClassVar[str] = "unread_fields"

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Name the fields that nothing reads and whose name looks like something to train on."""
        yield from self.judge_first_rows(report, recipe)

    def judge_first_rows(self, rows: FirstRows, recipe: Asked) -> Iterator[GateResult]:
        """Look at the rows that were read, of one source or of all."""
        for one in rows.findings:
            seen = [
                (quote_name(field.path), field.count, _unread(field))
                for field in one.unread
                if field.looks_like
            ]
            calm = f"{one.source} has no field that looks like something to train on and is not read"
            yield from self.counts(one.source, seen, calm)


def _unread(field: Unread) -> str:
    """Return what is known of an unread field, and what reads it."""
    kind = field.looks_like or ""
    like = f"{_ARTICLE.get(kind, 'a ')}{_NOUN.get(kind, kind)}"
    inside = "[]" in field.path
    name = quote_name(field.path.rpartition(".")[2] if inside else field.path)
    said = (
        f"'{name}' in {count_of(field.count, 'turn' if inside else 'row')} was not read and looks like {like}"
    )
    if field.setting:
        return f"{said}: {quote_name(field.setting, _SETTING)}"
    return f"{said}; no setting of the format reads it"
