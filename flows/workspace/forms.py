"""Forms that people send: read within a bound, and refused without the token that the page gave them."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs

from fastapi import HTTPException, Request

LIMIT = 1_000_000
"""Most bytes of a form: a recipe fits many times."""

FIELD, HEADER = "form_token", "x-form-token"
"""Where the token is: in a field of a form, or in a header of a request that a script makes."""


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; of one that is sent several times the last.

    Raises:
        HTTPException: 413 for one beyond `LIMIT`, 400 for bytes that are not a form.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT:
            raise HTTPException(413, "this form is larger than one million bytes")
    try:
        fields = parse_qs(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=5000
        )
    except (UnicodeDecodeError, ValueError):
        raise HTTPException(400, "this is not a form that a page of this workspace sent") from None
    return {name: values[-1] for name, values in fields.items()}


async def changing(request: Request) -> Mapping[str, str]:
    """Return the fields of a form that changes something, if a page of this start sent it.

    Every route that changes anything depends on it; `tests/flows/workspace` looks at all of them.

    Raises:
        HTTPException: 403 without the token, 409 in a workspace that only shows.
    """
    fields = await read_form(request)
    check_token(request, fields.get(FIELD, ""))
    return fields


def check_token(request: Request, given: str = "") -> None:
    """Refuse what does not come from a form of this start, or changes anything where nothing may change.

    Raises:
        HTTPException: 403 without the token, 409 in a workspace that only shows.
    """
    given = given or request.headers.get(HEADER, "")
    if not hmac.compare_digest(given.encode(), request.app.state.access.form_token.encode()):
        raise HTTPException(403, "this form is of an earlier start; load the page again")
    if request.app.state.read_only:
        raise HTTPException(409, "this workspace only shows: it was started with --read-only")
