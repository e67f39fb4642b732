"""Fetching from the Hugging Face Hub: what arrives is what was promised, whatever the network does."""

import logging
import os
import random
import subprocess
import sys
import threading
import time
import traceback
from hashlib import sha256
from pathlib import Path

import httpx2
import polars as pl
import pytest
from huggingface_hub import constants, snapshot_download

from thinkmix.flows.sources import fetch, resolve, transfer
from thinkmix.flows.sources import hub as hub_room
from thinkmix.flows.sources.hub_source import HubSource
from thinkmix.schemas.errors import (
    SourceCorrupt,
    SourceDenied,
    SourceError,
    SourceNotFound,
    SourceUnavailable,
    StoreError,
    StoreFull,
    ThinkmixError,
)

NAME = "org/set"
SHARD = random.Random(1).randbytes(300_000)
FILES = {
    "data/train-0.parquet": SHARD,
    "data/train-1.parquet": SHARD[::-1],
    "data/test-0.parquet": b"test",
    "notes.jsonl": b'{"a": 1}\n',
    "README.md": b"# Set\n",
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CANARY = "hf_canaryCanaryCANARY0123456789"
SHARED = (Path(__file__).parents[3] / "../shared/hub").resolve()


def source(*files: str, revision: str = "main", dataset: str = NAME) -> HubSource:
    return HubSource(
        name="set",
        format="messages",
        dataset=dataset,
        revision=revision,
        files=files or ("data/train-*.parquet",),
    )


def build(one: HubSource, into: Path, quick, **settings):
    """Resolve and fetch, as a build does."""
    snapshot = resolve(one, base=into, into=into, patience=quick)
    return fetch(one, snapshot, base=into, into=into, patience=quick, **settings)


def kept_as_good(into: Path) -> set[str]:
    return {path.name for path in into.glob("hub/*/*/*/files/**/*") if path.is_file()}


def test_a_branch_resolves_to_its_commit_and_the_matching_files(hub, into):
    """A snapshot names the commit behind the branch and only the files that the recipe asks for."""
    hub.add(NAME, FILES, commit=COMMIT)
    got = resolve(source("notes.jsonl", "data/train-*.parquet"), base=into, into=into)
    assert (got.dataset, got.revision, got.commit) == (NAME, "main", COMMIT)
    assert [file.path for file in got.files] == [
        "data/train-0.parquet",
        "data/train-1.parquet",
        "notes.jsonl",
    ]
    assert got.files[0].sha256 == sha256(SHARD).hexdigest()
    assert got.files[2].sha256 is None


def test_only_the_selected_files_are_downloaded_at_the_resolved_commit(hub, into, quick):
    """One request for each selected file, none for others, all at the commit and none at the branch."""
    hub.add(NAME, FILES, commit=COMMIT)
    got = build(source(), into, quick)
    assert [file.name for file in got] == ["data/train-0.parquet", "data/train-1.parquet"]
    assert [file.path.read_bytes() for file in got] == [SHARD, SHARD[::-1]]
    assert [file.sha256 for file in got] == [sha256(SHARD).hexdigest(), sha256(SHARD[::-1]).hexdigest()]
    want = [f"/datasets/{NAME}/resolve/{COMMIT}/data/train-{n}.parquet" for n in (0, 1)]
    assert sorted(request.path for request in hub.bodies()) == want


def test_files_that_lie_in_git_are_verified_too(hub, into, quick):
    """A file without an LFS oid is checked by git's own digest, and reported with its sha256."""
    hub.add(NAME, FILES)
    hub.fault("*/notes.jsonl", "flip")
    (got,) = build(source("notes.jsonl"), into, quick)
    assert got.sha256 == sha256(FILES["notes.jsonl"]).hexdigest()
    assert len(hub.bodies()) == 2


TRANSIENT = {
    "flipped bit, twice": [("flip", {"times": 2})],
    "cut, three times": [("cut", {"times": 3, "after": 70_000})],
    "cut at once": [("cut", {"after": 0})],
    "reset, twice": [("reset", {"times": 2, "after": 50})],
    "stall": [("stall", {"after": 50})],
    "web page, twice": [("html", {"times": 2})],
    "503, twice": [("status", {"times": 2, "status": 503})],
    "500, four times": [("status", {"times": 4, "status": 500})],
    "408": [("status", {"status": 408})],
    "429": [("status", {"status": 429, "retry_after": 7})],
    "cut, then range ignored": [("cut", {"after": 70_000}), ("ignore_range", {})],
    "cut, then wrong range": [("cut", {"after": 70_000}), ("wrong_range", {})],
    "cut, then range that lies": [("cut", {"after": 70_000}), ("lying_range", {})],
    "cut, then range refused": [("cut", {"after": 70_000}), ("status", {"status": 416})],
    "too many bytes": [("longer", {})],
}


@pytest.mark.acceptance("A14")
@pytest.mark.parametrize("faults", TRANSIENT.values(), ids=TRANSIENT)
def test_a_transient_fault_costs_at_most_five_tries(hub, into, quick, waits, monkeypatch, faults):
    """After any fault that passes, the file is there with the right bytes and nothing is left over."""
    hub.add(NAME, FILES)
    for kind, settings in faults:
        if kind == "stall":
            monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.5)
        hub.fault("/datasets/*train-0.parquet", kind, **settings)
    got = build(source(), into, quick)
    assert [file.path.read_bytes() for file in got] == [SHARD, SHARD[::-1]]
    assert 2 <= len(hub.bodies("*train-0.parquet")) <= 5
    assert len(hub.bodies("*train-1.parquet")) == 1
    assert len(waits) == len(hub.bodies("*train-0.parquet")) - 1
    assert list(into.glob("hub/*/*/*/partial/*")) == []


