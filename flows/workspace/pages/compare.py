"""Two versions beside each other: which rows moved, and what caused it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from thinkmix.flows.pages.report.sections import because, difference
from thinkmix.flows.runs.diff import diff
from thinkmix.flows.store.paths import reading
from thinkmix.flows.workspace.places import store_of, version_named
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import NotFound

router = APIRouter()

_MOVES = 60
"""Most moves that are shown; the smaller ones are counted."""


@router.get("/m/{name}/compare", response_class=HTMLResponse)
def compare(request: Request, name: str, before: str = "", after: str = "current") -> HTMLResponse:
    """Show what differs between two versions of a mixture.

    Raises:
        NotFound: if one of them is not there, or none is named.
    """
    store = store_of(request)
    if not before:
        msg = f"name two versions of {name} to compare"
        raise NotFound(msg)
    with (
        reading(version_named(store, name, before)) as older,
        reading(version_named(store, name, after)) as later,
    ):
        return show(
            request,
            "compare.html.jinja",
            name=name,
            changes=diff(older, later),
            because=because,
            difference=difference,
            most=_MOVES,
        )
