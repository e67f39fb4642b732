"""What a build does when its hub misbehaves: what passes is not noticed, what lasts is told."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.harness.builders import quick_build, recipe, statement
from tests.harness.loopback_hub import LoopbackHub, serve
from thinkmix.flows import sources as kinds
from thinkmix.flows.build import fetch
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.build.watch import Watch, directly
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.sources.patience import Patience
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import (
    MixtureError,
    SourceCorrupt,
    SourceError,
    SourceNotFound,
    SourceUnavailable,
    ThinkmixError,
)


@pytest.fixture
def hub(sources: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub that serves the small sources as two datasets, and clients that do not wait between tries."""
    with serve() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.5)
        impatient = Patience(sleep=lambda seconds: None)
        for room, name in ((kinds, "resolve"), (fetch, "fetch_files")):
            monkeypatch.setattr(room, name, partial(getattr(room, name), patience=impatient))
        upload(running, sources)
        yield running


def from_hub(**changes: object) -> Recipe:
    """Return the small recipe with its sources on a hub instead of on this disk."""
    stated = statement(**changes)
    for source in stated["sources"]:
        files = [f"data/{source['name']}-*.jsonl"]
        source |= {"kind": "hub", "dataset": f"org/{source['name']}", "files": files}
    return recipe(**stated)


def upload(hub: LoopbackHub, sources: Path) -> None:
    """Put the small sources on the hub."""
    for name in ("math", "chat"):
        paths = sorted((sources / name).glob("?.jsonl"))
        hub.add(f"org/{name}", {f"data/{name}-{path.name}": path.read_bytes() for path in paths})


def renamed_columns(sources: Path) -> dict[str, bytes]:
    """Return the chats under names that the recipe's format does not know."""
    return {
        f"data/chat-{path.name}": path.read_bytes().replace(b'"conversations"', b'"dialogue"')
        for path in (sources / "chat").glob("?.jsonl")
    }


def last_error(store: Path) -> object:
    """Return how the last run of the small mixture ended."""
    return json.loads((store / "small" / "runs.jsonl").read_bytes().splitlines()[-1]).get("error")


PASSING = {
    "none": [],
    "flipped bit": [("flip", {})],
    "cut": [("cut", {"after": 1_000})],
    "reset": [("reset", {"after": 500})],
    "range ignored": [("cut", {"after": 1_000}), ("ignore_range", {})],
    "wrong range": [("cut", {"after": 1_000}), ("wrong_range", {})],
    "range that lies": [("cut", {"after": 1_000}), ("lying_range", {})],
    "503, twice": [("status", {"times": 2, "status": 503})],
    "web page": [("html", {})],
    "stall": [("stall", {"after": 300})],
    "429 with Retry-After": [("status", {"status": 429, "retry_after": 3})],
}


@pytest.mark.acceptance("A14")
def test_trouble_that_passes_is_not_noticed(
    hub: LoopbackHub, sources: Path, tmp_path: Path, built: Built
) -> None:
    """After each fault that passes, within five tries, a build from nothing has the same rows."""
    quick_build(from_hub(), tmp_path, sources)
    for name, faults in PASSING.items():
        for there in (Store(tmp_path).cache.downloads, tmp_path / "small"):
            shutil.rmtree(there)
        hub.requests.clear()
        hub.faults.clear()
        for kind, settings in faults:
            hub.fault("/datasets/*/math-0*", kind, **settings)
        done = quick_build(from_hub(), tmp_path, sources)
        assert done.manifest.content_sha256 == built.manifest.content_sha256, name
        assert [fault.times for fault in hub.faults] == [0] * len(faults), name
        assert (len(hub.bodies("*math-0*")) == 1) == (name == "none")
        assert len(hub.bodies("*math-0*")) <= 5, name


LASTING: dict[str, tuple[Callable[[LoopbackHub], object], type[SourceError]]] = {
    "503": (lambda hub: hub.fault("*", "status", times=None, status=503), SourceUnavailable),
    "flipped bit": (lambda hub: hub.fault("*/data/chat-1*", "flip", times=None), SourceCorrupt),
    "vanished file": (lambda hub: hub.fault("*/data/chat-1*", "vanish", times=None), SourceNotFound),
    "vanished revision": (lambda hub: hub.forget("org/chat", "main"), SourceNotFound),
    "stall": (lambda hub: hub.fault("*/data/chat-1*", "stall", times=None, after=9), SourceUnavailable),
    "web page": (lambda hub: hub.fault("*/data/chat-1*", "html", times=None), SourceCorrupt),
    "down": (lambda hub: hub.down(), SourceUnavailable),
}


