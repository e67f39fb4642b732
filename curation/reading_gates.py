"""Gates on how rows were read: fields that nothing reads, and what teaches a model something wrong."""

from collections.abc import Iterator

from curation.findings import found, quoted, worst
from schemas.findings import Finding
from schemas.gates import GateResult, Gates
from schemas.report import Report, Unread

_SETTING = 120
_ARTICLE = {"reasoning": "", "tools": "", "history": "a ", "image": "an ", "system": "a "}
_NOUN = {"system": "system prompt"}


def unread_fields(report: Report, before: Report | None, gates: Gates) -> Iterator[GateResult]:
    """Name the fields that nothing reads and whose name looks like something to train on."""
    gate = gates.unread_fields
    for one in report.findings:
        results = [
            found(
                "unread_fields",
                f"{one.source}: {quoted(field.path)}",
                gate,
                field.count,
                gate.rows,
                f"{one.source}: {_unread(field)}",
            )
            for field in one.unread
            if field.looks_like
        ]
        calm = f"{one.source} has no field that looks like something to train on and is not read"
        yield from worst(results, found("unread_fields", one.source, gate, 0, gate.rows, calm))


def findings(report: Report, before: Report | None, gates: Gates) -> Iterator[GateResult]:
    """Name what was found in rows that teaches a model something wrong."""
    gate = gates.findings
    for one in report.findings:
        results = [
            found(
                "findings",
                f"{one.source}: {word}",
                gate,
                times,
                gate.rows,
                f"{one.source}: {times:,} {Finding(word).sentence}",
            )
            for word, times in one.found.items()
            if word in list(Finding) and Finding(word).warns
        ]
        calm = f"{one.source}: nothing was found in its rows that teaches a model something wrong"
        yield from worst(results, found("findings", one.source, gate, 0, gate.rows, calm))


def _unread(field: Unread) -> str:
    """Return what is known of an unread field, and what reads it."""
    kind = field.looks_like or ""
    like = f"{_ARTICLE.get(kind, 'a ')}{_NOUN.get(kind, kind)}"
    inside = "[]" in field.path
    name = quoted(field.path.rpartition(".")[2] if inside else field.path)
    said = f"'{name}' in {field.count:,} {'turns' if inside else 'rows'} was not read and looks like {like}"
    if field.setting:
        return f"{said}: {quoted(field.setting, _SETTING)}"
    return f"{said}; no setting of the format reads it"
