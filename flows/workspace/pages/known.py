"""Every page that the workspace has: a page that joins is one import and one line here."""

from fastapi import APIRouter

from thinkmix.flows.workspace.pages import home, language, mixture, row, rows, version

ROUTERS: tuple[APIRouter, ...] = (
    home.router,
    language.router,
    mixture.router,
    version.router,
    rows.router,
    row.router,
)