def test_metadata_requests_are_repeated_too(hub, into, quick, waits):
    """A hub that stumbles over the revision or the listing is asked again."""
    hub.add(NAME, FILES)
    hub.fault("*/revision/*", "status", times=2)
    hub.fault("*/revision/*", "html")
    hub.fault("*/tree/*", "reset")
    assert len(build(source(), into, quick)) == 2
    assert len(waits) == 4


@pytest.mark.acceptance("A14")
def test_retry_after_is_obeyed(hub, into, quick, waits):
    """The wait is at least what the hub asks for."""
    hub.add(NAME, FILES)
    hub.fault("/datasets/*train-0*", "status", status=429, retry_after=7)
    build(source(), into, quick)
    assert [7 <= wait < 8 for wait in waits] == [True]


REASONS = {
    "web page": ([("html", {})], "sent 41 bytes (text/html) instead of 300000"),
    "too many bytes": ([("longer", {})], "sent more than the 300000 bytes"),
    "wrong range": ([("cut", {"after": 70_000}), ("wrong_range", {})], "at byte 69993 instead of 70000"),
    "flipped bit": ([("flip", {})], "has not the digest"),
}


@pytest.mark.parametrize(("faults", "reason"), REASONS.values(), ids=REASONS)
def test_the_reason_for_a_new_try_is_logged(hub, into, quick, caplog, faults, reason):
    """A person who reads the log sees what the network did."""
    hub.add(NAME, FILES)
    for kind, settings in faults:
        hub.fault("/datasets/*", kind, **settings)
    build(source("data/train-0.parquet"), into, quick)
    assert reason in caplog.messages[-1]


def test_a_file_of_another_size_than_listed_is_not_even_read(hub, into, quick):
    """The sizes of listing and answer are compared before the first byte."""
    hub.add(NAME, FILES)
    hub.listed_size = 10
    heard = []
    with pytest.raises(SourceCorrupt, match=r"sent 300000 bytes \(application/octet-stream\) instead of 10"):
        build(source("data/train-0.parquet"), into, quick, progress=lambda *call: heard.append(call))
    assert heard == []


