"""The work of validation on one slice, into the folder that it is given."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from thinkmix.curation.read.read import RawSlice
from thinkmix.curation.validate import rowwise
from thinkmix.curation.validate.profile import Profile
from thinkmix.schemas.left_out import LeftOut


def validate(
    out: Path, piece: RawSlice, origin: rowwise.Origin, max_row_bytes: int, left_out: Sequence[LeftOut]
) -> dict[str, object]:
    """Write `keys.parquet` and `rejects.parquet` of a slice (schemas `tables.KEYS` and `tables.REJECTS`)."""
    profile = Profile()
    seen = rowwise.validate_slice(
        piece,
        origin=origin,
        max_row_bytes=max_row_bytes,
        out=out,
        profile=profile,
        left_out={row.row: row.detail for row in left_out},
    )
    piece.check_unchanged()
    return {
        rowwise.STAGE: seen.rows.model_dump(),
        "rows": seen.rows.read.rows,
        "columns": profile.part().model_dump(),
        "turns": seen.turns.model_dump(),
        "tally": seen.tally.model_dump(),
    }


def try_rows(
    piece: RawSlice,
    origin: rowwise.Origin,
    max_row_bytes: int,
    left_out: Sequence[LeftOut],
    first: int,
    last: int,
) -> int:
    """Judge the rows from `first` to before `last`, and keep nothing; return how many there are."""
    with TemporaryDirectory() as out:
        seen = rowwise.validate_slice(
            piece,
            origin=origin,
            max_row_bytes=max_row_bytes,
            out=Path(out),
            profile=Profile(),
            left_out={row.row: row.detail for row in left_out},
            only=range(first, last),
        )
    return seen.rows.read.rows
