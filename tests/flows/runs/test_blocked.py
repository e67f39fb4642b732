"""A version that fails its audit: kept and reported, but not current."""

import json
from pathlib import Path

import pytest

from tests.harness.builders import quick_build, recipe
from thinkmix.curation.audit import measure
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import Blocked
from thinkmix.schemas.ledger import Ledger


@pytest.mark.acceptance("A22")
def test_failed_check_keeps_the_old_version_current(sources, store_copy, built, monkeypatch) -> None:
    """CURRENT stays, the candidate and its whole report are there, and the command would exit with 3."""
    store, real = store_copy(), measure.check_ledger

    def failing(ledger: Ledger):
        return real(ledger).model_copy(update={"passed": False})

    monkeypatch.setattr(measure, "check_ledger", failing)
    blocked = quick_build(recipe(seed=4), store, sources)
    assert blocked.status == "blocked"
    with pytest.raises(Blocked, match="stays current") as raised:
        blocked.check()
    assert raised.value.exit_code == 3
    assert open_version(store / "small").name == built.digest
    assert problems(blocked.version) == []
    report = json.loads((blocked.folder / "report.json").read_bytes())
    assert (report["status"], report["candidate"]) == ("blocked", blocked.digest)
    assert {path.name for path in blocked.folder.iterdir()} == {"report.html", "report.json", "summary.md"}
    monkeypatch.setattr(measure, "check_ledger", real)
    assert quick_build(recipe(seed=5), store, sources).status == "published"


@pytest.mark.acceptance("A22")
def test_passed_checks_make_a_version_current(built, sources: Path) -> None:
    """The same build without a failed check is published: the test above can fail."""
    assert built.status == "published"
    built.check()
