"""The two shipped mixtures, built from a hub that serves the datasets under their real names."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import ROOT, forget, quick_build
from tests.harness.loopback_hub import LoopbackHub, serve
from thinkmix.flows import sources
from thinkmix.flows.build import fetch
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import load, override
from thinkmix.flows.sources.patience import Patience
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import SourceCorrupt, SourceNotFound, SourceUnavailable

SHARED = (ROOT / "../shared/hub").resolve()
MATH, CHAT = "nvidia/OpenMathReasoning", "mlabonne/FineTome-100k"
NAMES = {"math": MATH, "chat": CHAT}
COMMITS = {source.dataset: source.revision for source in load("math-7-3").recipe.sources}
SHARED_ROWS = {"math": 11_046, "chat": 14_709}


def sample(pattern: str) -> dict[str, Path]:
    """Return files of the project's own sample by the names that the real datasets give them."""
    paths = sorted((ROOT / "data/samples").glob(pattern))
    return {f"data/{path.name.replace('chat-', 'train-')}": path for path in paths}


class Place:
    """The files of each dataset, a hub that serves them, and one store for all builds from it."""

    def __init__(self, files: dict[str, dict[str, Path]], hub: LoopbackHub, store: Store) -> None:
        self.files, self.hub, self.store, self.first = files, hub, store, dict[str, Built]()


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> Iterator[Callable[[str], Place]]:
    """Make a place of our own sample or of the stand-in rows, once each: one commit is other rows there."""
    made: dict[str, Place] = {}
    with ExitStack() as running:

        def place(name: str) -> Place:
            if name not in made:
                files = {MATH: sample("cot-*.parquet"), CHAT: sample("chat-*.parquet")}
                if name == "shared":
                    files = {dataset: below(SHARED / dataset) for dataset in COMMITS}
                made[name] = Place(
                    files, running.enter_context(serve()), Store(tmp_path_factory.mktemp("store"))
                )
                upload(made[name].hub, files)
            return made[name]

        yield place