PERMANENT = {
    "503 for ever": ("status", {"status": 503}, SourceUnavailable, 5),
    "429 for an hour": ("status", {"status": 429, "retry_after": 3600}, SourceUnavailable, 1),
    "reset for ever": ("reset", {"after": 10}, SourceUnavailable, 5),
    "stall for ever": ("stall", {"after": 10}, SourceUnavailable, 5),
    "flipped for ever": ("flip", {}, SourceCorrupt, 5),
    "web page for ever": ("html", {}, SourceCorrupt, 5),
    "vanished file": ("vanish", {}, SourceNotFound, 1),
    "401": ("status", {"status": 401}, SourceDenied, 1),
    "403": ("status", {"status": 403}, SourceDenied, 1),
    "400": ("status", {"status": 400}, SourceError, 1),
}


@pytest.mark.acceptance("A14")
@pytest.mark.parametrize(("kind", "settings", "error", "tries"), PERMANENT.values(), ids=PERMANENT)
def test_a_permanent_fault_ends_with_one_sentence(
    hub, into, quick, monkeypatch, kind, settings, error, tries
):
    """The error has the right class, names the file, and nothing is kept as good."""
    if kind == "stall":
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.4)
    hub.add(NAME, FILES)
    hub.fault("/datasets/*", kind, times=None, **settings)
    with pytest.raises(error, match=r"data/train-0\.parquet") as caught:
        build(source("data/train-0.parquet"), into, quick)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert len(hub.bodies()) == tries
    assert kept_as_good(into) == set()


def test_what_is_not_there_is_named(hub, into, quick):
    """Unknown datasets, revisions and patterns are told apart, each without a second try."""
    hub.add(NAME, FILES)
    with pytest.raises(SourceNotFound, match=r"org/other@main: .* no such dataset"):
        build(source(dataset="org/other"), into, quick)
    with pytest.raises(SourceNotFound, match=r"org/set@v9: .* no such revision"):
        build(source(revision="v9"), into, quick)
    with pytest.raises(SourceNotFound, match=r"'cot-\*\.parquet'; there are 'data/test-0\.parquet'"):
        build(source("data/train-*.parquet", "cot-*.parquet"), into, quick)
    assert [request.status for request in hub.requests] == [404, 404, 200, 200]


def test_a_revision_that_vanishes_before_the_download_ends_the_build(hub, into, quick):
    """A commit that is gone cannot be replaced by another."""
    commit = hub.add(NAME, FILES)
    snapshot = resolve(source(), base=into, into=into)
    hub.forget(NAME, commit)
    with pytest.raises(SourceNotFound, match="no such revision"):
        fetch(source(), snapshot, base=into, into=into, patience=quick)


def test_a_file_of_an_unknown_kind_is_refused(hub, into):
    """A pattern that also matches a README asks to be narrowed."""
    hub.add(NAME, FILES)
    with pytest.raises(SourceError, match=r"cannot read 'README\.md', which '\*\*' matches; narrow `files`"):
        resolve(source("**"), base=into, into=into)


def test_a_pattern_that_matches_only_what_cannot_be_read_says_what_can_be(hub, into):
    """The sentence names the kinds that are read, and files of these kinds."""
    hub.add(NAME, {"README.md": b"x", "LICENSE.txt": b"x", "data/a.csv": b"x"})
    with pytest.raises(
        SourceError, match=r"'\*' matches only what cannot be read: .*; of these there are 'data/a"
    ):
        resolve(source("*"), base=into, into=into)


def test_a_private_dataset_opens_with_the_right_token_only(hub, into, quick, monkeypatch):
    """HF_TOKEN is honoured; without it or with a wrong one the error says which of the two."""
    hub.add(NAME, FILES, token=CANARY)
    with pytest.raises(SourceDenied, match="no HF_TOKEN was given; check the name, or set HF_TOKEN"):
        build(source(), into, quick)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(SourceDenied, match="the token it was given does not open it"):
        build(source(), into, quick)
    assert len(hub.requests) == 2
    monkeypatch.setenv("HF_TOKEN", CANARY)
    assert len(build(source(), into, quick)) == 2


def test_the_token_stays_with_the_hub(hub, into, quick, monkeypatch, caplog):
    """Storage on another host that the hub redirects to, and next pages there, do not get the token."""
    monkeypatch.setenv("HF_TOKEN", CANARY)
    caplog.set_level(logging.DEBUG)
    hub.add(NAME, FILES)
    hub.redirect, hub.page_size = True, 2
    assert len(build(source(), into, quick)) == 2
    with_token = {request.path.split("/")[1]: request.authorization is not None for request in hub.requests}
    assert with_token == {"api": True, "datasets": True, "cdn": False}
    assert "signature=secret" not in caplog.text


