"""A recipe: what should be built, as a form and as YAML beside it, and what its rows would come to."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from thinkmix.curation.audit.preview import Preview
from thinkmix.curation.gates.known import GATES
from thinkmix.curation.rules.known import RULES
from thinkmix.curation.sample import mix
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.flows.inspect.checking import Check
from thinkmix.flows.workspace.children import start
from thinkmix.flows.workspace.drafts import Draft, columns_asked, draft_of, open_draft, restate, save
from thinkmix.flows.workspace.forms import changing
from thinkmix.flows.workspace.looks import forget, look
from thinkmix.flows.workspace.places import store_of
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.formats.recognition import FORMATS
from thinkmix.templates.chat.families.known import FAMILIES

router = APIRouter()

Fields = Annotated[Mapping[str, str], Depends(changing)]


class Part(NamedTuple):
    """What one source gives to the mixture, each figure as a part of the whole."""

    source: str
    examples: float
    tokens: float
    trainable: float
    weight: float
    """Of the loss, if a trainer averages over examples: each example counts as much, however long."""


class Figures(NamedTuple):
    """What a mixture would come to."""

    parts: list[Part]
    unit: str
    size: int
    limited_by: str
    examples: float
    tokens: float


@router.get("/recipe/{name}", response_class=HTMLResponse)
def recipe(request: Request, name: str) -> HTMLResponse:
    """Show a recipe for editing.

    Raises:
        NotFound: if the workspace has none of this name.
    """
    return _page(request, open_draft(store_of(request).root, name))


@router.get("/recipe/{name}/look", response_class=HTMLResponse)
def look_at(request: Request, name: str) -> HTMLResponse:
    """Show what the first rows look like; while it is not known yet, the page asks again.

    Raises:
        NotFound: if the workspace has none of this name.
    """
    draft = open_draft(store_of(request).root, name)
    seen = look(store_of(request).root, draft.path)
    facts = _figures(draft.stated.get("mix", {}), seen.check) if seen.check else None
    return show(request, "look.html.jinja", draft=draft, look=seen, figures=facts)


@router.post("/recipe/{name}/figures", response_class=HTMLResponse)
def figures(request: Request, name: str, fields: Fields) -> HTMLResponse:
    """Show what the shares of a form would come to; nothing is written.

    Raises:
        NotFound: if the workspace has none of this name.
    """
    root = store_of(request).root
    draft = open_draft(root, name)
    seen = look(root, draft.path)
    changed = draft_of(name, draft.path, restate(draft.stated, fields))
    facts = _figures(changed.stated.get("mix", {}), seen.check) if seen.check else None
    return show(request, "figures.html.jinja", figures=facts, trouble=changed.trouble)


@router.post("/recipe/{name}")
def change(request: Request, name: str, fields: Fields) -> Response:
    """Save a recipe as a form or its YAML says, or show why not with all that was typed.

    Raises:
        NotFound: if the workspace has none of this name.
    """
    root = store_of(request).root
    draft = open_draft(root, name)
    text = fields["yaml"].replace("\r\n", "\n") if "yaml" in fields else restate(draft.stated, fields)
    changed = draft_of(name, draft.path, text)
    try:
        save(root, changed, before=fields.get("before", ""))
    except RecipeError as error:
        return _page(request, changed, trouble=str(error), before=fields.get("before", ""), status=409)
    if fields.get("then") == "build":
        command = ("build", str(draft.path), "--store", str(root))
        mixture = str(changed.stated.get("name", name))
        return RedirectResponse(
            f"/run/{start(root, command, kind='build', title=mixture, after=f'/m/{mixture}')}",
            status_code=303,
        )
    return RedirectResponse(f"/recipe/{name}", status_code=303)


@router.post("/recipe/{name}/again")
def look_again(request: Request, name: str, fields: Fields) -> Response:
    """Look at the rows again, because files have changed.

    Raises:
        NotFound: if the workspace has none of this name.
    """
    open_draft(store_of(request).root, name)
    forget(store_of(request).root)
    return RedirectResponse(f"/recipe/{name}", status_code=303)


def _page(
    request: Request, draft: Draft, *, trouble: str = "", before: str = "", status: int = 200
) -> HTMLResponse:
    root = store_of(request).root
    seen = look(root, draft.path) if not trouble else None
    columns = {one.name: one.columns for one in seen.check.sources} if seen and seen.check else {}
    facts = _figures(draft.stated.get("mix", {}), seen.check) if seen and seen.check else None
    return show(
        request,
        "recipe.html.jinja",
        status=status,
        draft=draft,
        trouble=trouble or draft.trouble,
        before=before or draft.digest,
        look=seen,
        columns=columns,
        figures=facts,
        asked=columns_asked,
        formats=[format.model_fields["type"].default for format in FORMATS],
        families=list(FAMILIES),
        rules=[(rule.name, rule.sentence) for rule in RULES],
        gates=[(gate.name, (gate.__doc__ or "").partition("\n")[0]) for gate in GATES],
        action=_action,
    )


def _action(settings: Mapping[str, object] | None, name: str) -> str:
    """Return what a recipe says that a rule or gate does; empty if it says nothing."""
    stated = (settings or {}).get(name, "")
    if isinstance(stated, Mapping):
        stated = stated.get("action", "")
    return "off" if stated is False else str(stated)


def _figures(stated: Mapping[str, object], seen: Check) -> Figures | None:
    """Return what a mixture of these shares would come to; None if they are wrong, or a source is empty."""
    try:
        plan = MixPlan.model_validate(stated)
    except ValidationError:
        return None
    sources = {one.name: one.preview for one in seen.sources}
    shares = plan.exact_shares()
    if set(shares) != set(sources) or any(shares[name] and not one.examples for name, one in sources.items()):
        return None
    supply = {one.name: round(one.preview.per_row(plan.unit) * one.rows) for one in seen.sources}
    source, largest = mix.bounding_source(plan, supply)
    bounded = plan.size is not None and (plan.size < largest or plan.when_short == "repeat")
    size = (plan.size or largest) if bounded else largest
    made = {
        name: _amounts(Fraction(size) * share, sources[name].amount(plan.unit), sources[name])
        for name, share in shares.items()
    }
    examples, tokens, trainable = (sum(one[place] for one in made.values()) or 1.0 for place in range(3))
    parts = [
        Part(name, one[0] / examples, one[1] / tokens, one[2] / trainable, weight=one[0] / examples)
        for name, one in made.items()
    ]
    return Figures(parts, plan.unit, size, "size" if bounded else source, examples, tokens)


def _amounts(units: Fraction, per: int, seen: Preview) -> tuple[float, float, float]:
    """Return examples, tokens and trainable tokens of an amount of a source."""
    times = float(units) / max(1, per)
    return seen.examples * times, seen.tokens * times, seen.trainable_tokens * times
