"""A mixture: what happened to it, run by run, and which versions lie in the store."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from thinkmix.flows.runs.listing import ListedVersion, runs, versions
from thinkmix.flows.runs.standing import Said, standing
from thinkmix.flows.store.store import Store
from thinkmix.flows.workspace.places import mixture_named, store_of
from thinkmix.flows.workspace.recipes import recipe_of
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import NotFound, StoreError

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
    recipe, no_recipe = _recipe(store.root, name)
    page = min(max(page, 1), max(1, -(-len(past) // SHOWN)))
    return show(
        request,
        "mixture.html.jinja",
        name=name,
        verdict=_verdict(store, name),
        building=store.building_since(name) is not None,
        versions=_versions(store, name),
        runs=past[(page - 1) * SHOWN : page * SHOWN],
        total=len(past),
        page=page,
        pages=max(1, -(-len(past) // SHOWN)),
        ended=ended,
        recipe=recipe,
        no_recipe=no_recipe,
    )


def _verdict(store: Store, name: str) -> Said:
    """Return what can be said of the mixture; damage is a verdict, not an error of the page."""
    try:
        return standing(store, name).verdict
    except StoreError as error:
        return Said(colour="bad", headline="There is no version to train on.", sentence=str(error))


def _versions(store: Store, name: str) -> tuple[ListedVersion, ...]:
    try:
        return versions(store, name)[:SHOWN]
    except StoreError:  # CURRENT names nothing, as the verdict says
        return ()


def _recipe(root: Path, name: str) -> tuple[str, str]:
    """Return how the recipe of a mixture is named, or why it cannot be built from here."""
    try:
        return recipe_of(root, name), ""
    except NotFound as error:
        return "", str(error)
