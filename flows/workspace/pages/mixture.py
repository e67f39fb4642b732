"""A mixture: what happened to it, run by run, and which versions lie in the store."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from thinkmix.flows.runs.listing import runs, versions
from thinkmix.flows.runs.standing import standing
from thinkmix.flows.workspace.places import mixture_named, store_of
from thinkmix.flows.workspace.show import show

router = APIRouter()

SHOWN = 50
"""Runs and versions on one page."""


@router.get("/m/{name}", response_class=HTMLResponse)
def mixture(request: Request, name: str, ended: str = "", page: int = 1) -> HTMLResponse:
    """Show how a mixture stands, its versions, and its runs, all or those that ended in one way.

    Raises:
        NotFound: if the store has no such mixture.
    """
    store = store_of(request)
    mixture_named(store, name)
    past = [run for run in runs(store, name) if ended in ("", run.ended)]
    page = min(max(page, 1), max(1, -(-len(past) // SHOWN)))
    return show(
        request,
        "mixture.html.jinja",
        name=name,
        standing=standing(store, name),
        building=store.building_since(name) is not None,
        versions=versions(store, name)[:SHOWN],
        runs=past[(page - 1) * SHOWN : page * SHOWN],
        total=len(past),
        page=page,
        pages=max(1, -(-len(past) // SHOWN)),
        ended=ended,
    )
