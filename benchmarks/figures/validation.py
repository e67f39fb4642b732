"""Validation with reasons: whole slices beside judging row by row with pydantic, on the same files."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.findings import Finding, Options
from benchmarks.measure import cpu_seconds, medians
from benchmarks.rows import described, folder, raw_rows
from curation.normalize import Origin, judge, normalize_slice
from curation.read import RawSlice, read_rows, slices
from schemas.recipe import LocalSource

MAX_ROW_BYTES = 1_000_000
LAYOUTS = {"math": "openmathreasoning", "chat": "sharegpt"}


def measure(options: Options) -> Sequence[Finding]:
    """Compare CPU seconds; ours also writes its shards, the other side reads and judges only."""
    rows = raw_rows(options)
    with folder(options, "validation") as work:
        pieces = []
        for name, frame in rows.items():
            frame.write_parquet(work / f"{name}.parquet", row_group_size=4_000)
            pieces += [
                (piece, _origin(name))
                for piece in slices(f"{name}.parquet", work / f"{name}.parquet", "0" * 64)
            ]
        taken = medians(
            options.rounds,
            thinkmix=partial(cpu_seconds, partial(_slices, pieces, work)),
            rows=partial(cpu_seconds, partial(_by_row, pieces)),
        )
        kept = sum(judged.conversation is not None for judged in _judged(pieces))
    count = sum(frame.height for frame in rows.values())
    notes = tuple(f"{name} {count / seconds:,.0f} rows/s" for name, seconds in taken.items())
    finding = Finding(
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
    return Origin(source, "dataset", "revision", f"{name}.parquet")


def _slices(pieces: Sequence[tuple[RawSlice, Origin]], work: Path) -> None:
    for number, (piece, origin) in enumerate(pieces):
        out = work / f"out-{number}"
        out.mkdir(exist_ok=True)
        normalize_slice(piece, origin=origin, max_row_bytes=MAX_ROW_BYTES, out=out)


def _by_row(pieces: Sequence[tuple[RawSlice, Origin]]) -> None:
    for _ in _judged(pieces):
        pass


def _judged(pieces: Sequence[tuple[RawSlice, Origin]]) -> Iterator[object]:
    for piece, origin in pieces:
        for row in read_rows(piece, max_row_bytes=MAX_ROW_BYTES):
            yield judge(row, origin=origin, max_row_bytes=MAX_ROW_BYTES)
