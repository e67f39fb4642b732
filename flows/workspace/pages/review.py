"""The review queue: one row after the other, and whether its outcome is right in the eyes of a person."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from thinkmix.flows.inspect.review import Review, answer, open_review
from thinkmix.flows.store.paths import reading
from thinkmix.flows.workspace.forms import changing
from thinkmix.flows.workspace.places import store_of, version_named
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import NotFound
from thinkmix.schemas.review import Question, opinions_on

router = APIRouter()

WHO = "who"
"""Cookie that keeps the name of the person who judges."""


@router.get("/m/{name}/v/{digest}/review", response_class=HTMLResponse)
def review(request: Request, name: str, digest: str, at: int | None = None, rule: str = "") -> HTMLResponse:
    """Show the next row that nobody has judged, or the row at a place of the queue.

    Raises:
        NotFound: if there is no such version or rule, or the rule has no hit.
    """
    with reading(version_named(store_of(request), name, digest)) as folder:
        found, questions = _queue(folder, rule)
        place = _place(questions, at)
        question = questions[place] if questions else None
        return show(
            request,
            "review.html.jinja",
            name=name,
            digest=folder.name,
            rule=rule,
            at=place,
            question=question,
            opinions=opinions_on(question.reason) if question else (),
            total=len(questions),
            judged=sum(bool(one.verdict) for one in questions),
            score=found.score(),
            who=request.cookies.get(WHO, ""),
        )


@router.post("/m/{name}/v/{digest}/review")
def judge(
    request: Request, name: str, digest: str, fields: Annotated[Mapping[str, str], Depends(changing)]
) -> Response:
    """Keep a verdict on a row of the queue, and go on to the next one.

    Raises:
        NotFound: if the row is not in the queue, or nobody can say that of it.
    """
    rule, verdict, who = (fields.get(field, "") for field in ("rule", "verdict", "who"))
    with reading(version_named(store_of(request), name, digest)) as folder:
        _, questions = _queue(folder, rule)
        asked = [one for one in questions if (one.id, one.reason) == (fields.get("id"), fields.get("reason"))]
        if not asked or verdict not in (known := opinions_on(asked[0].reason)):
            msg = "this row is not in the queue" if not asked else f"say one of {', '.join(known)}"
            raise NotFound(msg)
        answer(folder, asked[0], verdict, who=who or None)
    back = RedirectResponse(_address(name, digest, rule), status_code=303)
    if who:
        back.set_cookie(WHO, who[:100].encode("ascii", "replace").decode(), samesite="strict", httponly=True)
    return back


def _queue(folder: Path, rule: str) -> tuple[Review, list[Question]]:
    found = open_review(folder.resolve(), rules=(rule,) if rule else ())
    return found, found.questions()


def _place(questions: list[Question], at: int | None) -> int:
    """Return the place that is shown: the one that is asked for, or the first one without a verdict."""
    if at is not None:
        return min(max(at, 0), max(0, len(questions) - 1))
    return next((place for place, one in enumerate(questions) if not one.verdict), max(0, len(questions) - 1))


def _address(name: str, digest: str, rule: str) -> str:
    return f"/m/{name}/v/{digest}/review" + (f"?{urlencode({'rule': rule})}" if rule else "")
