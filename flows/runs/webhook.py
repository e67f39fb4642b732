"""Messages to a chat about how a run ended, as JSON that Slack and what speaks like it understand."""

import os
import sys
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import orjson

from thinkmix.flows.runs.summary import summary
from thinkmix.flows.system.markdown import literal
from thinkmix.schemas.errors import (
    Blocked,
    ClusterError,
    Forgotten,
    MixtureError,
    RecipeError,
    SchedulerError,
    SourceEmpty,
    SourceError,
    StoreError,
    ThinkmixError,
)
from thinkmix.schemas.run import RunReport, Status

URL, NOTIFY = "THINKMIX_WEBHOOK", "THINKMIX_NOTIFY"
"""Names of the environment's variables, which served builds inherit: a flow's parameters are public."""

STATED: ContextVar["Webhook | None"] = ContextVar("STATED", default=None)
"""What the flags of this process's own build say; workers, which read rows, do not inherit it."""

USUAL = ("published", "blocked", "failed")
"""What is told of if nothing is said: everything but an unchanged run."""

TIMEOUT = 10.0
TRIES = 3
PAUSE = 1.0
"""Seconds before the second try, and half of those before the third."""

_LONGEST = 2900
"""Characters of a block, escaped; Slack takes 3000."""
_MOST_BLOCKS = 45

_SPEAKING = (RecipeError, SourceError, StoreError, MixtureError, ClusterError, SchedulerError, Forgotten)
"""Errors whose sentences name recipes, files and numbers, and never hold the text of a row."""


@dataclass(frozen=True)
class Webhook:
    """Where messages go, and of which endings they tell."""

    url: str = field(repr=False)
    """A secret: whoever knows it can write to the chat. It is in no message, log or file of ours."""
    told: frozenset[str] = frozenset(USUAL)


def check_webhook(url: str, notify: str | None) -> Webhook:
    """Return the webhook that flags or the environment state.

    Args:
        url: where messages are posted.
        notify: endings to tell of, separated by commas; None or empty means the usual ones.

    Raises:
        RecipeError: naming the flag, never the address.
    """
    try:
        parts = urlsplit(url.strip())
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or not url.strip().isascii() or any(char.isspace() for char in url.strip()):
        msg = f"--webhook (or {URL}) must be an address that starts with https://; it is not shown here"
        raise RecipeError(msg)
    words = frozenset(word.strip() for word in (notify or ",".join(USUAL)).split(",") if word.strip())
    known = get_args(Status)
    if unknown := sorted(words - set(known)):
        msg = f"--notify (or {NOTIFY}) names {', '.join(map(repr, unknown))}; there are {', '.join(known)}"
        raise RecipeError(msg)
    return Webhook(url.strip(), words)


def find_webhook() -> Webhook | None:
    """Return the webhook that was stated, or that of the environment.

    One that the environment states badly is complained of, and not used.
    """
    url = os.environ.get(URL)
    if (stated := STATED.get()) or not url:
        return stated
    try:
        return check_webhook(url, os.environ.get(NOTIFY))
    except RecipeError as error:
        sys.stderr.write(f"thinkmix: no messages are sent: {error}\n")
        return None


def tell(told: RunReport, folder: Path) -> None:
    """Say what a run came to: its summary, and where its report lies."""
    _send(told.status, told.report.mixture, [*_sections(summary(told)), _plain(f"{folder / 'report.html'}")])


def tell_failure(mixture: str, error: BaseException) -> None:
    """Say that a build failed, and why, as far as that cannot quote a row; a blocked one was told of before."""
    if not isinstance(error, Blocked):
        _send("failed", mixture, [f"*{_plain(mixture)}* failed", _plain(_why(error))])


def tell_training(mixture: str, version: str, sentence: str, output: Path) -> None:
    """Say that a version which was published is trained on by now, and where the weights lie."""
    _send("published", mixture, [f"*{_plain(mixture)}* {version}: {_plain(sentence)}", _plain(f"{output}")])


