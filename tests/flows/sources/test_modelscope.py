"""Fetching from ModelScope: the same promises as for the Hugging Face Hub."""

import logging
import random
import sys
import traceback
from hashlib import sha256

import pytest

from thinkmix.flows.sources import fetch, resolve
from thinkmix.flows.sources.modelscope_source import ModelScopeSource
from thinkmix.schemas.errors import (
    SourceCorrupt,
    SourceDenied,
    SourceError,
    SourceNotFound,
    SourceUnavailable,
)

api = pytest.importorskip("modelscope_hub._legacy_api", reason="the extra `modelscope` is not installed")
modelscope_room = pytest.importorskip("thinkmix.flows.sources.modelscope")

NAME = "org/set"
SHARD = random.Random(2).randbytes(300_000)
FILES = {"data/train-0.parquet": SHARD, "data/train-1.parquet": SHARD[::-1], "README.md": b"# Set\n"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CANARY = "ms-canary-0123456789"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    """Let the client repeat pages without its pauses."""
    monkeypatch.setattr(api, "REPO_TREE_PAGE_RETRY_MAX_DELAY_SECONDS", 0)


def source(*files: str, revision: str = "master", dataset: str = NAME) -> ModelScopeSource:
    return ModelScopeSource(
        name="set", format="messages", dataset=dataset, revision=revision, files=files or ("data/*",)
    )


def build(one: ModelScopeSource, into, quick, **settings):
    """Resolve and fetch, as a build does."""
    snapshot = resolve(one, base=into, into=into, patience=quick)
    return fetch(one, snapshot, base=into, into=into, patience=quick, **settings)


def test_selected_files_arrive_verified(hub, into, quick):
    """Only matching files are downloaded; a second build downloads nothing."""
    hub.add(NAME, FILES)
    got = build(source(), into, quick)
    assert [file.path.read_bytes() for file in got] == [SHARD, SHARD[::-1]]
    assert got[0].sha256 == sha256(SHARD).hexdigest()
    assert build(source(), into, quick) == got
    assert len(hub.bodies()) == 2


def test_a_branch_resolves_to_the_digest_of_its_files(hub, into):
    """The stand-in for a commit changes with any file and with nothing else."""
    hub.add(NAME, FILES)
    first, again = (resolve(source(), base=into, into=into) for _ in range(2))
    hub.add(NAME, FILES | {"README.md": b"# Other\n"})
    other = resolve(source(), base=into, into=into)
    assert first == again
    assert first.commit != other.commit
    assert len(first.commit) == 64


def test_a_long_listing_comes_in_pages(hub, into):
    """More files than fit on a page are all found."""
    hub.add(NAME, {f"{n:03}.jsonl": b"{}\n" for n in range(201)})
    assert len(resolve(source("*.jsonl"), base=into, into=into).files) == 201


TRANSIENT = {
    "flipped bit, twice": [("flip", {"times": 2})],
    "cut, twice": [("cut", {"times": 2, "after": 140_000})],
    "reset": [("reset", {"after": 50})],
    "stall": [("stall", {"after": 50})],
    "web page": [("html", {})],
    "503, twice": [("status", {"times": 2})],
    "429": [("status", {"status": 429, "retry_after": 7})],
    "cut, then range ignored": [("cut", {"after": 140_000}), ("ignore_range", {})],
    "cut, then wrong range": [("cut", {"after": 140_000}), ("wrong_range", {})],
    "cut, then range that lies": [("cut", {"after": 140_000}), ("lying_range", {})],
    "too many bytes": [("longer", {})],
}


@pytest.mark.parametrize("faults", TRANSIENT.values(), ids=TRANSIENT)
def test_a_transient_fault_costs_at_most_five_tries(hub, into, quick, monkeypatch, faults):
    """After any fault that passes, the file is there with the right bytes and nothing is left over."""
    hub.add(NAME, FILES)
    for kind, settings in faults:
        if kind == "stall":
            monkeypatch.setattr(api, "DOWNLOAD_TIMEOUT", 0.5)
        hub.fault("*/repo/data/train-0.parquet", kind, **settings)
    got = build(source(), into, quick)
    assert [file.path.read_bytes() for file in got] == [SHARD, SHARD[::-1]]
    assert 2 <= len(hub.bodies("*train-0.parquet")) <= 5
    assert list(into.glob("modelscope/*/*/*/partial/*")) == []


PERMANENT = {
    "503 for ever": ("status", {}, SourceUnavailable, 5),
    "reset for ever": ("reset", {"after": 10}, SourceUnavailable, 5),
    "flipped for ever": ("flip", {}, SourceCorrupt, 5),
    "web page for ever": ("html", {}, SourceCorrupt, 5),
    "vanished file": ("vanish", {}, SourceNotFound, 1),
    "401": ("status", {"status": 401}, SourceDenied, 1),
    "403": ("status", {"status": 403}, SourceDenied, 1),
    "400": ("status", {"status": 400}, SourceError, 1),
}


@pytest.mark.parametrize(("kind", "settings", "error", "tries"), PERMANENT.values(), ids=PERMANENT)
def test_a_permanent_fault_ends_with_one_sentence(hub, into, quick, kind, settings, error, tries):
    """The error has the right class, names the file, and nothing is kept as good."""
    hub.add(NAME, FILES)
    hub.fault("*/repo/data/*", kind, times=None, **settings)
    with pytest.raises(error, match=r"data/train-0\.parquet") as caught:
        build(source("data/train-0.parquet"), into, quick)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert len(hub.bodies()) == tries
    assert [path for path in into.glob("modelscope/*/*/*/files/**/*") if path.is_file()] == []


def test_a_listing_that_never_comes_ends_after_the_tries_of_the_client(hub, into, quick, waits):
    """The client repeats pages itself; that is not multiplied by tries of ours."""
    hub.add(NAME, FILES)
    hub.fault("*/repo/tree", "status", times=None)
    with pytest.raises(SourceUnavailable, match=r"org/set@master: .* answered 503"):
        build(source(), into, quick)
    assert (len(hub.requests), waits) == (api.REPO_TREE_PAGE_MAX_ATTEMPTS, [])


def test_what_is_not_there_is_named(hub, into, quick):
    """Unknown datasets, revisions and patterns end at once."""
    hub.add(NAME, FILES)
    with pytest.raises(SourceNotFound, match="org/other@master"):
        build(source(dataset="org/other"), into, quick)
    with pytest.raises(SourceNotFound, match="org/set@v9"):
        build(source(revision="v9"), into, quick)
    with pytest.raises(SourceNotFound, match=r"no file matches 'cot-\*'"):
        build(source("cot-*"), into, quick)


def test_a_branch_that_moves_during_the_build_is_noticed(hub, into, quick):
    """Files are asked for by branch, so newer content must not pass for the older."""
    hub.add(NAME, FILES)
    snapshot = resolve(source(), base=into, into=into)
    hub.add(NAME, FILES | {"data/train-0.parquet": SHARD[1:] + b"x"})
    with pytest.raises(SourceCorrupt, match=r"train-0\.parquet"):
        fetch(source(), snapshot, base=into, into=into, patience=quick)


def test_a_pinned_commit_builds_without_a_hub_and_a_branch_does_not(hub, into, quick):
    """A hub that is down never means an old snapshot."""
    hub.add(NAME, FILES, commit=COMMIT)
    first = build(source(revision=COMMIT), into, quick)
    hub.down()
    assert build(source(revision=COMMIT), into, quick) == first
    with pytest.raises(SourceUnavailable, match="org/set@master: no answer"):
        build(source(), into, quick)


def test_a_name_that_leaves_its_folder_is_refused(hub, into):
    """A hostile listing writes nothing."""
    hub.add(NAME, {"../../evil.parquet": b"evil"})
    with pytest.raises(SourceError, match="unsafe file name"):
        resolve(source("../../evil.parquet"), base=into, into=into)


def test_the_token_opens_private_datasets_and_is_shown_nowhere(hub, into, quick, monkeypatch, caplog):
    """MODELSCOPE_API_TOKEN is honoured, and in no error or log."""
    caplog.set_level(logging.DEBUG)
    hub.add(NAME, FILES, token=CANARY)
    with pytest.raises(SourceDenied, match="MODELSCOPE_API_TOKEN"):
        build(source(), into, quick)
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", CANARY)
    assert len(build(source(), into, quick)) == 2
    texts = []
    for kind in ("status", "flip", "reset", "vanish"):
        hub.faults.clear()
        hub.fault("*/repo/*", kind, times=None)
        with pytest.raises(SourceError) as caught:
            build(source(), into / kind, quick)
        texts += traceback.format_exception(caught.value)
    assert [text for text in [*texts, caplog.text] if CANARY in text] == []


def test_a_missing_package_is_named_with_its_cure(hub, into, monkeypatch):
    """Without the extra the error says what to install."""
    monkeypatch.setitem(sys.modules, "modelscope_hub", None)
    with pytest.raises(SourceError, match=r"pip install 'thinkmix\[modelscope\]'"):
        resolve(source(), base=into, into=into)