@pytest.mark.acceptance("A14")
@pytest.mark.parametrize(("harm", "error"), LASTING.values(), ids=LASTING)
def test_trouble_that_lasts_leaves_the_good_version(
    harm: Callable[[LoopbackHub], object],
    error: type[SourceError],
    hub: LoopbackHub,
    sources: Path,
    tmp_path: Path,
) -> None:
    """The build ends with its own error, never with rows of an older day, and keeps no half file as good."""
    good = quick_build(from_hub(), tmp_path, sources)
    newer = b"".join([(sources / "chat" / "1.jsonl").read_bytes(), b"{}\n"])
    hub.add("org/chat", {"data/chat-1.jsonl": newer})
    harm(hub)
    began = time.monotonic()
    with pytest.raises(error) as caught:
        quick_build(from_hub(), tmp_path, sources)
    assert time.monotonic() - began < 60
    assert (type(caught.value), caught.value.exit_code, last_error(tmp_path)) == (error, 4, error.code)
    assert open_version(tmp_path / "small") == good.version
    assert problems(good.version) == []
    hub.faults.clear()
    hub.down()
    hub.up()
    upload(hub, sources)
    again = quick_build(from_hub(), tmp_path, sources)
    assert again.digest == good.digest


@pytest.mark.acceptance("A14")
def test_revision_that_moves_under_a_build_is_not_mixed(
    hub: LoopbackHub, sources: Path, tmp_path: Path, built: Built
) -> None:
    """A branch that moves after it was resolved changes nothing now; the next build has the new rows."""

    def step(name: str, function: Callable) -> Callable:
        if name == "fetch math":
            hub.add("org/chat", {"data/chat-0.jsonl": (sources / "chat" / "0.jsonl").read_bytes()})
        return directly(name, function)

    old = hub.datasets["org/chat"].branches["main"]
    tonight = quick_build(from_hub(), tmp_path, sources, watch=Watch(step=step))
    assert {origin.name: origin.commit for origin in tonight.manifest.sources}["chat"] == old
    assert tonight.manifest.content_sha256 == built.manifest.content_sha256
    tomorrow = quick_build(from_hub(), tmp_path, sources)
    assert {origin.name: origin.commit for origin in tomorrow.manifest.sources}["chat"] != old
    assert tomorrow.manifest.ledger.of("validate")["chat"].read.rows == 30


@pytest.mark.acceptance("A14")
def test_columns_that_change_upstream_are_told(hub: LoopbackHub, sources: Path, tmp_path: Path) -> None:
    """A dataset whose columns have other names ends the build; the old version stays."""
    good = quick_build(from_hub(), tmp_path, sources)
    hub.add("org/chat", renamed_columns(sources))
    with pytest.raises(MixtureError, match=r"chat: 67 of 67 rows dropped: .*: dialogue;") as caught:
        quick_build(from_hub(), tmp_path, sources)
    assert isinstance(caught.value, ThinkmixError)
    assert open_version(tmp_path / "small") == good.version
    assert problems(good.version) == []


@pytest.mark.acceptance("A20")
def test_another_revision_is_another_mixture(hub: LoopbackHub, sources: Path, tmp_path: Path) -> None:
    """A branch that moved by one row is read again, that file alone; an unmoved one makes nothing."""
    first = quick_build(from_hub(), tmp_path, sources)
    asked = len(hub.bodies())
    assert quick_build(from_hub(), tmp_path, sources).made == 0
    assert len(hub.bodies()) == asked
    kept = {f"data/chat-{name}": (sources / "chat" / name).read_bytes() for name in ("0.jsonl", "1.jsonl")}
    changed = kept["data/chat-1.jsonl"].replace(b"Gladly", b"Surely", 1)
    hub.add("org/chat", {**kept, "data/chat-1.jsonl": changed})
    second = quick_build(from_hub(), tmp_path, sources)
    fresh = quick_build(from_hub(), tmp_path / "fresh", sources)
    assert second.digest == fresh.digest != first.digest


def test_hub_and_disk_give_the_same_rows(
    hub: LoopbackHub, sources: Path, tmp_path: Path, built: Built
) -> None:
    """Where rows come from does not matter to the mixture: a hub and a folder give the same content."""
    assert quick_build(from_hub(), tmp_path, sources).manifest.content_sha256 == built.manifest.content_sha256
