"""Whom this machine can reach: the hubs, and the Prefect server if one is configured."""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from thinkmix.flows.cli.doctor.finding import Finding, fail, ok, warn
from thinkmix.flows.sources.http import plain_address

TIMEOUT = 5.0
"""Seconds in which an address must answer."""

_HUB, _MODELSCOPE = "https://huggingface.co", "https://modelscope.cn"
_MOST = 1000


@dataclass(frozen=True)
class Answer:
    """What came back from an address."""

    address: str
    """Without what may be secret in it."""
    status: int | None
    """HTTP status, or None if there was no answer."""
    words: str = ""
    """The start of the body, or why there was none."""


@dataclass(frozen=True)
class Reached:
    """Answers of all that were asked; None is whom there was no reason to ask."""

    hub: Answer | None
    modelscope: Answer | None
    prefect: Answer | None
    """To the question for its version, asked without credentials."""
    client: str
    """Our own version of Prefect; empty if it is not installed."""
    credentials: bool = False
    """Whether builds have any to show to the server."""


def collect(settings: Mapping[str, str]) -> Reached:
    """Ask all at once.

    Args:
        settings: Prefect's, the environment's included.
    """
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    hub = os.environ.get("HF_ENDPOINT") or _HUB
    modelscope = os.environ.get("MODELSCOPE_ENDPOINT") or _MODELSCOPE
    api = settings.get("PREFECT_API_URL")
    with ThreadPoolExecutor(3) as pool:
        asked = (
            None if offline else pool.submit(_ask, hub),
            pool.submit(_ask, modelscope) if find_spec("modelscope_hub") else None,
            pool.submit(_ask, f"{api.rstrip('/')}/admin/version", "GET") if api else None,
        )
        hub_says, modelscope_says, prefect_says = (future.result() if future else None for future in asked)
    try:
        client = version("prefect")
    except PackageNotFoundError:
        client = ""
    credentials = any(settings.get(name) for name in ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"))
    return Reached(hub_says, modelscope_says, prefect_says, client, credentials)


def check(reached: Reached) -> list[Finding]:
    """Return what there is to say of whom we can reach."""
    return [
        _hub("hub", reached.hub, "HF_ENDPOINT"),
        *([_hub("modelscope", reached.modelscope, "MODELSCOPE_ENDPOINT")] if reached.modelscope else []),
        _server(reached),
    ]


def asks_for_password(server: Answer | None) -> bool | None:
    """Return whether a Prefect server asks for one; None if it did not say."""
    known = {401: True, 403: True, 200: False}
    return known.get(server.status) if server and server.status else None


def _hub(name: str, answer: Answer | None, variable: str) -> Finding:
    if answer is None:
        advice = "unset HF_HUB_OFFLINE to build from the hub; pinned commits that were fetched build without"
        return warn(name, "HF_HUB_OFFLINE is set, so nobody was asked", advice)
    if answer.status is None:
        advice = (
            f"see to network and proxy, or name a mirror in {variable}; local and pinned sources do without"
        )
        return warn(name, f"{answer.address} does not answer ({answer.words})", advice)
    if answer.status >= 500:
        return warn(name, f"{answer.address} answers {answer.status}", "try again later, or use a mirror")
    return ok(name, f"{answer.address} answers")


def _server(reached: Reached) -> Finding:
    name, answer = "prefect server", reached.prefect
    if answer is None:
        return ok(name, "none configured: builds run without one, and `thinkmix serve` cannot")
    if answer.status is None:
        advice = "start it, correct PREFECT_API_URL, or unset it to build without Prefect"
        return fail(name, f"{answer.address} does not answer ({answer.words})", advice)
    if asks_for_password(answer) and not reached.credentials:
        advice = "set PREFECT_API_AUTH_STRING=user:password here, as the server has it"
        return fail(name, f"{answer.address} asks for a password, and builds have none", advice)
    if asks_for_password(answer):
        return ok(name, f"{answer.address} answers, and asks for a password")
    return _version(name, answer, reached.client)


def _version(name: str, answer: Answer, client: str) -> Finding:
    theirs = _text(answer.words)
    if answer.status != 200 or not theirs[:1].isdigit():
        advice = "PREFECT_API_URL must end in /api and be that of a Prefect server"
        return fail(name, f"{answer.address} answers {answer.status}, like no Prefect server", advice)
    if theirs.split(".")[:2] != client.split(".")[:2]:
        detail = f"{answer.address} has version {theirs}, this machine {client}"
        return warn(name, detail, f"install prefect=={theirs} here, or {client} there")
    return ok(name, f"{answer.address} has version {theirs}")


def _text(body: str) -> str:
    try:
        return str(json.loads(body))[:40]
    except ValueError:
        return ""


class _Stay(HTTPRedirectHandler):
    """Follows no redirection: an answer is an answer."""

    def redirect_request(self, *_: object) -> None:
        """Return no further request."""


def _ask(url: str, method: str = "HEAD") -> Answer:
    """Ask once, honouring the usual variables for proxies."""
    address = plain_address(url)
    if not url.startswith(("http://", "https://")):
        return Answer(address, None, "not an http address")
    try:
        request = Request(url, method=method, headers={"User-Agent": "thinkmix"})  # noqa: S310 - checked above
        with build_opener(_Stay).open(request, timeout=TIMEOUT) as answer:
            return Answer(address, answer.status, answer.read(_MOST).decode(errors="replace"))
    except HTTPError as error:
        return Answer(address, error.code)
    except (OSError, HTTPException, ValueError) as error:  # its text may hold the address with a password
        reason = getattr(error, "reason", error)
        return Answer(address, None, getattr(reason, "strerror", None) or type(reason).__name__)