def below(folder: Path) -> dict[str, Path]:
    """Return the parquet files of a folder by their names in it."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.parquet")}


@pytest.fixture(params=["sample", "shared"])
def place(request, places, monkeypatch) -> Place:
    """One of the places, and a client that asks its hub and does not wait."""
    if request.param == "shared" and not SHARED.is_dir():
        pytest.skip("the reference material does not lie beside the checkout")
    made = places(request.param)
    monkeypatch.setenv("HF_ENDPOINT", made.hub.endpoint)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    impatient = Patience(sleep=lambda seconds: None)
    for room, name in ((sources, "resolve"), (fetch, "fetch_files")):
        monkeypatch.setattr(room, name, partial(getattr(room, name), patience=impatient))
    return made


@pytest.fixture
def served(place) -> dict[str, dict[str, Path]]:
    """The files of each dataset: our own sample, or the stand-in rows."""
    return place.files


@pytest.fixture
def hub(place) -> LoopbackHub:
    """A hub with these files at the revisions that the recipes pin."""
    return place.hub


@pytest.fixture
def store(place) -> Store:
    """The store of all builds from that hub."""
    return place.store


def upload(hub: LoopbackHub, served: dict[str, dict[str, Path]]) -> None:
    """Put the files on the hub at the pinned commits."""
    for dataset, files in served.items():
        contents = {name: path.read_bytes() for name, path in files.items()}
        hub.add(dataset, contents, commit=COMMITS[dataset])


def built(recipe: str, store: Store, **settings: object) -> Built:
    """Build a shipped recipe; what the store holds already is not made again."""
    located = load(recipe)
    return quick_build(override(located.recipe, **settings), store.root, located.base)


@pytest.fixture
def first(request, place, store) -> Built:
    """The first build of a shipped recipe in that store."""
    if request.param not in place.first:
        place.first[request.param] = built(request.param, store)
    return place.first[request.param]


def exact_shares(made: Built) -> dict[str, Fraction]:
    """Return the shares that the recipe of a version states."""
    return Recipe.model_validate(made.manifest.recipe).mix.exact_shares()


SHIPPED = pytest.mark.parametrize(
    ("place", "first"),
    [
        ("sample", "math-7-3"),
        ("sample", "balanced-5-5"),
        ("shared", "math-7-3"),
        pytest.param("shared", "balanced-5-5", marks=pytest.mark.deep),
    ],
    indirect=True,
)
"""Both recipes on our own rows, and one of them on the stand-in rows, unless there is time for both."""


@pytest.mark.acceptance("A21")
@SHIPPED
def test_shares_are_reached_to_the_row(first):
    """Train and eval hold the shares that the recipe states, with no row too many or too few."""
    for split in ("train", "eval"):
        shares = {share.source: share.examples for share in first.manifest.shares if share.split == split}
        rows = pl.scan_parquet(first.version / f"{split}-*.parquet").select(pl.len()).collect().item()
        assert rows == sum(shares.values()) > 0
        for source, share in exact_shares(first).items():
            assert shares[source] == share * rows


@SHIPPED
def test_every_raw_row_has_one_outcome(first, served):
    """As many lines in outcomes/ as rows in the files that were served, each for a row of its own."""
    first.manifest.ledger.check()
    for source, dataset in NAMES.items():
        raw = {
            (name, row)
            for name, path in served[dataset].items()
            for row in range(pl.scan_parquet(path).select(pl.len()).collect().item())
        }
        outcomes = pl.read_parquet(first.version / f"outcomes/{source}.parquet", columns=["file", "row"])
        assert outcomes.height == len(raw)
        assert set(outcomes.iter_rows()) == raw


@pytest.mark.parametrize(("place", "first"), [("shared", "math-7-3")], indirect=True)
def test_the_stand_in_rows_are_all_there(first):
    """The ledger reads as many rows as the reference material is known to hold."""
    read = {source: count.read.rows for source, count in first.manifest.ledger.of("validate").items()}
    assert read == SHARED_ROWS


@SHIPPED
def test_the_manifest_names_the_pinned_commits(first):
    """What was read is what the recipe pins, and the version verifies."""
    assert {origin.dataset: origin.commit for origin in first.manifest.sources} == COMMITS
    assert problems(first.version) == []


@SHIPPED
def test_a_second_build_changes_and_transfers_nothing(first, hub, store):
    """The same recipe again makes no output and asks the hub for no file."""
    before = len(hub.requests)
    again = built(first.manifest.mixture, store)
    assert (again.digest, again.status, again.made) == (first.digest, "unchanged", 0)
    assert hub.requests[before:] == []


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("sample", "math-7-3"),
        pytest.param("sample", "balanced-5-5", marks=pytest.mark.deep),
        pytest.param("shared", "math-7-3", marks=pytest.mark.deep),
        pytest.param("shared", "balanced-5-5", marks=pytest.mark.deep),
    ],
    indirect=["place"],
)
def test_shares_by_tokens_are_reached_within_one_example(name, store):
    """With tokens as the unit, no source is further off than the longest example that was sampled."""
    counted = built(name, store, unit="tokens", name=f"{name}-by-tokens")
    rows = pl.scan_parquet(counted.version / "train-*.parquet")
    longest = rows.select((pl.col("prompt_tokens") + pl.col("completion_tokens")).max()).collect().item()
    tokens = {share.source: share.tokens for share in counted.manifest.shares if share.split == "train"}
    for source, share in exact_shares(counted).items():
        assert abs(tokens[source] - share * sum(tokens.values())) <= longest


HEALING = {
    "flipped bit": [("*/cot-00001*", "flip", {})],
    "503, twice": [("*/cot-00000*", "status", {"times": 2, "status": 503})],
    "all at once": [
        ("*/revision/*", "status", {"times": 2, "status": 503}),
        ("*/tree/*", "reset", {}),
        ("/datasets/*/train-00000*", "cut", {"times": 2, "after": 10_000}),
        ("*/cot-00002*", "html", {}),
    ],
}


@pytest.mark.parametrize("faults", HEALING.values(), ids=HEALING)
def test_trouble_that_passes_ends_in_the_same_version(faults, hub, store):
    """After any fault that passes, a build that downloads everything anew has the same rows."""
    good = built("math-7-3", store)
    shutil.rmtree(store.cache.downloads)
    forget(store.root, "math-7-3")
    for pattern, kind, settings in faults:
        hub.fault(pattern, kind, **settings)
    again = built("math-7-3", store)
    assert [fault.times for fault in hub.faults] == [0] * len(faults)
    hub.faults.clear()
    assert again.digest == good.digest


LASTING = {
    "503": (lambda hub: hub.fault("*", "status", times=None, status=503), SourceUnavailable),
    "flipped bit": (lambda hub: hub.fault("*/cot-00003*", "flip", times=None), SourceCorrupt),
    "vanished file": (lambda hub: hub.fault("*/train-0*", "vanish", times=None), SourceNotFound),
    "vanished revision": (lambda hub: hub.forget(CHAT, COMMITS[CHAT]), SourceNotFound),
    "down": (lambda hub: hub.down(), SourceUnavailable),
}


@pytest.mark.parametrize(("harm", "error"), LASTING.values(), ids=LASTING)
def test_trouble_that_lasts_leaves_the_last_good_version(harm, error, hub, served, store):
    """The build ends with the error's own class and exit code; what was published stays current."""
    good = built("math-7-3", store)
    shutil.rmtree(store.cache.downloads)
    harm(hub)
    try:
        with pytest.raises(error) as caught:
            built("math-7-3", store, seed=1)  # another sample: the last run's version will not do
    finally:
        hub.faults.clear()
        hub.down()
        hub.up()
        upload(hub, served)
    assert (type(caught.value), caught.value.exit_code) == (error, 4)
    assert store.versions.current("math-7-3") == good.version
    assert problems(good.version) == []
