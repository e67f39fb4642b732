"""How the rows of a file are laid out, told by its first rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from thinkmix.curation.read.read import RawRow, RawSlice, first_rows
from thinkmix.curation.validate.rowwise import Origin, judge
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.formats.known import RowFormat
from thinkmix.schemas.formats.recognition import best, parse_format, refusal, unknown

ROWS = 100
"""Rows of each file that are looked at."""


def agree_on_format(source: str, files: Sequence[str], results: Sequence[Mapping[str, object]]) -> RowFormat:
    """Return the format that all files have in which there are rows.

    Args:
        source: name of the source.
        files: names of its files.
        results: what `recognise` returns of each.

    Raises:
        RecipeError: if a file has no format, or might have several, or files do not agree.
    """
    named: dict[str, RowFormat] = {}
    for file, result in zip(files, results, strict=True):
        formats = fitting_formats(source, file, result)
        if len(formats) > 1:
            all_of_them = " and ".join(f"`format: {format.statement()}`" for format in formats)
            msg = (
                f"source {source}: the rows of {file} fit {all_of_them} equally well; state one in the recipe"
            )
            raise RecipeError(msg)
        if formats:
            named[file] = formats[0]
    if not named:
        broken = next((result["broken"] for result in results if result["broken"]), None)
        why = f"; {broken}" if broken else ": there is none in its files"
        msg = f"source {source}: no row can be read that would show its format{why}"
        raise RecipeError(msg)
    first, *others = named
    if other := next((file for file in others if named[file] != named[first]), None):
        both = f"{first} as `{named[first].statement()}` and {other} as `{named[other].statement()}`"
        msg = f"source {source}: its files are laid out in two ways, {both}; make two sources of them"
        raise RecipeError(msg)
    return named[first]


def fitting_formats(source: str, file: str, result: Mapping[str, object]) -> list[RowFormat]:
    """Return the formats that fit a file's rows, by what `recognise` returns of them.

    Raises:
        RecipeError: if there are rows, and none fits.
    """
    if result["why"]:
        msg = f"source {source}: {file}: {result['why']}"
        raise RecipeError(msg)
    listed = result["formats"]
    assert isinstance(listed, list)
    return [parse_format(stated) for stated in listed]


def recognise_first(out: Path, first: RawSlice, max_row_bytes: int) -> dict[str, object]:
    """Say what the first rows of a file are."""
    found = first_rows(first, ROWS, max_row_bytes=max_row_bytes)
    first.check_unchanged()
    return recognise(first.file, found)


def recognise(file: str, found: Sequence[RawRow]) -> dict[str, object]:
    """Return the formats that the first rows of a file are laid out in, or why there is none."""
    rows = [row.values for row in found if row.fault is None]
    why = refusal(rows) if rows else None
    formats = best(rows) if rows and why is None else ()
    if rows and why is None and not formats:
        why = unknown(rows)
    return {
        "formats": [format.model_dump(mode="json") for format in formats],
        "why": why,
        "broken": _broken(file, found),
        "rows": len(rows),
    }


def _broken(file: str, rows: Sequence[RawRow]) -> str | None:
    """Return why the first row that cannot be read cannot, in words for an error."""
    faults = ((row.number, row.fault) for row in rows if row.fault is not None)
    return next((f"{file}, row {number}: {fault.type}, {fault.message()}" for number, fault in faults), None)


def suggest_format(origin: Origin, found: Sequence[RawRow], max_row_bytes: int) -> str | None:
    """Return which other format reads some of the first rows of a file, or why none does, in words."""
    rows = [row for row in found if row.fault is None]
    if not rows:
        return None
    values = [row.values for row in rows]
    if why := refusal(values):
        return why
    reading = []
    for format in best(values):
        source = origin.source.model_copy(update={"format": format})
        judged = (
            judge(row, origin=replace(origin, source=source), max_row_bytes=max_row_bytes) for row in rows
        )
        if format != origin.source.format and any(item.conversation for item in judged):
            reading.append(short_statement(format.statement()))
    return f"did you mean {' or '.join(f'`format: {stated}`' for stated in reading)}?" if reading else None


def short_statement(statement: str) -> str:
    """Return a format's statement, or only its name where all settings are the usual ones."""
    name = statement.removeprefix("{type: ").removesuffix("}")
    return statement if "," in name else name
