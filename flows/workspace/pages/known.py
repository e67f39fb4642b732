"""Every page that the workspace has: a page that joins is one import and one line here."""

from fastapi import APIRouter

from thinkmix.flows.workspace.pages import (
    compare,
    decide,
    hand_over,
    home,
    language,
    mixture,
    new,
    recipe,
    review,
    row,
    rows,
    run,
    version,
)

ROUTERS: tuple[APIRouter, ...] = (
    compare.router,
    decide.router,
    hand_over.router,
    home.router,
    language.router,
    mixture.router,
    new.router,
    recipe.router,
    review.router,
    version.router,
    rows.router,
    run.router,
    row.router,
)
