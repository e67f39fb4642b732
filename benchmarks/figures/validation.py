"""Validation with reasons: whole slices beside judging row by row with pydantic, on the same files."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

from benchmarks.measure import cpu_seconds, medians
from benchmarks.measurements import Measurement, Options
from benchmarks.rows import described, folder, raw_rows
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawSlice, read_rows, slices
from thinkmix.curation.validate.columnar import ColumnVerdicts
from thinkmix.curation.validate.rowwise import Origin, judge, validate_slice
from thinkmix.flows.sources.settings import LocalSource

MAX_ROW_BYTES = 1_000_000
LAYOUTS = {"math": "openmathreasoning", "chat": "sharegpt"}


def measure(options: Options) -> Sequence[Measurement]:
    """Compare CPU seconds for the same shards, with the look at columns and without it."""
    rows = raw_rows(options)
    with folder(options, "validation") as work:
        pieces = []
        for name, frame in rows.items():
            frame.write_parquet(work / f"{name}.parquet", row_group_size=4_000)
            pieces += [
                (piece, _origin(name))
                for piece in slices(f"{name}.parquet", Blob(work / f"{name}.parquet", "0" * 64))
            ]
        taken = medians(
            options.rounds,
            thinkmix=partial(cpu_seconds, partial(_slices, pieces, work)),
            rows=partial(cpu_seconds, partial(_row_by_row, pieces, work)),
            judging=partial(cpu_seconds, partial(_by_row, pieces)),
        )
        for path in sorted(work.glob("slices-*/*")):
            assert (
                path.read_bytes()
                == (work / path.parent.name.replace("slices", "rows") / path.name).read_bytes()
            )
        kept = sum(judged.conversation is not None for judged in _judged(pieces))
    count = sum(frame.height for frame in rows.values())
    notes = tuple(f"{name} {count / seconds:,.0f} rows/s" for name, seconds in taken.items())
    finding = Measurement(
        figure="validation",
        what="validation with reasons, vs pydantic row by row",
        unit="×",
        at_least=5,
        aim=10,
        measured=taken["rows"] / taken["thinkmix"],
        on=f"{count:,} {described(options)}, {count - kept:,} of them rejected",
        notes=notes,
    )
    return [finding]


def _origin(name: str) -> Origin:
    thinking = "required" if name == "math" else "allowed"
    source = LocalSource(name=name, files=("*.parquet",), format={"type": LAYOUTS[name]}, thinking=thinking)
    return Origin(source, f"{name}.parquet")


def _row_by_row(pieces: Sequence[tuple[RawSlice, Origin]], work: Path) -> None:
    """Write the same shards, but take every row for a suspect."""
    with patch(
        "thinkmix.curation.validate.rowwise.validate_columns",
        lambda _, *, source, **__: ColumnVerdicts.nothing(source),
    ):
        _slices(pieces, work, name="rows")


def _slices(pieces: Sequence[tuple[RawSlice, Origin]], work: Path, name: str = "slices") -> None:
    for number, (piece, origin) in enumerate(pieces):
        out = work / f"{name}-{number}"
        out.mkdir(exist_ok=True)
        validate_slice(piece, origin=origin, max_row_bytes=MAX_ROW_BYTES, out=out)


def _by_row(pieces: Sequence[tuple[RawSlice, Origin]]) -> None:
    for _ in _judged(pieces):
        pass


def _judged(pieces: Sequence[tuple[RawSlice, Origin]]) -> Iterator[object]:
    for piece, origin in pieces:
        for row in read_rows(piece, max_row_bytes=MAX_ROW_BYTES):
            yield judge(row, origin=origin, max_row_bytes=MAX_ROW_BYTES)
