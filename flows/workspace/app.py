"""The application: all pages over one store, behind the guard, with a page for each error."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException as MissingPage

from thinkmix.flows.store.store import Store
from thinkmix.flows.workspace.access import Access, Application, Guard
from thinkmix.flows.workspace.pages.known import ROUTERS
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import NotFound, StoreBusy, ThinkmixError

STATIC = {"htmx.min.js": "text/javascript", "workspace.js": "text/javascript"}
"""Files that pages load, with their kinds."""


def workspace(
    store: Store, access: Access, *, read_only: bool = False, folders: Sequence[Path] = ()
) -> Application:
    """Return the workspace over a store.

    Args:
        store: whose mixtures are shown.
        access: who may look.
        read_only: refuse everything that changes anything.
        folders: where rows may be picked from, besides the store's own uploads.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.store, app.state.access, app.state.read_only = store, access, read_only
    app.state.folders = tuple(folder.resolve() for folder in folders)
    app.add_api_route("/static/{name}", _static, methods=["GET"])
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(ThinkmixError, _failed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(MissingPage, _refused)
    return Guard(app, access)


def _static(name: str) -> Response:
    """Return a file that pages load; the style is that of the reports, and a little more."""
    root = files("thinkmix.templates")
    if name == "workspace.css":
        style = root.joinpath("pages/page/style.css.jinja").read_text("utf-8")
        more = root.joinpath("workspace/static/workspace.css").read_text("utf-8")
        return Response(style + more, media_type="text/css", headers=_KEPT)
    if name not in STATIC:
        raise HTTPException(404, f"there is no file {name!r}")
    content = root.joinpath("workspace/static", name).read_bytes()
    return Response(content, media_type=STATIC[name], headers=_KEPT)


_KEPT = {"Cache-Control": "private, max-age=600"}


def _failed(request: Request, error: Exception) -> Response:
    """Return the page of an error that a person can mend."""
    status = 404 if isinstance(error, NotFound) else 409 if isinstance(error, StoreBusy) else 400
    return show(request, "error.html.jinja", status=status, sentence=str(error))


def _refused(request: Request, error: Exception) -> Response:
    """Return the page of a request that cannot be answered."""
    assert isinstance(error, MissingPage)
    status = error.status_code
    words = f"there is no page at {request.url.path}" if error.detail == "Not Found" else error.detail
    page = show(request, "error.html.jinja", status=status, sentence=words)
    page.headers.update(error.headers or {})
    return page
