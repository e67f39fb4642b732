"""Finding a row by what a person has of it: the first digits of its id, or a piece of its text."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from thinkmix.flows.inspect.rows import Rows, check_text
from thinkmix.schemas.errors import NotFound

MOST = 20
"""Rows of one text that are told apart; a word that thousands hold is no way to find one of them."""

NEAR = 0.4
"""Least Jaccard similarity of a row that is offered where no row holds the text itself."""

_LENGTHS = 3  # texts of which one has over three times the bytes of the other are never that near


class Found(NamedTuple):
    """The rows that match, the best one first, and how they were found."""

    ids: tuple[str, ...]
    how: str
    exact: bool
    """Whether they hold what was asked for; if not, they are only near it."""


def by_id(rows: Rows, start: str) -> str:
    """Return the one row id that is `start` or starts so; ids of examples mean their row.

    Raises:
        NotFound: if no row or more than one id matches.
    """
    prefix = check_text(start).partition("-")[0]  # an example's is <row>-<turn>, of a copy <row>-<turn>#2
    matching = rows.outcomes.filter(pl.col("id").str.starts_with(prefix)).select(pl.col("id").unique())
    ids = matching.collect()["id"].sort().to_list()
    if len(ids) != 1:
        told = f"of {rows.version.name[:12]}"
        msg = f"no row {told} has an id that starts with {start!r}"
        if ids:
            known = f"{ids[0]} and {ids[1]}"
            msg = f"{len(ids)} rows {told} have an id that starts with {start!r}, among them {known}"
        raise NotFound(msg)
    return str(ids[0])


def by_text(rows: Rows, text: str) -> Found:
    """Return the rows that hold a text, or, if there is none, those whose compared text is nearest to it.

    Looked through are the rows that were dropped, the published examples, and what was compared of every
    valid row, as long as the store's cache has it; so an answer of a row that was not sampled is not found.

    Raises:
        NotFound: if the text is empty, or no row is anywhere near it.
    """
    text = check_text(text.strip())
    if not text:
        msg = "no text to look for"
        raise NotFound(msg)
    compared = _known(rows, _holding(rows, text))
    whole = compared["text"].str.strip_chars() == text
    ways = {
        "it is the whole text that rows are compared by": compared.filter(whole)["id"].to_list(),
        "dropped rows hold it": _dropped(rows, text),
        "rows of the mixture hold it": _sampled(rows, text),
        "it is in the text that rows are compared by": compared.filter(~whole)["id"].to_list(),
    }
    if ids := tuple(dict.fromkeys(row for found in ways.values() for row in found)):
        return Found(ids[:MOST], "; ".join(how for how, found in ways.items() if found), exact=True)
    return _near(rows, text)


def _dropped(rows: Rows, text: str) -> list[str]:
    """Return dropped rows that hold the text: as it is, or as JSON writes it."""
    written = {text, *(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True))}
    holds = pl.any_horizontal(
        pl.col("content").str.contains(piece, literal=True) for piece in sorted(written)
    )
    return _first(rows.rejects.filter(holds), "id")


def _sampled(rows: Rows, text: str) -> list[str]:
    """Return rows of the mixture whose examples hold the text."""
    holds = pl.any_horizontal(
        pl.col(side).str.contains(text, literal=True) for side in ("completion", "prompt")
    )
    return _first(rows.examples.filter(holds), "conversation_id")


def _first(rows: pl.LazyFrame, column: str) -> list[str]:
    found = rows.select(column).head(MOST * 8).collect()[column]  # a row may have many examples
    return found.unique(maintain_order=True).head(MOST).to_list()


def _holding(rows: Rows, text: str) -> pl.DataFrame:
    """Return id and compared text of valid rows that hold the text there."""
    parts = [
        keys.filter(pl.col("text").str.contains(text, literal=True)).head(MOST).collect()
        for keys in _compared(rows)
    ]
    return pl.concat([_none(), *parts])


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={"id": pl.String(), "text": pl.String()})


def _compared(rows: Rows) -> Iterator[pl.LazyFrame]:
    """Yield id and compared text of valid rows, slice by slice, as the store's cache holds them.

    Slices of other builds are among them. Without a cache: the first questions of the mixture.
    """
    paths = sorted((rows.store.root / ".cache" / "validate").glob("*/keys.parquet"))
    for path in paths:
        yield pl.scan_parquet(path, glob=False).select("id", "text")
    if not paths:
        asked = pl.element().filter(pl.element().struct.field("role") == "user").first()
        question = pl.col("messages").list.eval(asked).list.first().struct.field("content")
        yield rows.examples.select(id="conversation_id", text=question)


def _known(rows: Rows, found: pl.DataFrame) -> pl.DataFrame:
    """Return those of the rows that the version knows, each once."""
    ids = found["id"].unique().sort().to_list()
    known = rows.outcomes.filter(pl.col("id").is_in(ids)).select(pl.col("id").unique()).collect()
    return found.unique("id", maintain_order=True).join(known, on="id", how="semi", maintain_order="left")


def _near(rows: Rows, text: str) -> Found:
    """Return the rows whose compared text is nearest, by the Jaccard similarity that decides on duplicates.

    Raises:
        NotFound: if none is near.
    """
    from thinkmix.curation.text.shingles import shingle_hashes  # noqa: PLC0415 - brings numba, which the other ways spare

    shingle = rows.recipe.dedup.shingle
    wanted, _ = shingle_hashes(pl.Series([text]), shingle=shingle)
    size = len(text.encode())
    near = [_none().with_columns(jaccard=pl.lit(0.0))]
    for keys in _compared(rows):
        like = pl.col("text").str.len_bytes().is_between(size // _LENGTHS, size * _LENGTHS)
        texts = keys.filter(like).collect()
        hashes, offsets = shingle_hashes(texts["text"], shingle=shingle)
        shared = np.concatenate([[0], np.cumsum(np.isin(hashes, wanted))])[offsets]
        both = np.diff(shared)
        either = np.diff(offsets) + len(wanted) - both
        jaccard = pl.Series(both / np.maximum(either, 1))
        near.append(texts.with_columns(jaccard=jaccard).filter(pl.col("jaccard") >= NEAR))
    found = _known(rows, pl.concat(near).sort(["jaccard", "id"], descending=[True, False]).head(MOST * 8))
    if not found.height:
        msg = (
            f"no row of {rows.version.name[:12]} holds this text, and none is compared by one that is near it"
        )
        raise NotFound(msg)
    how = f"no row holds it; the nearest compared text has Jaccard {found['jaccard'][0]:.3f}"
    return Found(tuple(found["id"].head(MOST).to_list()), how, exact=False)
