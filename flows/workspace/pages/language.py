"""The choice of a language: kept in a cookie, and back to the page where it was made."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from thinkmix.flows.workspace.show import LANGUAGE
from thinkmix.flows.workspace.words import LANGUAGES
from thinkmix.schemas.errors import NotFound

router = APIRouter()

_YEAR = 365 * 24 * 3600


@router.get("/language/{name}")
def choose(name: str, to: str = "/") -> RedirectResponse:
    """Keep the choice, which changes nothing but words.

    Raises:
        NotFound: for a language that there is no catalogue of.
    """
    if name not in LANGUAGES:
        msg = f"the workspace does not speak {name!r}; it speaks {', '.join(LANGUAGES.values())}"
        raise NotFound(msg)
    inside = to.startswith("/") and not to.startswith(("//", "/\\"))
    answer = RedirectResponse(to if inside else "/", status_code=303)
    answer.set_cookie(LANGUAGE, name, max_age=_YEAR, samesite="strict", httponly=True)
    return answer
