"""Pages out of templates: everything escaped, in the language that the reader chose."""

import shlex
from functools import lru_cache

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from thinkmix.flows.pages.formatting import grouped, percent
from thinkmix.flows.pages.verdict import duration, moment
from thinkmix.flows.system.progress import size
from thinkmix.flows.workspace.curve import curve
from thinkmix.flows.workspace.words import LANGUAGES, Words, preferred
from thinkmix.schemas.plain import plain

LANGUAGE = "language"
"""Cookie that holds the language that the reader chose."""


def words_for(request: Request) -> Words:
    """Return the catalogue of the language that a reader chose, or that their browser prefers."""
    chosen = request.cookies.get(LANGUAGE) or preferred(request.headers.get("accept-language", ""))
    return Words(chosen)


def show(request: Request, template: str, *, status: int = 200, **facts: object) -> HTMLResponse:
    """Return a page.

    Args:
        request: whose answer it is.
        template: its name in `templates/workspace`.
        status: of the answer.
        facts: what it tells.
    """
    state = request.app.state
    page = (
        _environment()
        .get_template(template)
        .render(
            t=words_for(request),
            languages=LANGUAGES,
            address=str(request.url.path),
            here=f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
            form_token=state.access.form_token,
            read_only=state.read_only,
            store=state.store.root,
            curve=curve,
            **facts,
        )
    )
    return HTMLResponse(page, status_code=status)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("thinkmix.templates", "workspace"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "grouped": grouped,
        "percent": percent,
        "moment": moment,
        "duration": duration,
        "size": size,
        "clip": plain,
        "shell": shlex.quote,
    }
    return made
