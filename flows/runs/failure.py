"""What a build that failed leaves: its line in the history, and a folder with all that it found out."""

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from thinkmix.flows.runs import standing
from thinkmix.flows.runs.history import TREND, ActiveRun, history, stamp
from thinkmix.flows.store.atomic import commit, scratch_folder
from thinkmix.flows.store.digests import write_json
from thinkmix.flows.store.log import FAILED
from thinkmix.flows.system.stopping import Stopped
from thinkmix.schemas.errors import MixtureError, SourceEmpty, StoreCorrupt, ThinkmixError
from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.run import FailedRun, PastRun

if TYPE_CHECKING:
    from thinkmix.flows.recipe.recipe import Recipe

_LONGEST = 4000
_SECRETS = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "MODELSCOPE_API_TOKEN",
    "PREFECT_API_AUTH_STRING",
    "THINKMIX_WEBHOOK",
)
_LEAST_SECRET = 6


def record_failure(active: ActiveRun, error: BaseException) -> BaseException:
    """Write down that a run failed, and return the error that tells a person most about it."""
    raised = error
    folder = active.store.root / active.mixture / "runs" / f"{active.started:%Y%m%dT%H%M%S.%fZ}-failed"
    line: dict[str, object] = _past_run(active, error, why(error), Ledger(stages=())).model_dump(mode="json")
    with suppress(OSError):  # a full disk must not hide why the build failed
        if active.recipe:
            told = _leave(active, active.recipe, error, folder)
            line = {**told.trend[-1].model_dump(mode="json"), "run": told.run}
            if told.error == SourceEmpty.code:
                raised = SourceEmpty(f"{told.sentence} The rows: thinkmix rejects {shlex.quote(str(folder))}")
    with suppress(OSError):
        active.store.log.record_run(active.mixture, line)
    return raised


def why(error: BaseException) -> str:
    """Return in a sentence why a run ended, without secrets.

    The words of an error that is not ours could hold anything, so only its kind is told.
    """
    if isinstance(error, ThinkmixError):
        words = str(error)
        for secret in filter(None, map(os.environ.get, _SECRETS)):
            if len(secret) >= _LEAST_SECRET:
                words = words.replace(secret, "***")
        return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
    if isinstance(error, (Stopped, KeyboardInterrupt)):
        return "it was stopped from outside"
    return f"{type(error).__name__}: the output of the build has the details"


def _leave(active: ActiveRun, recipe: "Recipe", error: BaseException, folder: Path) -> FailedRun:
    """Write the folder of a failed run and make its page the front page."""
    from thinkmix.flows.pages.report.page import render_failed  # noqa: PLC0415 - imports templates

    store, mixture = active.store, active.mixture
    with scratch_folder(folder.parent) as scratch:
        ledger, sentence = _found_out(active, error, scratch)
        code = SourceEmpty.code if sentence else _code(error)
        line = _past_run(active, error, sentence or why(error), ledger).model_copy(update={"error": code})
        current = None
        with suppress(StoreCorrupt):
            current = store.versions.current(mixture)
        told = FailedRun(
            mixture=mixture,
            run=folder.name,
            started=line.started,
            seconds=line.seconds,
            error=code,
            sentence=line.sentence or "",
            baseline=current.name if current else None,
            recipe=recipe.model_dump(mode="json"),
            sources=tuple(active.known.origins) if active.known else (),
            ledger=ledger,
            columns=active.known.columns() if active.known and ledger.stages else (),
            trend=(*history(store, mixture)[1 - TREND :], line),
        )
        write_json(scratch / FAILED, told.model_dump(mode="json"))
        page = render_failed(told, standing.current(store, mixture))
        (scratch / "report.html").write_text(page, encoding="utf-8")
        commit(scratch, folder, whole=lambda _: False)
    store.log.show_front(mixture, folder / "report.html")
    return told


def _found_out(active: ActiveRun, error: BaseException, folder: Path) -> tuple[Ledger, str | None]:
    """Write what is known of the rows; return the ledger, and why no row of a source is left, if so.

    Rows are read for errors that a person mends. Who stops a build does not want to wait for it.
    """
    if active.known is None or not active.known.origins or not isinstance(error, ThinkmixError):
        return Ledger(stages=()), None
    try:
        ledger = active.known.leave(folder)
    except (ThinkmixError, OSError):  # a file changed, or the disk is full: the build's own error counts
        for half in _children(folder):
            shutil.rmtree(half)
        return Ledger(stages=()), None
    empty = active.known.nothing_left(ledger, folder) if isinstance(error, MixtureError) else None
    return ledger, empty


def _children(folder: Path) -> Iterator[Path]:
    return (path for path in list(folder.iterdir()) if path.is_dir())


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, ThinkmixError) else type(error).__name__


def _past_run(active: ActiveRun, error: BaseException, sentence: str, ledger: Ledger) -> PastRun:
    first = ledger.stages[0].stage if ledger.stages else ""
    return PastRun(
        started=stamp(active.started),
        status="failed",
        seconds=active.seconds,
        version=None,
        read=sum(count.read.rows for count in ledger.of(first).values()),
        dropped=sum(amount.rows for count in ledger.stages for amount in count.dropped.values()),
        error=_code(error),
        sentence=sentence,
    )
