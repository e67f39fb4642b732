"""Files at a web address: pinned by their sha256, fetched with resume, and built from without a network."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from thinkmix.flows.sources import fetch, resolve
from thinkmix.flows.sources.url_source import UrlSource
from thinkmix.schemas.errors import SourceCorrupt, SourceDenied, SourceNotFound, SourceUnavailable

ROWS = "".join(
    json.dumps(
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"{n}."}]}
    )
    + "\n"
    for n in range(4000)
).encode()
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = sha256(ROWS).hexdigest()


@pytest.fixture
def url(hub) -> str:
    """The address of a file."""
    hub.add("org/set", {"train.jsonl": ROWS}, commit=COMMIT)
    return f"{hub.endpoint}/datasets/org/set/resolve/{COMMIT}/train.jsonl"


def source(url: str, **stated: Any) -> UrlSource:
    return UrlSource(**{"name": "set", "format": "messages", "url": url, "sha256": DIGEST, **stated})


def build(one: UrlSource, into: Path, quick):
    """Resolve and fetch, as a build does."""
    snapshot = resolve(one, base=into, into=into, patience=quick)
    return snapshot, fetch(one, snapshot, base=into, into=into, patience=quick)


def test_a_file_is_its_sha256(hub, url, into, quick):
    """That is commit and revision; size and name are those of the file."""
    snapshot, (file,) = build(source(url), into, quick)
    assert (snapshot.revision, snapshot.commit, snapshot.size) == (DIGEST, DIGEST, len(ROWS))
    assert file.path.read_bytes() == ROWS
    place = into / "url" / hub.endpoint.removeprefix("http://") / "train.jsonl" / DIGEST / "files"
    assert file.path == place / "train.jsonl"


def test_a_file_that_was_fetched_needs_no_network(hub, url, into, quick):
    """Neither to be resolved nor to be fetched."""
    first = build(source(url), into, quick)
    hub.requests.clear()
    assert build(source(url), into, quick) == first
    assert hub.requests == []


@pytest.mark.parametrize("fault", ["reset", "cut"])
def test_a_broken_transfer_goes_on_where_it_stopped(fault, hub, url, into, quick):
    """The second request asks for the rest alone."""
    snapshot = resolve(source(url), base=into, into=into, patience=quick)
    hub.requests.clear()
    hub.fault("*train.jsonl", fault, after=100_000)
    (file,) = fetch(source(url), snapshot, base=into, into=into, patience=quick)
    assert file.path.read_bytes() == ROWS
    starts = [request.range for request in hub.requests if request.method == "GET"]
    assert starts[0] is None
    assert starts[1] is not None
    assert 0 < int(starts[1].removeprefix("bytes=").rstrip("-")) <= 100_000


def test_another_content_is_refused_and_not_remembered(url, into, quick):
    """The error names the digest; nothing is left under the name of the file."""
    other = source(url, sha256="0" * 64)
    snapshot = resolve(other, base=into, into=into, patience=quick)
    with pytest.raises(SourceCorrupt, match="000000"):
        fetch(other, snapshot, base=into, into=into, patience=quick)
    assert not list(into.rglob("train.jsonl/*/files/*"))
    assert not list(into.rglob("tree.json"))


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, SourceDenied), (404, SourceNotFound), (410, SourceNotFound), (503, SourceUnavailable)],
)
def test_a_status_is_an_error_that_shows_no_query(status, error, hub, url, into, quick):
    """A signature in the query is in no message."""
    hub.fault("*train.jsonl", "status", times=None, status=status)
    with pytest.raises(error) as raised:
        resolve(source(f"{url}?signature=canary"), base=into, into=into, patience=quick)
    assert url in str(raised.value)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"url": "ftp://h/a.jsonl"}, "begins with http"),
        ({"url": "https:///a.jsonl"}, "has a host"),
        ({"url": "https://me:secret@h/a.jsonl"}, "a user or a password is refused"),
        ({"url": "https://h/download?id=3"}, "state `file`"),
        ({"url": "https://h/a.jsonl", "file": "../a.jsonl"}, "does not say how it is read"),
        ({"url": "https://h/a.jsonl", "sha256": DIGEST.upper()}, "sha256"),
    ],
)
def test_what_no_build_could_fetch_is_refused_by_the_recipe(stated, says):
    """Before anything is asked."""
    with pytest.raises(ValidationError, match=says):
        source(**{"url": "https://h/a.jsonl", **stated})


def test_a_name_may_be_stated(into):
    """Where the address ends with none."""
    assert source("https://h/download?id=3", file="rows.csv.gz").member == "rows.csv.gz"


def test_init_states_the_sha256_and_build_takes_it(url, tmp_path, monkeypatch, run):
    """A recipe of an address builds as it was written."""
    monkeypatch.chdir(tmp_path)
    code, _, told = run("init", url, "--output", "made.yaml")
    assert code == 0, told
    text = (tmp_path / "made.yaml").read_text(encoding="utf-8")
    assert f"    sha256: {DIGEST}\n" in text.replace('"', "")
    code, found, told = run("check", "made.yaml", "--json")
    assert code == 0, told
    (seen,) = json.loads(found)["sources"]
    assert (seen["commit"], seen["matched"], seen["preview"]["read"]) == (DIGEST, {"train.jsonl": 1}, 200)