def tell_training_failed(mixture: str, version: str, error: BaseException) -> None:
    """Say that the training on a published version failed, and why, as far as that cannot quote a row."""
    words = f"the training on {version} failed; the version stays published"
    _send("failed", mixture, [f"*{_plain(mixture)}* {words}", _plain(_why(error))])


def _why(error: BaseException) -> str:
    if isinstance(error, SourceEmpty):  # its sentence quotes why the first row was dropped
        return f"{error.code}: no row of a source is left to sample from; the report says why"
    if isinstance(error, _SPEAKING):
        return f"{error.code}: {error}"
    return error.code if isinstance(error, ThinkmixError) else type(error).__name__


def tell_killed(mixture: str, started: str) -> None:
    """Say that a build was killed."""
    words = f"its process was killed; it had started at {started}. What was published before is untouched."
    _send("failed", mixture, [f"*{_plain(mixture)}* failed", _plain(words)])


def _sections(markdown: str) -> list[str]:
    """Return paragraphs in Slack's markup: bold words with one asterisk, tables as they stand."""
    sections = []
    for paragraph in map(str.strip, literal(markdown).split("\n\n")):
        if paragraph.startswith("|"):
            fenced = _plain(paragraph.replace("`", "'"))
            sections.append(f"```\n{fenced}\n```")
        elif paragraph:
            sections.append(_plain(paragraph).replace("**", "*"))
    return sections


def _plain(text: str) -> str:
    """Return text in which nothing calls people or opens links, cut to what a block may hold."""
    pieces: list[str] = []
    size = 0
    for char in text:
        piece = escape(char, quote=False) if char == "\n" or char.isprintable() else "�"
        size += len(piece)
        if size > _LONGEST:
            return "".join([*pieces, "…"])
        pieces.append(piece)
    return "".join(pieces)


def _send(status: Status, mixture: str, sections: Sequence[str]) -> None:
    """Post a message; nothing that goes wrong with that is more than a line on the error stream."""
    webhook = find_webhook()
    if webhook is None or status not in webhook.told:
        return
    blocks = [
        # verbatim: no word becomes a link, a channel or a person
        {"type": "section", "text": {"type": "mrkdwn", "text": section, "verbatim": True}}
        for section in sections[:_MOST_BLOCKS]
    ]
    body = orjson.dumps({"text": "\n\n".join(sections), "blocks": blocks})
    if trouble := _post(webhook.url, body):
        shown = mixture if mixture.isprintable() else ascii(mixture)
        sys.stderr.write(f"thinkmix: the webhook was not told that {shown} is {status}: {trouble}\n")


def _post(url: str, body: bytes) -> str:
    """Post JSON, a few times if need be; return what went wrong, without the address, or nothing.

    By urllib, as httpx logs every address; a redirect is a failure, for the message would not go along.
    """
    from http.client import HTTPException  # noqa: PLC0415 - few builds post anything
    from urllib.error import HTTPError  # noqa: PLC0415
    from urllib.request import HTTPRedirectHandler, Request, build_opener  # noqa: PLC0415

    opener = build_opener(type("_Stay", (HTTPRedirectHandler,), {"redirect_request": lambda *_: None}))
    headers = {"Content-Type": "application/json", "User-Agent": "thinkmix"}
    trouble = ""
    for attempt in range(TRIES):
        time.sleep(PAUSE * attempt)
        try:
            with opener.open(Request(url, body, headers), timeout=TIMEOUT):  # noqa: S310 - `check_webhook` lets only http pass
                return ""
        except HTTPError as error:
            error.close()
            trouble = f"it answered {error.code}"
            if error.code < 500 and error.code not in (408, HTTPStatus.TOO_MANY_REQUESTS):
                return trouble
        except (OSError, HTTPException, ValueError) as error:
            # words of the error could hold the address; its kind cannot
            trouble = f"no answer ({type(getattr(error, 'reason', error)).__name__})"
    return f"{trouble}, {TRIES} times"
