"""Decisions on a version: approve one that is blocked, or return to an earlier one, each with a reason."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from thinkmix.flows.runs.approve import approve
from thinkmix.flows.runs.rollback import rollback
from thinkmix.flows.workspace.forms import changing
from thinkmix.flows.workspace.places import mixture_named, store_of, version_named

router = APIRouter()

Fields = Annotated[Mapping[str, str], Depends(changing)]


@router.post("/m/{name}/v/{digest}/approve")
def approve_version(request: Request, name: str, digest: str, fields: Fields) -> Response:
    """Make a blocked version current, and record who wanted it and why.

    Raises:
        NotApproved: if it is not blocked, or the reason says nothing.
    """
    folder = version_named(store_of(request), name, digest)
    approve(folder, why=fields.get("why", ""), by=fields.get("by") or None)
    return RedirectResponse(f"/m/{name}/v/{folder.name}", status_code=303)


@router.post("/m/{name}/v/{digest}/rollback")
def return_to(request: Request, name: str, digest: str, fields: Fields) -> Response:
    """Make an earlier good version current again, and record who wanted it and why.

    Raises:
        NotRolledBack: if it is not good, is current already, or the reason says nothing.
    """
    store = store_of(request)
    folder = version_named(store, name, digest)
    rollback(mixture_named(store, name), folder.name, why=fields.get("why", ""), by=fields.get("by") or None)
    return RedirectResponse(f"/m/{name}", status_code=303)
