"""Training on a version, and its export to another trainer: started here, done by processes of their own."""

import os
import secrets
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.background import BackgroundTask

from thinkmix.curation.export.known import EXPORTERS
from thinkmix.flows.pages.training.page import PAGE
from thinkmix.flows.store.paths import reading
from thinkmix.flows.workspace.children import start
from thinkmix.flows.workspace.forms import changing
from thinkmix.flows.workspace.pages.version import OWN_POLICY
from thinkmix.flows.workspace.places import store_of, version_named
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import NotFound, RecipeError
from thinkmix.schemas.training import TrainPlan

router = APIRouter()

Fields = Annotated[Mapping[str, str], Depends(changing)]

METHODS = ("lora", "qlora4", "qlora8", "freeze", "full")

_FLAGS = {"max_steps": "--max-steps", "epochs": "--epochs", "rank": "--rank", "max_tokens": "--max-tokens"}
"""Numbers of a plan that the form asks for."""


@router.get("/m/{name}/v/{digest}/hand-over", response_class=HTMLResponse)
def hand_over(request: Request, name: str, digest: str) -> HTMLResponse:
    """Show the ways on from a version: train on it here, or write it for another trainer.

    Raises:
        NotFound: if there is no such version.
    """
    with reading(version_named(store_of(request), name, digest)) as folder:
        return show(
            request,
            "hand_over.html.jinja",
            name=name,
            digest=folder.name,
            methods=METHODS,
            numbers={field: getattr(TrainPlan(), field, None) for field in _FLAGS},
            exporters=[(kind.name, kind.sentence()) for kind in EXPORTERS],
        )


@router.post("/m/{name}/v/{digest}/train")
def train(request: Request, name: str, digest: str, fields: Fields) -> Response:
    """Start a training on a version.

    Raises:
        NotFound: if there is no such version.
        RecipeError: if a number is not one.
    """
    root = store_of(request).root
    folder = version_named(store_of(request), name, digest)
    output = _output(root, "trained", f"{name}-{folder.name[:8]}")
    command = ["train", str(folder), "--output", str(output), "--model", fields.get("model") or "tiny-random"]
    if fields.get("method", "lora") in METHODS:
        command += ["--method", fields.get("method", "lora")]
    for field, flag in _FLAGS.items():
        if value := fields.get(field, "").strip():
            if not value.isascii() or not value.isdecimal():
                msg = f"{field} is a whole number, and {value[:40]!r} is not"
                raise RecipeError(msg)
            command += [flag, value]
    after = f"/trained/{output.name}"
    return RedirectResponse(f"/run/{start(root, command, kind='train', title=name, after=after)}", 303)


@router.get("/trained/{output}", response_class=HTMLResponse)
def trained(request: Request, output: str) -> HTMLResponse:
    """Show the page that a training left beside its weights.

    Raises:
        NotFound: if nothing was made under this name.
    """
    folder = _made(store_of(request).root, "trained", output)
    page = folder / PAGE
    if not page.is_file():
        msg = f"the training {output!r} left no page"
        raise NotFound(msg)
    return HTMLResponse(page.read_text("utf-8"), headers=OWN_POLICY)


@router.post("/m/{name}/v/{digest}/export")
def export(request: Request, name: str, digest: str, fields: Fields) -> Response:
    """Start writing a version in the form of another trainer.

    Raises:
        NotFound: if there is no such version or trainer.
    """
    root = store_of(request).root
    folder, to = version_named(store_of(request), name, digest), fields.get("to", "")
    if to not in {kind.name for kind in EXPORTERS}:
        msg = f"there is no exporter {to[:60]!r}"
        raise NotFound(msg)
    output = _output(root, "exported", f"{name}-{folder.name[:8]}-{to}")
    command = ("export", str(folder), "--to", to, "--output", str(output))
    after = f"/exported/{output.name}"
    return RedirectResponse(f"/run/{start(root, command, kind='export', title=name, after=after)}", 303)


@router.get("/exported/{output}")
def exported(request: Request, output: str) -> FileResponse:
    """Send an export as a zip file.

    Raises:
        NotFound: if nothing was made under this name.
    """
    folder = _made(store_of(request).root, "exported", output)
    handle, packed = tempfile.mkstemp(prefix="thinkmix-", suffix=".zip")
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{output}/{path.relative_to(folder).as_posix()}")
    gone = BackgroundTask(Path(packed).unlink, missing_ok=True)
    return FileResponse(packed, filename=f"{output}.zip", media_type="application/zip", background=gone)


def _output(root: Path, kind: str, name: str) -> Path:
    """Return a folder that no other run writes: one appears only when its run is over."""
    return root / ".workspace" / kind / f"{name}-{secrets.token_hex(3)}"


def _made(root: Path, kind: str, name: str) -> Path:
    """Return a folder that a run of the workspace made.

    Raises:
        NotFound: if no folder has this name.
    """
    parent = root / ".workspace" / kind
    known = {path.name: path for path in parent.iterdir() if path.is_dir()} if parent.is_dir() else {}
    if name not in known:
        msg = f"nothing is there under {name[:100]!r}"
        raise NotFound(msg)
    return known[name]
