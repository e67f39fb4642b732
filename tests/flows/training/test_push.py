"""A pushed version is what the hub holds, whatever breaks on the way, and nothing goes that may not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants, snapshot_download

from tests.harness.builders import quick_build, recipe
from tests.harness.loopback_hub import LoopbackHub, serve
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages.provenance import COLUMNS, croissant, provenance_fields
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.training.push import push
from thinkmix.flows.training.pushing import hub as sending
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
    where = snapshot_download(
        "org/mixture",
        repo_type="dataset",
        revision=found.commit,
        endpoint=hub.endpoint,
        cache_dir=tmp_path,
    )

    assert hub.datasets["org/mixture"].private
    assert found.new == found.files == len(files) - 1
    for name, content in before.items():
        assert pq.read_table(Path(where) / name).equals(pq.read_table(version / name))
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


def test_rows_of_an_earlier_push_go_and_nothing_else(hub: LoopbackHub, version: Path):
    """They would be loaded as rows of the version; files that people put there stay."""
    theirs = {".gitattributes": b"", "LICENSE": b"ours", "images/a.png": b"a"}
    hub.add("org/mixture", {"train-00001-of-00002.parquet": b"old", **theirs})
    hub.datasets["org/mixture"].private = True
    found = push(version, TO, public=False)

    assert found.removed == 1
    assert "train-00001-of-00002.parquet" not in held(hub)
    assert theirs.items() <= held(hub).items()


def test_files_that_arrived_are_not_sent_again(hub: LoopbackHub, version: Path):
    """One of the large files is refused; the next push sends that one alone."""
    hub.fault("/lfs/*", "status", status=400)
    with pytest.raises(PushError, match="push again to go on"):
        push(version, TO, public=False)
    push(version, TO, public=False)
    arrived = [one.path for one in hub.requests if one.method == "PUT" and one.status == 200]

    assert len(arrived) == len(set(arrived)) == len(list(version.glob("*.parquet")))


def test_a_commit_of_another_is_not_overwritten(hub: LoopbackHub, version: Path, monkeypatch):
    """One that is made while the files are on their way is a sentence, and stays the newest."""
    listed = sending._listed

    def meanwhile(*asked):
        found = listed(*asked)
        hub.add("org/mixture", {"theirs.txt": b"b"})
        return found

    monkeypatch.setattr(sending, "_listed", meanwhile)
    with pytest.raises(PushError, match="another commit was made meanwhile"):
        push(version, TO, public=False)
    assert set(held(hub)) == {"theirs.txt"}


def test_a_public_dataset_is_not_written_by_mistake(hub: LoopbackHub, version: Path):
    """A push is private unless it says otherwise, and a dataset that everyone sees stays as it is."""
    hub.add("org/mixture", {"a.txt": b"a"})

    with pytest.raises(PushError, match="org/mixture is public"):
        push(version, TO, public=False)
    assert set(held(hub)) == {"a.txt"}


def test_a_private_dataset_is_not_called_public(hub: LoopbackHub, version: Path):
    """`--public` is about a new dataset; one that is there has commits that nobody asked to show."""
    push(version, TO, public=False)

    with pytest.raises(PushError, match="org/mixture is private"):
        sending.send(version, {}, repo="org/mixture", public=True, message="")
    assert len(hub.datasets["org/mixture"].commits) == 2


def test_a_password_of_the_address_is_not_shown(hub: LoopbackHub, version: Path, monkeypatch):
    """The page of the commit is told without it."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint.replace("http://", "http://me:secret@"))

    assert push(version, TO, public=False).url.startswith(f"{hub.endpoint}/datasets/org/mixture/tree/")


def test_an_address_that_is_none_is_a_sentence(version: Path, monkeypatch):
    """It names the variable, and not what it holds."""
    monkeypatch.setenv("HF_ENDPOINT", "ftp://me:secret@hub")

    with pytest.raises(PushError, match="correct HF_ENDPOINT") as caught:
        push(version, TO, public=False)
    assert "secret" not in str(caught.value)


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
        ("CC BY-ND 4.0", False, False),
        ("Creative Commons Attribution-NoDerivatives", False, False),
        ("apache-2.0 and proprietary", False, False),
        ("CC BY 4.0", True, True),
        ("Apache-2.0 and MIT", True, True),
        ("apache-2.0, our terms", True, False),
        ("mitsubishi-internal", True, False),
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


def test_croissant_describes_every_file_by_its_own_columns(built: Built):
    """Each file has a record set whose columns it holds; the context is that of the specification."""
    manifest = Manifest.model_validate_json((built.version / MANIFEST).read_bytes())
    files = {name: entry.sha256 for name, entry in manifest.files.items() if "/" not in name and entry.rows}
    told = json.loads(croissant(manifest, files, name="org/mixture", version=built.version.name))
    read = {
        (field["source"]["fileObject"]["@id"], field["source"]["extract"]["column"])
        for one in told["recordSet"]
        for field in one["field"]
    }

    assert {one["@id"]: one["sha256"] for one in told["distribution"]} == files
    assert read == {(file, column) for file in files for column in COLUMNS}
    assert all(COLUMNS.keys() <= set(pq.read_schema(built.version / file).names) for file in files)
    assert told["@context"]["@language"] == "en"