def test_a_second_fetch_downloads_nothing(hub, into, quick):
    """Intact files are hashed, and not fetched again."""
    hub.add(NAME, FILES)
    first = build(source(), into, quick)
    assert build(source(), into, quick) == first
    assert len(hub.bodies()) == 2


@pytest.mark.acceptance("A12")
def test_a_bit_flipped_on_disk_is_noticed(hub, into, quick):
    """A cached file that was changed is fetched again, alone, even if its time was set back."""
    hub.add(NAME, FILES)
    first = build(source(), into, quick)
    path, status = first[1].path, first[1].path.stat()
    body = bytearray(path.read_bytes())
    body[1000] ^= 1
    path.write_bytes(body)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert build(source(), into, quick) == first
    assert path.read_bytes() == SHARD[::-1]
    assert len(hub.bodies("*train-1*")) == 2


def test_a_moved_branch_gives_the_new_commit(hub, into, quick):
    """Between two builds a branch may move: the second one gets the new files, never a mix."""
    old = hub.add(NAME, FILES)
    one = source()
    first = resolve(one, base=into, into=into)
    new = hub.add(NAME, FILES | {"data/train-0.parquet": b"newer"})
    second = resolve(one, base=into, into=into)
    assert (first.commit, second.commit) == (old, new)
    got = fetch(one, first, base=into, into=into), fetch(one, second, base=into, into=into)
    assert [files[0].path.read_bytes() for files in got] == [SHARD, b"newer"]


def test_a_pinned_commit_that_was_fetched_builds_without_a_hub(hub, into, quick):
    """Everything is on disk and verified: no hub is needed."""
    hub.add(NAME, FILES, commit=COMMIT)
    first = build(source(revision=COMMIT), into, quick)
    hub.down()
    assert build(source(revision=COMMIT), into, quick) == first
    assert len(resolve(source("*.jsonl", revision=COMMIT), base=into, into=into).files) == 1


def test_a_hub_that_is_down_never_means_an_old_snapshot(hub, into, quick):
    """A branch, a missing file or a damaged file list needs the hub: without it the build ends."""
    hub.add(NAME, FILES, commit=COMMIT)
    first = build(source(revision=COMMIT), into, quick)
    hub.down()
    with pytest.raises(SourceUnavailable, match="org/set@main: no answer"):
        build(source(), into, quick)
    first[0].path.unlink()
    with pytest.raises(SourceUnavailable, match=r"train-0\.parquet"):
        build(source(revision=COMMIT), into, quick)
    (listing,) = into.glob("hub/**/tree.json")
    listing.write_bytes(listing.read_bytes().replace(b"train-0", b"train-9"))
    with pytest.raises(SourceUnavailable, match=COMMIT):
        build(source(revision=COMMIT), into, quick)
    hub.up()
    assert build(source(revision=COMMIT), into, quick) == first


def test_a_broken_transfer_is_continued_by_the_next_build(hub, into, quick):
    """What arrived before everything broke is not downloaded again."""
    hub.add(NAME, FILES)
    hub.fault("/datasets/*", "cut", times=5, after=40_000)
    with pytest.raises(SourceUnavailable, match="gave up after 5 tries: set HF_ENDPOINT to a mirror"):
        build(source("data/train-0.parquet"), into, quick)
    assert kept_as_good(into) == set()
    (got,) = build(source("data/train-0.parquet"), into, quick)
    assert got.path.read_bytes() == SHARD
    want = [None, *(f"bytes={40_000 * n}-" for n in range(1, 6))]
    assert [request.range for request in hub.bodies()] == want


