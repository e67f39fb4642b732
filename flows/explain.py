"""Why a row is where it is: its fate, the rows it was compared with, and the text they share."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl

from curation.normalize import compared_text
from curation.overlap import explain_pair
from flows.store import MANIFEST
from schemas.conversation import Message
from schemas.errors import StoreError
from schemas.manifest import Manifest
from schemas.reasons import Reason
from schemas.record import Record

_MATES = 20


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
    recipe = Manifest.model_validate_json((version / MANIFEST).read_bytes()).recipe
    compare = {source.name: source.compare for source in recipe.sources}
    mine, theirs = _messages(version, lost.id), _messages(version, lost.winner)
    winner = _fates(_all_fates(version).filter(id=lost.winner).collect())
    if mine is None or theirs is None or not winner:
        return None
    text = compared_text(mine, compare[lost.source])
    winner_text = compared_text(theirs, compare[winner[0].source])
    overlap = explain_pair(text, winner_text, shingle=recipe.dedup.shingle)
    return Comparison(text=text, winner_text=winner_text, jaccard=overlap.jaccard, shared=overlap.shared)


def _messages(version: Path, row_id: str) -> list[Message] | None:
    """Return a valid row's turns: from the mixture, from the rejects, or from the store's cache."""
    if rejected := _rejected(version, row_id):
        return _parsed(orjson.loads(rejected).get("messages"))
    cache = version.parent.parent.parent / ".cache" / "validate"
    for path in sorted(cache.glob("*/conversations.parquet")):
        found = _scan(path).filter(id=row_id).select("messages").head(1).collect()
        if found.height:
            return _parsed(found["messages"].to_list()[0])
    examples = _scan(*version.glob("train-*.parquet"), *version.glob("eval-*.parquet"))
    found = examples.filter(conversation_id=row_id).sort("turn").tail(1).select("messages").collect()
    return _parsed(found["messages"].to_list()[0]) if found.height else None


def _parsed(messages: list[dict[str, Any]] | None) -> list[Message] | None:
    """Return stored turns as records, whichever of our two forms they were stored in."""
    if not messages:
        return None
    return [
        Message.model_construct(
            role=message["role"],
            content=message["content"],
            reasoning=message.get("reasoning", message.get("reasoning_content")),
        )
        for message in messages
        if "role" in message
    ]


def _shown(version: Path, row_id: str) -> str | None:
    if rejected := _rejected(version, row_id):
        return rejected
    messages = _messages(version, row_id)
    return "\n".join(f"{message.role}: {message.content}" for message in messages) if messages else None


def _rejected(version: Path, row_id: str) -> str | None:
    """Return a dropped row whole, as JSON text."""
    for path in sorted((version / "rejects").glob("*.parquet")):
        found = _scan(path).filter(id=row_id).select("content").head(1).collect()
        if found.height:
            return str(found["content"][0])
    return None


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
