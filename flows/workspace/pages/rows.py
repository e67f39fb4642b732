"""Rows of a version, or of a run that made none: filtered, searched, sorted, page by page."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from thinkmix.flows.inspect.row_index import Choices, Filter, choices, find_rows
from thinkmix.flows.workspace.places import rows_named, store_of
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import NotFound

router = APIRouter()

PAGE = 50
"""Rows on one page."""


@router.get("/m/{name}/v/{digest}/rows", response_class=HTMLResponse)
def rows(request: Request, name: str, digest: str) -> HTMLResponse:
    """Show the rows that match what the address says; every state of the page is an address.

    Raises:
        NotFound: if there is no such version, or the address asks for what no row can be.
    """
    wanted, page = stated_filter(request)
    with rows_named(store_of(request), name, digest) as folder:
        found = find_rows(folder, wanted, first=(page - 1) * PAGE, count=PAGE)
        known = choices(folder)
        return show(
            request,
            "list.html.jinja" if request.headers.get("hx-request") else "rows.html.jinja",
            name=name,
            digest=digest if digest.startswith("run-") else folder.name,
            wanted=wanted,
            known=known,
            found=found,
            page=page,
            pages=max(1, -(-found.total // PAGE)),
            link=_linker(wanted),
            relaxed=_relaxed(folder, wanted) if not found.total else [],
            lists=_lists(known),
        )


def stated_filter(request: Request) -> tuple[Filter, int]:
    """Return which rows an address asks for, and which page of them, counted from 1.

    Raises:
        NotFound: if it asks for what no row can be.
    """
    stated = {name: value for name, value in request.query_params.items() if value}
    try:
        page = max(1, int(stated.pop("page", "1")))
        return Filter.model_validate(stated), page
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        msg = f"rows cannot be asked for like this: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise NotFound(msg) from None
    except ValueError:
        msg = "pages are numbers, from 1"
        raise NotFound(msg) from None


def query(wanted: Filter, **changed: object) -> str:
    """Return the part of an address that asks for these rows; empty for all."""
    stated = {**wanted.model_dump(), **changed}
    return urlencode({name: value for name, value in stated.items() if value not in ("", None)})


def _linker(wanted: Filter) -> Callable[..., str]:
    """Return what makes the address of the same rows with something changed."""
    return lambda **changed: f"?{query(wanted, **changed)}"


def _relaxed(folder: Path, wanted: Filter) -> list[tuple[str, int]]:
    """Return how many rows match without each of the conditions: which one to take away."""
    stated = [
        name for name, value in wanted.model_dump().items() if value not in ("", None) and name != "sort"
    ]
    blank = Filter()
    counted = [
        (name, find_rows(folder, wanted.model_copy(update={name: getattr(blank, name)}), count=0).total)
        for name in stated
    ]
    return [(name, total) for name, total in counted if total]


def _lists(known: Choices) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return the conditions that are chosen from a list, each with its values and their rows."""
    return [
        (name, list(getattr(known, name).items()))
        for name in ("source", "outcome", "reason", "rule", "mode", "language")
        if getattr(known, name)
    ]
