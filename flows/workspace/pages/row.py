"""A row: why is it in, or out, what it says, and the rows that it was compared with."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from thinkmix.curation.audit.worddiff import Highlight
from thinkmix.flows.inspect.explain import Explanation, explain
from thinkmix.flows.inspect.rows import Rows, sentence
from thinkmix.flows.workspace.places import rows_named, store_of
from thinkmix.flows.workspace.show import show

router = APIRouter()


class Piece(NamedTuple):
    """A stretch of a text, marked or not."""

    text: str
    marked: bool


@router.get("/m/{name}/v/{digest}/row/{row_id}", response_class=HTMLResponse)
def row(request: Request, name: str, digest: str, row_id: str) -> HTMLResponse:
    """Show a row by the first digits of its id.

    Raises:
        NotFound: if no such row exists, or more than one.
    """
    with rows_named(store_of(request), name, digest) as folder:
        found = explain(folder, row_id)
        rows = Rows(folder)
        said = rows.said([found.rows[0].id]).get(found.rows[0].id)
        examples = (
            rows.examples.filter(pl.col("conversation_id") == found.rows[0].id)
            .unique(["split", "turn"]).sort("turn", "split").collect().to_dicts()
        )  # fmt: skip
        return show(
            request,
            "row.html.jinja",
            name=name,
            digest=digest if digest.startswith("run-") else folder.name,
            found=found,
            outcome=found.rows[0],
            told=sentence(found.rows[0]),
            said=said,
            examples=examples,
            beside=list(_beside(found)),
        )


def _beside(found: Explanation) -> Iterator[dict[str, object]]:
    """Yield each text that the row was compared with, cut where the two differ."""
    for other in found.beside:
        yield {
            "other": other,
            "left": list(pieces(other.text, other.text_only)),
            "right": list(pieces(other.other, other.other_only)),
        }


def pieces(text: str, marks: Sequence[Highlight]) -> Iterator[Piece]:
    """Yield a text in stretches that are marked or not."""
    at = 0
    for start, end in marks:
        if start > at:
            yield Piece(text[at:start], marked=False)
        yield Piece(text[start:end], marked=True)
        at = end
    if at < len(text):
        yield Piece(text[at:], marked=False)
