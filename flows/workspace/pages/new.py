"""A new mixture: from rows of one's own, a set on a hub, or a recipe that is there already."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import yaml
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import TypeAdapter, ValidationError

from thinkmix.flows.inspect.starting import start
from thinkmix.flows.recipe.recipes import load, shipped_recipes
from thinkmix.flows.store.atomic import make_folder
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.workspace.by_hand import by_hand
from thinkmix.flows.workspace.drafts import draft_of, save
from thinkmix.flows.workspace.forms import changing, check_token
from thinkmix.flows.workspace.places import store_of
from thinkmix.flows.workspace.recipes import own_recipes, recipe_folder
from thinkmix.flows.workspace.show import show
from thinkmix.flows.workspace.uploads import keep_upload, offered, picked
from thinkmix.schemas.errors import NotFound, RecipeError, SourceError
from thinkmix.schemas.patterns import Name

router = APIRouter()

_MOST = 64
"""Sources that one form begins with."""


@router.get("/new", response_class=HTMLResponse)
def new(request: Request) -> HTMLResponse:
    """Show what a mixture can be made from."""
    return _page(request, {})


def _page(request: Request, fields: Mapping[str, str], trouble: str = "") -> HTMLResponse:
    root = store_of(request).root
    return show(
        request,
        "new.html.jinja",
        status=400 if trouble else 200,
        fields=fields,
        trouble=trouble,
        shipped=sorted(shipped_recipes()),
        own=own_recipes(root),
        files=offered(root, request.app.state.folders),
    )


@router.post("/new")
def begin(request: Request, fields: Annotated[Mapping[str, str], Depends(changing)]) -> Response:
    """Write a recipe over what was chosen, and open it; what is wrong is said above the form."""
    try:
        name = _begin(store_of(request).root, request.app.state.folders, fields)
    except (RecipeError, SourceError, NotFound) as error:
        return _page(request, fields, str(error))
    return RedirectResponse(f"/recipe/{name}", status_code=303)


def _begin(root: Path, folders: Sequence[Path], fields: Mapping[str, str]) -> str:
    """Write a recipe and return its name.

    Raises:
        RecipeError: if the name cannot be one or is taken, nothing was chosen, or its rows have no format.
        SourceError: if a file, or a set on a hub, cannot be read.
        NotFound: if a file is not one of those that can be picked.
    """
    name = _new_name(root, fields.get("name", ""))
    target = recipe_folder(root) / f"{name}.yaml"
    if copied := fields.get("recipe"):
        save(root, draft_of(name, target, _copied(root, copied, name)), before="")
        return name
    files = [picked(root, folders, path) for path in _files(fields)]
    sets = fields.get("hub", "").split()
    if not files and not sets:
        msg = "choose a file, a set on a hub, or a recipe to begin with"
        raise RecipeError(msg)
    if len(files) + len(sets) > _MOST:
        msg = f"choose {_MOST} files and sets at most; the recipe can name patterns of files"
        raise RecipeError(msg)
    for set_id in sets:
        _refuse_path(set_id)
    with full_disk(root):
        make_folder(target.parent)
    try:
        start([*map(str, files), *sets], target)
    except RecipeError:
        text = None if sets else by_hand(name, files)
        if text is None:
            raise
        save(root, draft_of(name, target, text), before="")
        return name
    text = target.read_text("utf-8")
    begun = yaml.safe_load(text)["name"]
    target.write_text(text.replace(f"\nname: {begun}\n", f"\nname: {name}\n", 1), "utf-8")
    return name


@router.put("/upload", dependencies=[Depends(check_token)])
async def upload(request: Request, name: str) -> Response:
    """Keep a file that a person brings; its bytes are the body of the request.

    Raises:
        NotFound: if files of its kind cannot be read.
        StoreError: if it is too large.
    """
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isascii() and announced.isdecimal() else None
    kept = await keep_upload(store_of(request).root, name, request.stream(), announced=size)
    return JSONResponse({"name": kept.name, "path": str(kept)})


def _files(fields: Mapping[str, str]) -> list[str]:
    return [name.removeprefix("file:") for name in fields if name.startswith("file:")]


def _new_name(root: Path, name: str) -> str:
    """Return the name of a new mixture.

    Raises:
        RecipeError: if it cannot be one, or is taken.
    """
    try:
        name = TypeAdapter(Name).validate_python(name.strip())
    except ValidationError as error:
        msg = f"a mixture cannot be called {name.strip()!r}: {error.errors(include_url=False)[0]['msg']}"
        raise RecipeError(msg) from None
    if name in own_recipes(root) or name in shipped_recipes():
        msg = f"there is a recipe {name!r} already; take another name"
        raise RecipeError(msg)
    return name


def _copied(root: Path, named: str, name: str) -> str:
    """Return a known recipe under a new name, with the places of its files as they are from anywhere.

    Raises:
        RecipeError: if it is not known.
    """
    path = shipped_recipes().get(named) or own_recipes(root).get(named)
    if path is None:
        msg = f"there is no recipe {named!r} to begin with"
        raise RecipeError(msg)
    base = load(str(path)).base
    stated = yaml.safe_load(path.read_text("utf-8"))
    stated["name"] = name
    for source in stated.get("sources", []):
        if source.get("kind") == "local":
            source["files"] = [str((base / pattern).absolute()) for pattern in source["files"]]
    return str(yaml.safe_dump(stated, sort_keys=False, allow_unicode=True, width=110))


def _refuse_path(set_id: str) -> None:
    """Refuse what would be read as a file of this machine: those are picked from the list.

    Raises:
        RecipeError: if it is one.
    """
    if set_id.count("/") != 1 or set_id.startswith((".", "/", "~")) or Path(set_id).exists():
        msg = f"{set_id[:200]!r} is not the id of a set, which is organisation/name"
        raise RecipeError(msg)
