"""What `thinkmix report` speaks of: a mixture, one of its versions, or a run that made none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from thinkmix.flows.pages.report.page import render_failed, render_page
from thinkmix.flows.runs.again import run_of
from thinkmix.flows.runs.history import history
from thinkmix.flows.runs.standing import Said, Standing, of_version, standing
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.log import FAILED
from thinkmix.flows.store.paths import home, open_rows, reading_rows
from thinkmix.flows.store.store import Store
from thinkmix.schemas.run import FailedRun


@dataclass(frozen=True)
class Reported:
    """What was asked for."""

    folder: Path | None
    """Of the version, or of the failed run; unset if a mixture has neither."""
    standing: Standing | None
    """Of the mixture; unset for a version that lies in no store."""
    verdict: Said
    good: bool
    """Whether there is a version that may be trained on."""

    def facts(self) -> dict[str, object]:
        """Return all of it for machines: the report of the version, and how the mixture stands."""
        report: dict[str, object] = {}
        if self.folder:
            name = FAILED if (self.folder / FAILED).is_file() else "report.json"
            report = orjson.loads((self.folder / name).read_bytes())
        found = self.standing
        return {
            **report,
            "verdict": self.verdict.model_dump(mode="json"),
            "last_run": found.last_run.model_dump(mode="json") if found and found.last_run else None,
            "current": found.current.model_dump(mode="json") if found and found.current else None,
        }


@contextmanager
def open_report(path: Path) -> Iterator[Reported]:
    """Yield what a path means; nobody collects the version meanwhile.

    Raises:
        NotFound: if it is neither a version nor a mixture.
        StoreError: if the mixture has lost its current version.
    """
    own = (path / MANIFEST).is_file() or (path / FAILED).is_file()
    mixture = path.resolve()
    if not own and history(Store(mixture.parent), mixture.name):
        found = standing(Store(mixture.parent), mixture.name)
        if found.current is None and found.last_run and found.last_run.ended == "blocked":
            yield Reported(None, found, found.verdict, good=False)
            return
        with reading_rows(path) as folder:
            yield Reported(folder, found, found.verdict, good=found.good)
        return
    with reading_rows(path) as folder:
        yield _of_folder(folder)


def _of_folder(folder: Path) -> Reported:
    """Return what is known of a version's folder, or of that of a failed run."""
    store, mixture = home(folder), folder.resolve().parent.parent.name
    found = standing(store, mixture) if store else None
    if (folder / FAILED).is_file() and found:
        return Reported(folder, found, found.verdict, good=found.good)
    said, good = of_version(folder)
    return Reported(folder, found, said, good=good)


def page_of(path: Path) -> str:
    """Return the page of a version, or of a failed run, once more.

    Raises:
        StoreError: if its facts cannot be read.
    """
    folder = open_rows(path)
    if not (folder / FAILED).is_file():
        return render_page(run_of(folder), folder.resolve().parents[1] if home(folder) else None)
    told = FailedRun.model_validate_json((folder / FAILED).read_bytes())
    store = home(folder)
    return render_failed(told, standing(store, told.mixture).current if store else None)
