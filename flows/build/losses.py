"""Why a source has no row left to sample from, in a sentence that says what to change."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from thinkmix.curation.read.encodings import SAMPLE, UNKNOWN, likely
from thinkmix.curation.read.read import first_rows
from thinkmix.curation.rules.known import Why, why
from thinkmix.curation.rules.own import own_sentences
from thinkmix.curation.validate.layouts import ROWS, suggest_format
from thinkmix.flows.build.jobs import Shard
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.files import PACKED, kind_of
from thinkmix.schemas.findings import Tally, total
from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.plain import plain
from thinkmix.schemas.reasons import Reason

if TYPE_CHECKING:
    from thinkmix.flows.build.known import Known

_REASONS = 4
_COLUMNS = 20
_LONGEST = 160
_NAME = 60

_SETTINGS: Mapping[str, str] = {
    Reason.WRONG_TYPE: "format",
    Reason.ROLE_UNKNOWN: "format",
    Reason.BAD_JSON: "format",
    Reason.TOO_BIG: "max_row_bytes",
    Reason.NOT_SELECTED: "select",
    Reason.EVAL_OVERLAP: "decontaminate",
    Reason.EXACT_DUP: "priority",
    Reason.NEAR_DUP: "priority",
    Reason.SOLUTION_CAP: "max_solutions_per_problem",
    Reason.THINK_MISSING: "thinking",
    Reason.THINK_UNEXPECTED: "thinking",
    Reason.THINK_UNOPENED: "unopened_trace",
    Reason.MODE_UNSUPPORTED: "template",
    Reason.TOO_LONG: "max_tokens",
}
"""The setting of a recipe that decides on a reason."""


class _Loss(NamedTuple):
    reason: Why
    detail: str
    place: str


def explain_empty_sources(known: "Known", ledger: Ledger, folder: Path) -> str | None:
    """Return why sources that have a share have no row left; None if all have some.

    Args:
        known: what the build found out.
        ledger: of the stages that were over.
        folder: where the build left the outcomes of its rows.
    """
    shares = known.recipe.mix.exact_shares()
    last = {count.source: count for count in ledger.stages}
    empty = [name for name, count in last.items() if shares.get(name) and not count.kept.rows]
    return " ".join(_why(known, ledger, folder, name) for name in empty) or None


def _why(known: "Known", ledger: Ledger, folder: Path, name: str) -> str:
    mine = [count for count in ledger.stages if count.source == name]
    shards = known.of(name)
    read = mine[0].read.rows
    if not read:
        files = ", ".join(dict.fromkeys(plain(shard.raw.piece.file, _NAME) for shard in shards[:_REASONS]))
        return f"{name}: its files hold no row ({files or 'there are no files'})."
    lost: Counter[str] = Counter()
    for count in mine:
        lost.update({reason: amount.rows for reason, amount in count.dropped.items() if amount.rows})
    ranked = lost.most_common()
    own = own_sentences(known.recipe.model_dump(mode="json"))
    first = _first(folder / "outcomes" / f"{name}.parquet", ranked[0][0], own)
    listed = [f"{reason} {rows:,}" for reason, rows in ranked[:_REASONS]]
    listed[0] += f" ({first.detail}; the first is {first.place})"
    more = f" and {len(ranked) - _REASONS} more reasons" if len(ranked) > _REASONS else ""
    said = [f"{name}: {read:,} of {read:,} rows dropped: {', '.join(listed)}{more}"]
    columns = next((list(found.types) for found in known.columns() if found.source == name), [])
    if columns:
        names = ", ".join(plain(column, _NAME) for column in columns[:_COLUMNS])
        beyond = f" and {len(columns) - _COLUMNS} more" if len(columns) > _COLUMNS else ""
        said.append(f"columns: {names}{beyond}")
    sentence = "; ".join([*said, *_hints(known, shards, first)])
    return sentence if sentence.endswith("?") else f"{sentence}."


def _first(path: Path, reason: str, own: Mapping[str, str]) -> _Loss:
    """Return the first row that was dropped for a reason; `own` are rules of users' files."""
    rows = pl.scan_parquet(path, glob=False).filter(pl.col("reason") == reason)
    detail, file, row = rows.select("detail", "file", "row").head(1).collect().row(0)
    known = why(reason, own)
    return _Loss(known, plain(detail or known.sentence, _LONGEST), f"{plain(file, _NAME)} row {row}")


def _hints(known: "Known", shards: Sequence[Shard], first: _Loss) -> Iterator[str]:
    """Yield what to change: the setting that decides, and the format or encoding that the rows have."""
    if setting := _SETTINGS.get(first.reason.value):
        yield f"see `{setting}:`"
    shard = next((one for one in shards if int(str(one.validated.result["rows"]))), shards[0])
    if found := _encodings(shards):
        yield _foreign(found)
        return
    with suppress(SourceError):
        if words := _suggest_format(shard, known.recipe.max_row_bytes):
            yield words


def _suggest_format(shard: Shard, max_row_bytes: int) -> str | None:
    """Return which format the first rows have, if it reads any of them, or why none does."""
    return suggest_format(
        shard.raw.origin, first_rows(shard.raw.piece, ROWS, max_row_bytes=max_row_bytes), max_row_bytes
    )


def recode(file: str, path: Path, encoding: str | None = None) -> str | None:
    """Return which `encoding` to state for a file of text, in words; None if it is in UTF-8, or packed."""
    found = None if encoding else guess_encoding(file, path)
    return _foreign([found]) if found else None


def guess_encoding(file: str, path: Path) -> str | None:
    """Return which encoding other than UTF-8 a file of text seems to have; None for packed files, too."""
    if kind_of(file) == "parquet" or file.lower().endswith(PACKED):
        return None
    try:
        with path.open("rb") as content:
            head = content.read(SAMPLE)
    except OSError:
        return None
    return None if _is_utf8(head) else likely(head)


def _is_utf8(head: bytes) -> bool:
    """Return whether the beginning of a file is text in UTF-8; its last character may be cut off."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == SAMPLE and error.start > SAMPLE - 4
    return True


def _foreign(encodings: Sequence[str]) -> str:
    """Return what to state for text that seems to have some encodings, the most frequent first."""
    named = [name for name in encodings if name != UNKNOWN]
    seems = f", it may be {named[0]}: say `encoding: {named[0]}`" if named else ": state its `encoding`"
    return f"the file is not UTF-8 text{seems}"


def _encodings(shards: Sequence[Shard]) -> list[str]:
    """Return which encodings the rows seem to have that are not UTF-8, the most frequent first."""
    found = total(Tally.model_validate(shard.validated.result["tally"]) for shard in shards).encodings
    return sorted(found, key=lambda name: (-found[name], name))