def test_a_killed_build_is_continued_by_the_next(hub, into, quick):
    """After kill -9 in the middle of a file, the lock is free and the rest of the file is fetched."""
    hub.add(NAME, FILES)
    hub.fault("/datasets/*", "stall", after=200_000)
    one = source("data/train-0.parquet")
    resolve(one, base=into, into=into, patience=quick)
    code = (
        "import sys; from pathlib import Path; from thinkmix.flows.sources import fetch, resolve;"
        "from thinkmix.flows.sources.hub_source import HubSource; into = Path(sys.argv[1]);"
        "one = HubSource.model_validate_json(sys.argv[2]);"
        "fetch(one, resolve(one, base=into, into=into), base=into, into=into)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(into), one.model_dump_json()]) as running:
        while not any(path.stat().st_size == 200_000 for path in into.glob("hub/*/*/*/partial/*")):
            assert running.poll() is None
            time.sleep(0.05)
        running.kill()
    (got,) = build(one, into, quick)
    assert got.path.read_bytes() == SHARD
    assert [request.range for request in hub.bodies()] == [None, "bytes=200000-"]


def test_one_lost_file_stops_the_others(hub, into, quick):
    """A permanent failure is not kept back by files that would take long."""
    hub.add(NAME, {f"data/{n}.parquet": SHARD + bytes([n]) for n in range(9)})
    hub.fault("*/1.parquet", "vanish", times=None)
    hub.fault("*/0.parquet", "stall", times=None)
    caught = []

    def run():
        try:
            build(source("data/*"), into, quick)
        except SourceError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not caught and thread.is_alive():
        thread.join(0.05)
        if any(request.status == 404 for request in hub.requests):
            hub.closing.set()
    thread.join(10)
    assert [type(error) for error in caught] == [SourceNotFound]
    assert len(hub.bodies("*/8.parquet")) <= 1


def test_builds_at_the_same_time_share_one_download(hub, into, quick):
    """Four builds that need the same files wait for the one that fetches them."""
    hub.add(NAME, FILES)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(build(source(), into, quick))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 4
    assert len(set(results)) == 1
    assert len(hub.bodies()) == 2


def test_the_number_of_threads_changes_nothing(hub, tmp_path, quick, monkeypatch):
    """Files come back in the order of their names, an empty one among them."""
    hub.add(NAME, {f"data/{n:02}.parquet": bytes([n]) * (29 - n) for n in range(30)})
    got = []
    for threads in (1, 3, 16):
        monkeypatch.setattr(transfer, "_AT_ONCE", threads)
        got.append(build(source("data/*"), tmp_path / str(threads), quick))
    names = [[(file.name, file.sha256) for file in files] for files in got]
    assert names[0] == names[1] == names[2]
    assert [name for name, _ in names[0]] == sorted(name for name, _ in names[0])


def test_long_listings_come_in_pages(hub, into):
    """All pages are read, although their links name another host."""
    hub.page_size = 2
    hub.add(NAME, {f"{n}.jsonl": b"{}\n" for n in range(7)})
    assert len(resolve(source("*.jsonl"), base=into, into=into).files) == 7


def test_progress_ends_with_all_bytes(hub, into, quick):
    """A listener hears of every file until it is complete."""
    hub.add(NAME, FILES)
    heard: dict[str, list[tuple[int, int]]] = {}
    build(
        source(),
        into,
        quick,
        progress=lambda name, done, total: heard.setdefault(name, []).append((done, total)),
    )
    assert {name: calls[-1] for name, calls in heard.items()} == {
        "data/train-0.parquet": (300_000, 300_000),
        "data/train-1.parquet": (300_000, 300_000),
    }


@pytest.mark.acceptance("A15")
def test_a_download_that_cannot_fit_is_refused_with_numbers(hub, into, quick):
    """Nothing is downloaded when the disk is too small for all of it."""
    hub.add(NAME, FILES)
    hub.listed_size = 10**15
    with pytest.raises(StoreFull, match=r"2000000\.07 GB needed for the download but \d+\.\d\d GB free in"):
        build(source(), into, quick)
    assert hub.bodies() == []


@pytest.mark.acceptance("A15")
def test_a_disk_that_fills_up_is_an_error_of_the_store(hub, into, quick):
    """No space left in the middle of a file ends the build at once, and not as a fault of the hub."""
    hub.add(NAME, FILES)
    snapshot = resolve(source("data/train-0.parquet"), base=into, into=into)
    partials = into / "hub" / NAME / snapshot.commit / "partial"
    partials.mkdir()
    file = snapshot.files[0]
    (partials / sha256(f"{file.path}\0{file.sha256}".encode()).hexdigest()).symlink_to("/dev/full")
    with pytest.raises(StoreFull, match="no space left"):
        fetch(source(), snapshot, base=into, into=into, patience=quick)
    assert len(hub.bodies()) == 1


@pytest.mark.acceptance("A16")
def test_a_cache_that_cannot_be_written_is_an_error_of_the_store(hub, into, quick):
    """The error names the path and what the system says about it."""
    hub.add(NAME, FILES)
    into.mkdir()
    (into / "hub").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot use .*hub.*: (File exists|Not a directory)"):
        build(source(), into, quick)


HOSTILE = ["../../evil.parquet", "/evil.parquet", "a/../../evil.parquet", "./evil.parquet", "a//evil.parquet"]
HOSTILE += ["..\\evil.parquet", "evil\n.parquet", "evil\u202e.parquet", "a/./evil.parquet"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leaves_its_folder_is_refused(hub, into, name):
    """A hostile listing writes nothing, wherever it points."""
    hub.add(NAME, {name: b"evil"})
    with pytest.raises(SourceError, match="unsafe file name"):
        resolve(source(name), base=into, into=into)
    assert list(into.parent.rglob("*evil*")) == []


def test_a_commit_that_is_none_is_refused(hub, into):
    """What the hub calls a commit becomes a folder's name, so it must look like one."""
    hub.add(NAME, FILES, commit="../../../evil")
    with pytest.raises(SourceError, match="names no commit"):
        resolve(source(), base=into, into=into)


def error_paths(hub, into, quick, monkeypatch):
    """Yield errors of as many kinds as can be provoked with a token in the environment."""
    hub.add(NAME, FILES)
    hub.add("org/closed", FILES, token="other")
    plans = [
        ("*/revision/*", "status", {"status": status, "times": None}) for status in (401, 403, 404, 400, 503)
    ]
    plans += [("/datasets/*", kind, {"times": None}) for kind in ("reset", "flip", "html", "vanish", "cut")]
    for pattern, kind, settings in plans:
        hub.faults.clear()
        hub.fault(pattern, kind, **settings)
        yield lambda: build(source(), into, quick)
    hub.faults.clear()
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint.replace("//", f"//user:{CANARY}@"))
    yield lambda: build(source(revision="gone"), into, quick)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    yield lambda: build(source(dataset="org/closed"), into, quick)
    yield lambda: build(source(revision="gone"), into, quick)
    yield lambda: build(source("nothing-*"), into, quick)
    hub.down()
    yield lambda: build(source(), into, quick)
    monkeypatch.setenv("HF_ENDPOINT", f"http://user:{CANARY}@127.0.0.1:1/?key={CANARY}")
    yield lambda: build(source(), into, quick)
    monkeypatch.setenv("HF_ENDPOINT", f"nonsense://{CANARY}@x")
    yield lambda: build(source(), into, quick)
    monkeypatch.setenv("HF_TOKEN", f"{CANARY}\u0007")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    yield lambda: build(source(), into, quick)


def local_variables(error: BaseException) -> list[str]:
    """Return what a traceback that shows local variables would show of our functions."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    room = Path(hub_room.__file__).parent
    ours = [frame.f_locals for frame in frames if Path(frame.f_code.co_filename).parent == room]
    shown = [repr(value) for names in ours for value in names.values()]
    return shown + (local_variables(error.__cause__) if error.__cause__ else [])


@pytest.mark.acceptance("A26")
def test_the_token_is_in_no_error_and_no_log(hub, into, quick, monkeypatch, caplog):
    """Not in messages, representations, tracebacks with local variables, debug logs or files."""
    monkeypatch.setenv("HF_TOKEN", CANARY)
    caplog.set_level(logging.DEBUG)
    texts = []
    for provoke in error_paths(hub, into, quick, monkeypatch):
        with pytest.raises(ThinkmixError) as caught:
            provoke()
        texts += [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]
        texts += local_variables(caught.value)
    texts += [caplog.text, *(path.read_text("latin1") for path in into.rglob("*") if path.is_file())]
    assert [text for text in texts if CANARY in text] == []
    assert any(request.authorization == f"Bearer {CANARY}" for request in hub.requests)


def test_offline_mode_of_the_client_is_respected(hub, into, quick, monkeypatch):
    """HF_HUB_OFFLINE ends a build that needs the hub, with the reason."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SourceUnavailable, match="HF_HUB_OFFLINE is set"):
        build(source(), into, quick)
    assert hub.requests == []


def test_the_client_is_not_imported_with_the_room():
    """A command that needs no hub does not pay for its client."""
    clients = "{'huggingface_hub', 'modelscope_hub'}"
    code = f"import sys, thinkmix.flows.sources; print(sorted({clients} & set(sys.modules)))"
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout == "[]\n"


def test_the_default_endpoint_is_the_real_hub(monkeypatch):
    """An unset or empty HF_ENDPOINT means the hub itself."""
    monkeypatch.setenv("HF_ENDPOINT", "")
    assert hub_room.endpoint() == "https://huggingface.co"


def test_snapshot_download_works_against_the_stand_in_hub(hub, tmp_path):
    """The stand-in hub answers as the unmodified client expects."""
    commit = hub.add(NAME, FILES)
    folder = snapshot_download(
        NAME, repo_type="dataset", endpoint=hub.endpoint, cache_dir=tmp_path, allow_patterns=["data/train-*"]
    )
    assert Path(folder).name == commit
    assert (Path(folder) / "data/train-0.parquet").read_bytes() == SHARD


def test_load_dataset_works_against_the_stand_in_hub_run_by_hand(tmp_path):
    """`python tests/harness/loopback_hub.py --tree DIR` serves what `datasets` can load."""
    data = tmp_path / "tree" / NAME / "data"
    data.mkdir(parents=True)
    pl.DataFrame({"question": ["1 + 1?", "2 + 2?"]}).write_parquet(data / "train-00000-of-00001.parquet")
    server = Path(__file__).parents[2] / "harness" / "loopback_hub.py"
    command = [sys.executable, str(server), "--tree", str(tmp_path / "tree"), "--commit", f"{NAME}={COMMIT}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout.readline() == f"{NAME} at {COMMIT}\n"
            settings = {"HF_ENDPOINT": running.stdout.readline().strip(), "HF_HOME": str(tmp_path / "home")}
            settings |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
            code = f"import datasets; print(datasets.load_dataset({NAME!r}, split='train')['question'][:])"
            got = subprocess.run(
                [sys.executable, "-c", code],
                env=os.environ | settings,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            running.terminate()
    assert got.stdout == "['1 + 1?', '2 + 2?']\n", got.stderr


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reference material is not beside the checkout")
def test_the_real_names_and_shards_can_be_fetched(hub, into, quick):
    """Real shards under the real names arrive bit by bit."""
    name = "nvidia/OpenMathReasoning"
    hub.add(name, SHARED / name, commit="d3d08664755704f422af97d43a7ff0ded4bd95df")
    got = build(
        source("data/cot-*.parquet", dataset=name, revision="d3d08664755704f422af97d43a7ff0ded4bd95df"),
        into,
        quick,
    )
    assert [file.name for file in got] == [f"data/cot-0000{n}-of-00004.parquet" for n in range(4)]
    assert sum(pl.scan_parquet(file.path).select(pl.len()).collect().item() for file in got) == 11_046


def test_the_server_needs_no_client_of_ours(hub):
    """A plain HTTP client sees ranges and digests as the hub states them."""
    hub.add(NAME, FILES)
    address = f"{hub.endpoint}/datasets/{NAME}/resolve/main/data/train-0.parquet"
    got = httpx2.get(address, headers={"Range": "bytes=10-19"}, timeout=5)
    assert (got.status_code, got.content) == (206, SHARD[10:20])
    assert got.headers["X-Linked-Etag"] == f'"{sha256(SHARD).hexdigest()}"'
