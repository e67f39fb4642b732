"""A pushed version is what the hub holds, whatever breaks on the way, and nothing goes that may not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from tests.harness.builders import quick_build, recipe
from tests.harness.loopback_hub import LoopbackHub, serve
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages.provenance import provenance_fields
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.training.push import push
from thinkmix.flows.training.pushing.licences import refusal, standings
from thinkmix.schemas.errors import NotFound, PushError
from thinkmix.schemas.manifest import Manifest, SourceEntry

TO = "hub:org/mixture"

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the hub's own client


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub that takes pushes, with large files over its own protocol instead of Xet."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with serve() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        yield served


def held(hub: LoopbackHub) -> dict[str, bytes]:
    """Return the files of the dataset as it stands."""
    dataset = hub.datasets["org/mixture"]
    return {
        path: b"".join(file.part(0, file.size))
        for path, file in dataset.commits[dataset.branches["main"]].items()
    }


def test_the_hub_holds_the_version_row_for_row(hub: LoopbackHub, version: Path, tmp_path: Path):
    """Private, with its card and provenance, and without a row that was left out; published bytes stay."""
    before = {path.name: path.read_bytes() for path in version.glob("*.parquet")}
    found = push(version, TO, public=False)
    files = held(hub)

    assert hub.datasets["org/mixture"].private
    assert found.new == found.files == len(files) - 1
    for name, content in before.items():
        (tmp_path / name).write_bytes(files[name])
        assert pq.read_table(tmp_path / name).equals(pq.read_table(version / name))
        assert (version / name).read_bytes() == content
    assert files[MANIFEST] == (version / MANIFEST).read_bytes()
    assert b'load_dataset("org/mixture")' in files["README.md"]
    assert {"croissant.json", "provenance.json", "TRAINING_DATA_SUMMARY.md"} <= files.keys()
    assert not any(name.startswith(("rejects", "outcomes", "report")) for name in files)


def test_a_mixture_is_built_from_what_was_pushed(hub: LoopbackHub, version: Path, tmp_path: Path):
    """By a recipe that names the dataset at the commit of the push."""
    found = push(version, TO, public=False)
    source = {
        "name": "again",
        "kind": "hub",
        "dataset": "org/mixture",
        "revision": found.commit,
        "files": ["train-*.parquet", "eval-*.parquet"],
        "format": "messages",
    }
    stated = recipe(sources=[source], mix={"shares": {"again": 1}, "eval_share": 0}, decontaminate={})
    again = quick_build(stated, tmp_path / "store", tmp_path)
    read = json.loads((again.version / "report.json").read_bytes())["ledger"]["stages"][0]["read"]["rows"]

    assert read == found.rows == sum(pq.read_metadata(path).num_rows for path in version.glob("*.parquet"))


def test_a_second_push_sends_nothing(hub: LoopbackHub, version: Path):
    """The same version is there already, at the same commit."""
    first = push(version, TO, public=False)
    sent = len([one for one in hub.requests if one.method == "PUT"])
    second = push(version, TO, public=False)

    assert (second.new, second.commit) == (0, first.commit)
    assert len([one for one in hub.requests if one.method == "PUT"]) == sent


def test_a_broken_push_goes_on_where_it_stopped(hub: LoopbackHub, version: Path):
    """The commit fails after the large files went; the next try sends none of them again."""
    hub.fault("/api/datasets/org/mixture/commit/*", "status", times=1, status=500)
    with pytest.raises(PushError, match="push again to go on"):
        push(version, TO, public=False)
    sent = [one for one in hub.requests if one.method == "PUT"]
    found = push(version, TO, public=False)

    assert sent
    assert [one for one in hub.requests if one.method == "PUT"] == sent
    assert set(held(hub)) > {path.name for path in version.glob("*.parquet")}
    assert found.new == found.files


def test_a_commit_that_landed_is_no_failure(hub: LoopbackHub, version: Path):
    """Its answer was an error, and the hub holds every file: it is asked, and nothing goes twice."""
    hub.fault("/api/datasets/org/mixture/commit/*", "landed", status=504)
    found = push(version, TO, public=False)

    assert found.commit == hub.datasets["org/mixture"].branches["main"]
    assert len(hub.datasets["org/mixture"].commits) == 2


def test_files_of_an_earlier_push_go(hub: LoopbackHub, version: Path):
    """What the version does not hold would be loaded as rows of it."""
    hub.add("org/mixture", {"train-00001-of-00002.parquet": b"old", ".gitattributes": b""})
    hub.datasets["org/mixture"].private = True
    found = push(version, TO, public=False)

    assert found.removed == 1
    assert "train-00001-of-00002.parquet" not in held(hub)


def test_a_public_dataset_is_not_written_by_mistake(hub: LoopbackHub, version: Path):
    """A push is private unless it says otherwise, and a dataset that everyone sees stays as it is."""
    hub.add("org/mixture", {"a.txt": b"a"})

    with pytest.raises(PushError, match="org/mixture is public"):
        push(version, TO, public=False)
    assert set(held(hub)) == {"a.txt"}


def test_a_refused_token_is_a_sentence_without_it(hub: LoopbackHub, version: Path, monkeypatch):
    """The way out is named, the token is not."""
    hub.writer = "hf_right"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong_secret")

    with pytest.raises(PushError, match="set HF_TOKEN to one that may write there") as caught:
        push(version, TO, public=False)
    assert "hf_wrong" not in str(caught.value)


def test_a_hub_that_is_away_is_a_sentence(hub: LoopbackHub, version: Path):
    """It says that a second try goes on."""
    hub.down()
    with pytest.raises(PushError, match="does not answer"):
        push(version, TO, public=False)
    hub.up()


@pytest.mark.parametrize("to", ["org/mixture", "hub:mixture", "hub:../x", "s3:a/b", "hub:"])
def test_a_place_is_an_organisation_and_a_name(version: Path, to: str):
    """Another one is refused before anything is copied."""
    with pytest.raises(NotFound, match="hub:ORGANISATION/NAME"):
        push(version, to, public=False)


def entry(licence: str | None) -> SourceEntry:
    """Return a source with a licence."""
    return SourceEntry(name="s", dataset="d", revision="r", commit="c", licence=licence, files=())


@pytest.mark.parametrize(
    ("licence", "private", "public"),
    [
        ("apache-2.0", True, True),
        ("CC-BY-4.0", True, True),
        ("cc-by-nc-4.0", True, True),
        ("cc-by-nd-4.0", False, False),
        ("CC-BY-NC-ND-4.0", False, False),
        ("proprietary", False, False),
        ("my own", True, False),
        (None, True, False),
    ],
)
def test_a_licence_decides_what_may_go(licence: str | None, private: bool, public: bool):
    """No changed copies: never; not known: not in public; the sentence names source and way out."""
    known = standings([entry(licence)])

    assert (refusal(known, public=False) is None) == private
    assert (refusal(known, public=True) is None) == public


def test_every_field_of_provenance_is_filled_or_said_to_be_unknown(built: Built):
    """All 22 of the standard, none empty."""
    manifest = Manifest.model_validate_json((built.version / MANIFEST).read_bytes())
    groups = provenance_fields(manifest, name="org/mixture", version=built.version.name, licence="none")
    values = [value for group in groups.values() for value in group.values()]

    assert (len(values), all(values)) == (22, True)
    assert built.version.name in values
