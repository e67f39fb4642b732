"""An endpoint that speaks OpenAI's chat protocol: its model, and its answers to questions."""

import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from thinkmix.flows.sources.http import plain_address
from thinkmix.schemas.errors import SourceDenied, SourceError, SourceUnavailable

KEY = "OPENAI_API_KEY"
"""Variable that holds the key of an endpoint; a flag would show it in the list of processes."""

_TIMEOUT = httpx.Timeout(600, connect=10)
"""Seconds; a long trace on a slow machine takes minutes."""
_CLOSES = "</think>"


@dataclass(frozen=True)
class Endpoint:
    """An address that ends in `/v1`, and the model that is asked there."""

    url: str
    model: str

    def answer(
        self, messages: Sequence[Mapping[str, Any]], *, thinking: bool, max_tokens: int, seed: int
    ) -> str:
        """Return what the model says after its trace; empty if the trace does not end.

        Args:
            messages: the turns before the answer.
            thinking: whether the model is asked to think.
            max_tokens: the most that it may write, trace included.
            seed: decides what is sampled, where the endpoint samples at temperature 0 at all.

        Raises:
            SourceError: if the endpoint gives no answer.
        """
        body = {
            "model": self.model,
            "messages": list(messages),
            "temperature": 0.0,
            "max_tokens": max_tokens,
            "seed": seed,
            "chat_template_kwargs": {"enable_thinking": thinking},
        }
        found = _send(self.url, "POST", "/chat/completions", json=body)
        try:
            said = found["choices"][0]["message"]["content"] or ""
        except (KeyError, IndexError, TypeError) as error:
            msg = f"endpoint {plain_address(self.url)} answers without choices[0].message.content"
            raise SourceError(msg) from error
        return without_trace(str(said))


def find_endpoint(url: str, model: str | None) -> Endpoint:
    """Return an endpoint with the model that is asked there: the named one, or the only one that it has.

    Raises:
        SourceError: if it does not answer, or has several models.
    """
    base = url.rstrip("/")
    if urlsplit(base).scheme not in ("http", "https"):
        msg = f"endpoint {plain_address(url)}: not an address that begins with http:// or https://"
        raise SourceError(msg)
    if model:
        return Endpoint(base, model)
    found = _send(base, "GET", "/models")
    entries = found.get("data") if isinstance(found, dict) else None
    names = [str(one["id"]) for one in entries or [] if isinstance(one, dict) and "id" in one]
    if len(names) != 1:
        told = ", ".join(names[:5]) or "none"
        msg = (
            f"{plain_address(base)} has {len(names)} models ({told}): name one with --name or --against-name"
        )
        raise SourceError(msg)
    return Endpoint(base, names[0])


def without_trace(said: str) -> str:
    """Return what stands behind the trace of an answer; empty if a trace begins and does not end."""
    _, closes, rest = said.rpartition(_CLOSES)
    if closes:
        return rest.strip()
    return "" if said.lstrip().startswith("<think>") else said.strip()


def is_loopback(url: str) -> bool:
    """Return whether an address is on this machine, where no proxy stands between."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _send(base: str, method: str, path: str, json: object = None) -> Any:  # noqa: ANN401 - what JSON holds
    at = plain_address(base)
    headers = {"Authorization": f"Bearer {key}"} if (key := os.environ.get(KEY)) else {}
    try:
        with httpx.Client(timeout=_TIMEOUT, trust_env=not is_loopback(base)) as client:
            found = client.request(method, base + path, json=json, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as error:
        msg = (
            f"endpoint {at} does not answer ({type(error).__name__}): is it running, and does it end in /v1?"
        )
        raise SourceUnavailable(msg) from None
    if found.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        msg = f"endpoint {at} answers {found.status_code}: set {KEY} to a key that it takes"
        raise SourceDenied(msg)
    if found.status_code != HTTPStatus.OK:
        msg = f"endpoint {at} answers {found.status_code} to {path}: {found.text[:200]!r}"
        raise SourceError(msg)
    try:
        return found.json()
    except ValueError:
        msg = f"endpoint {at} does not answer {path} with JSON: does its address end in /v1?"
        raise SourceError(msg) from None
