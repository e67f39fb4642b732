"""Why a row is where it is: its fate, the rows it was compared with, and the text they share."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curation.normalize import Origin, compared_text, judge, reopen
from curation.overlap import explain_pair
from curation.read import RawRow, slices
from flows.store import MANIFEST, Store
from schemas.conversation import Message
from schemas.errors import SourceError, StoreError
from schemas.manifest import Manifest
from schemas.reasons import Reason
from schemas.recipe import Recipe
from schemas.record import Record, parse_json

_MATES = 20
_ANY_SIZE = 2**62


class Fate(Record):
    """What became of one raw row."""

    id: str
    source: str
    file: str
    row: int
    stage: str | None
    reason: str | None
    detail: str | None
    cluster: str | None
    winner: str | None
    similarity: float | None
    examples: int
    drawn: int


class Comparison(Record):
    """A dropped row beside the row that stayed instead of it."""

    text: str
    winner_text: str
    jaccard: float
    shared: tuple[str, ...]
    """Passages of the row's text that the winner has, too."""


class Explanation(Record):
    """All that a version knows of a row id. Exact duplicates share an id, so there may be several rows."""

    rows: tuple[Fate, ...]
    mates: tuple[Fate, ...]
    """Other rows of the same cluster of near-duplicates, at most 20."""
    comparison: Comparison | None
    text: str | None
    """What the row says, where the version or the store's cache still holds it."""


def explain(version: Path, row_id: str) -> Explanation:
    """Return why the rows with this id, or with an id that starts so, are where they are.

    Raises:
        StoreError: if no row or more than one id matches.
    """
    fates = _all_fates(version)
    matching = fates.filter(pl.col("id").str.starts_with(_conversation_id(row_id))).collect()
    ids = matching["id"].unique().sort().to_list()
    if len(ids) != 1:
        found = f"{len(ids)} rows, among them {ids[0]} and {ids[1]}" if ids else "no row"
        msg = f"{found} of {version.name[:12]} has an id that starts with {row_id!r}"
        raise StoreError(msg)
    rows = _fates(matching)
    cluster = pl.lit(rows[0].cluster, dtype=pl.String)
    mates = fates.filter((pl.col("cluster") == cluster) & (pl.col("id") != ids[0]))
    return Explanation(
        rows=rows,
        mates=_fates(mates.sort("source", "file", "row").head(_MATES).collect()),
        comparison=_compare(version, rows),
        text=_shown(version, ids[0]),
    )


def sentence(fate: Fate) -> str:
    """Return a row's fate in words."""
    if fate.reason is None:
        return f"in the mixture, with {fate.drawn} of its {fate.examples} examples"
    words = f"left out at {fate.stage} as {fate.reason}: {Reason(fate.reason).sentence}"
    return f"{words} ({fate.detail})" if fate.detail else words


def _compare(version: Path, rows: tuple[Fate, ...]) -> Comparison | None:
    lost = next((row for row in rows if row.winner), None)
    if lost is None or lost.winner is None:
        return None
    recipe = _recipe(version)
    compare = {source.name: source.compare for source in recipe.sources}
    mine, theirs = _messages(version, lost.id), _messages(version, lost.winner)
    winner = _fates(_all_fates(version).filter(id=lost.winner).collect())
    if mine is None or theirs is None or not winner:
        return None
    text = compared_text(mine, compare[lost.source])
    winner_text = compared_text(theirs, compare[winner[0].source])
    overlap = explain_pair(text, winner_text, shingle=recipe.dedup.shingle)
    return Comparison(text=text, winner_text=winner_text, jaccard=overlap.jaccard, shared=overlap.shared)


def _messages(version: Path, row_id: str) -> tuple[Message, ...] | None:
    """Return a valid row's turns: from the dropped rows, from the source's file, or from the mixture.

    The mixture comes last: its examples end with the turn that is learned, and later ones may not be drawn.
    """
    if (rejected := _rejected(version, row_id)) and (found := _judged(version, *rejected)):
        return found
    if found := _reopened(version, row_id):
        return found
    examples = _scan(*version.glob("train-*.parquet"), *version.glob("eval-*.parquet"))
    rows = examples.filter(conversation_id=row_id).sort("turn").tail(1).select("messages").collect()
    return _published(rows["messages"].to_list()[0]) if rows.height else None


def _judged(version: Path, source: str, content: str) -> tuple[Message, ...] | None:
    """Return the turns of a row that is kept as JSON text."""
    try:
        values = parse_json(content)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    stated = next(stated for stated in _recipe(version).sources if stated.name == source)
    row = RawRow(0, values, None, "")
    found = judge(row, origin=Origin(stated, "", "", ""), max_row_bytes=_ANY_SIZE).conversation
    return found.messages if found else None


def _published(messages: list[dict[str, Any]]) -> tuple[Message, ...]:
    """Return the turns of an example as they were before they were published."""
    return tuple(
        Message.model_construct(
            role=message["role"], content=message["content"], reasoning=message["reasoning_content"]
        )
        for message in messages
    )


def _reopened(version: Path, row_id: str) -> tuple[Message, ...] | None:
    """Return the turns of a row of which the version knows only the place, if the file is still the same."""
    fate = _all_fates(version).filter(id=row_id).select("source", "file", "row").head(1).collect()
    if not fate.height:
        return None
    source, file, row = fate.row(0)
    recipe = _recipe(version)
    place = Store(version.parents[2]).places(recipe.name).get(source, {}).get(file)
    if place is None or not Path(place).is_file():
        return None
    stated = next(stated for stated in recipe.sources if stated.name == source)
    origin = Origin(stated, "", "", file)
    try:
        pieces = slices(file, Path(place), "")
        piece = next(piece for piece in pieces if piece.rows is None or row < piece.first_row + piece.rows)
        numbers = np.array([row])
        found = next(reopen(piece, numbers, origin=origin, max_row_bytes=recipe.max_row_bytes))
    except (SourceError, StopIteration):
        return None
    return found.messages if found.id == row_id else None


def _shown(version: Path, row_id: str) -> str | None:
    if rejected := _rejected(version, row_id):
        return rejected[1]
    messages = _messages(version, row_id)
    return "\n".join(f"{message.role}: {message.content}" for message in messages) if messages else None


def _rejected(version: Path, row_id: str) -> tuple[str, str] | None:
    """Return the source of a dropped row, and the row whole, as JSON text."""
    for path in sorted((version / "rejects").glob("*.parquet")):
        found = _scan(path).filter(id=row_id).select("source", "content").head(1).collect()
        if found.height:
            return found.row(0)
    return None


def _recipe(version: Path) -> Recipe:
    return Manifest.model_validate_json((version / MANIFEST).read_bytes()).recipe


def _all_fates(version: Path) -> pl.LazyFrame:
    return _scan(*sorted((version / "fates").glob("*.parquet")))


def _scan(*paths: Path) -> pl.LazyFrame:
    """Return the rows of files whose names are meant as they are, never as patterns."""
    return pl.scan_parquet(list(paths), glob=False)


def _fates(frame: pl.DataFrame) -> tuple[Fate, ...]:
    return tuple(Fate(**row) for row in frame.select(list(Fate.model_fields)).to_dicts())


def _conversation_id(row_id: str) -> str:
    """Return the row id within the id of an example (`<row>-<turn>`, `<row>-<turn>#2`)."""
    return row_id.partition("-")[0]
