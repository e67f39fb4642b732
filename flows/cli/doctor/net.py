"""Whom this machine can reach: one question to an address, and the hubs."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import NamedTuple

import httpx

from thinkmix.flows.cli.doctor.diagnosis import Diagnosis, diagnose
from thinkmix.flows.sources.http import plain_address, why_silent

# They log whole addresses: HF_ENDPOINT may have a password in it.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

TIMEOUT = 5.0
"""Seconds in which an address must answer."""

_MOST = 1000


class Answer(NamedTuple):
    """What came back from an address."""

    address: str
    """Without what may be secret in it."""
    status: int | None
    """HTTP status, or None if there was no answer."""
    words: str = ""
    """The start of the body, or why there was none."""


def check() -> Iterator[Diagnosis]:
    """Ask the hubs, both at once, and yield what there is to say of them."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    modelscope = os.environ.get("MODELSCOPE_ENDPOINT") or "https://modelscope.cn"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, modelscope) if find_spec("modelscope_hub") else None
        yield hub(None if offline else ask(os.environ.get("HF_ENDPOINT") or "https://huggingface.co"))
        if asked:
            yield hub(asked.result(), name="modelscope", variable="MODELSCOPE_ENDPOINT")


def hub(answer: Answer | None, *, name: str = "hub", variable: str = "HF_ENDPOINT") -> Diagnosis:
    """Judge the answer of a hub, if it was asked; any but a server's error shows that it is there."""
    if answer is None:
        advice = "unset HF_HUB_OFFLINE to build from the hub; pinned commits that were fetched build without"
        return diagnose(name, "HF_HUB_OFFLINE is set, so nobody was asked", warn=advice)
    if answer.status is None:
        advice = f"see to network and proxy, or name a mirror in {variable}"
        detail = f"{answer.address} does not answer ({answer.words})"
        return diagnose(name, detail, warn=f"{advice}; local and pinned sources do without")
    if answer.status >= 500:
        advice = "try again later, or use a mirror"
        return diagnose(name, f"{answer.address} answers {answer.status}", warn=advice)
    return diagnose(name, f"{answer.address} answers")


def ask(url: str, method: str = "HEAD") -> Answer:
    """Ask once, honouring the usual variables for proxies; a redirection is an answer."""
    address, headers = plain_address(url), {"User-Agent": "thinkmix", "Accept-Encoding": "identity"}
    try:
        with httpx.stream(method, url, headers=headers, timeout=TIMEOUT) as answer:
            words = next(answer.iter_raw(_MOST), b"").decode(errors="replace")
            return Answer(address, answer.status_code, words)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Answer(address, None, why_silent(error))
