"""Gates on how rows were read: fields that nothing reads, and what teaches a model something wrong."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from thinkmix.curation.gates.results import count_of, gate_result, quote_name, worst
from thinkmix.curation.gates.settings import Asked, CountGate
from thinkmix.curation.read.encodings import UNKNOWN
from thinkmix.schemas.findings import Finding
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report, SourceFindings, Unread

_SETTING = 120
_ARTICLE = {"reasoning": "", "tools": "", "history": "a ", "image": "an ", "system": "a "}
_NOUN = {"system": "system prompt"}


class Read(Protocol):
    """What knows how rows were read: a report, or what was seen of a few rows."""

    @property
    def findings(self) -> tuple[SourceFindings, ...]:
        """What was found, by source."""


def unread_fields(report: Read, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the fields that nothing reads and whose name looks like something to train on."""
    for one in report.findings:
        seen = [
            (quote_name(field.path), field.count, _unread(field)) for field in one.unread if field.looks_like
        ]
        calm = f"{one.source} has no field that looks like something to train on and is not read"
        yield from _results("unread_fields", recipe.gates.unread_fields, one.source, seen, calm)


def encoding(report: Read, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name the encoding that rows seem to have which are not UTF-8."""
    for one in report.findings:
        seen = [(name, times, _foreign(name, times)) for name, times in one.encodings.items()]
        calm = f"{one.source}: no row has bytes that are not UTF-8"
        yield from _results("encoding", recipe.gates.encoding, one.source, seen, calm)


def findings(report: Read, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
    """Name what was found in rows that teaches a model something wrong."""
    for one in report.findings:
        seen = [
            (word, times, f"{times:,} {Finding(word).sentence}")
            for word, times in one.found.items()
            if word in list(Finding) and Finding(word).warns
        ]
        calm = f"{one.source}: nothing was found in its rows that teaches a model something wrong"
        yield from _results("findings", recipe.gates.findings, one.source, seen, calm)


def _results(
    name: str, gate: CountGate, source: str, seen: Iterable[tuple[str, int, str]], calm: str
) -> list[GateResult]:
    """Return the results for what was seen in the rows of a source: each a name, a count and a sentence."""
    results = [
        gate_result(name, f"{source}: {what}", gate, times, gate.rows, f"{source}: {said}")
        for what, times, said in seen
    ]
    return worst(results, gate_result(name, source, gate, 0, gate.rows, calm))


def _foreign(name: str, rows: int) -> str:
    """Return how many rows are not UTF-8, and what reads them."""
    said = f"{count_of(rows, 'row')} could not be read whole for bytes that are not UTF-8"
    if name == UNKNOWN:
        return f"{said}: state the `encoding` of the files in the source, or write them in UTF-8"
    return f"{said} and seem to be {name}: say `encoding: {name}` if the files are, or write them in UTF-8"


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
