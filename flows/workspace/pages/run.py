"""A run: how far is it, what it said, and how it ended; closing the page stops nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from threading import BoundedSemaphore
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from thinkmix.flows.workspace.children import child, children, start, stop
from thinkmix.flows.workspace.forms import changing
from thinkmix.flows.workspace.places import mixture_named, store_of
from thinkmix.flows.workspace.recipes import recipe_of
from thinkmix.flows.workspace.show import show

router = APIRouter()

STREAMS = 48
"""Pages that may wait for news at once; the next one is refused, and asks again by itself."""

_EVERY = 0.5
"""Seconds between two looks at a run."""

_LISTED = 50

_places = BoundedSemaphore(STREAMS)


@router.get("/runs", response_class=HTMLResponse)
def runs(request: Request) -> HTMLResponse:
    """Show what was started from the workspace, the newest first."""
    root = store_of(request).root
    return show(request, "runs.html.jinja", found=[child(root, name) for name in children(root)[:_LISTED]])


@router.get("/run/{name}", response_class=HTMLResponse)
def run(request: Request, name: str) -> HTMLResponse:
    """Show a run.

    Raises:
        NotFound: if it is not known.
    """
    template = "progress.html.jinja" if request.headers.get("hx-request") else "run.html.jinja"
    return show(request, template, one=child(store_of(request).root, name))


@router.get("/run/{name}/events")
def events(request: Request, name: str) -> Response:
    """Send the part of the page that changes whenever it has changed, until the run is over.

    Raises:
        HTTPException: 503 if as many pages wait already as may.
        NotFound: if the run is not known.
    """
    child(store_of(request).root, name)
    if not _places.acquire(blocking=False):
        why = "too many pages wait for news; this one asks again"
        raise HTTPException(503, why, headers={"Retry-After": "5"})
    return _News(_news(request, name), media_type="text/event-stream")


class _News(StreamingResponse):
    """News that give their place back however they end, even if nobody read any."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            _places.release()


async def _news(request: Request, name: str) -> AsyncIterator[str]:
    last = ""
    while True:
        one = await run_in_threadpool(child, store_of(request).root, name)
        told = bytes(show(request, "progress.html.jinja", one=one).body).decode()
        if told != last:
            last = told
            yield "".join(f"data: {line}\n" for line in told.splitlines()) + "\n"
        else:
            yield ": still here\n\n"  # by which a page that is gone is noticed
        if one.status != "running":
            yield "event: over\ndata: over\n\n"
            return
        await asyncio.sleep(_EVERY)


@router.post("/run/{name}/stop")
def stop_run(
    request: Request, name: str, fields: Annotated[Mapping[str, str], Depends(changing)]
) -> Response:
    """Ask a run to end; what it published before stays.

    Raises:
        NotFound: if it is not known, or over.
    """
    stop(store_of(request).root, name)
    return RedirectResponse(f"/run/{name}", status_code=303)


@router.post("/m/{name}/build")
def build(request: Request, name: str, fields: Annotated[Mapping[str, str], Depends(changing)]) -> Response:
    """Start a build of a mixture whose recipe the workspace knows.

    Raises:
        NotFound: if there is no such mixture, or its recipe is not known.
    """
    store = store_of(request)
    mixture_named(store, name)
    command = ("build", recipe_of(store.root, name), "--store", str(store.root))
    started = start(store.root, command, kind="build", title=name, after=f"/m/{name}")
    return RedirectResponse(f"/run/{started}", status_code=303)
