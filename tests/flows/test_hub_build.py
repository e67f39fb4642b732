"""The two shipped mixtures, built from a hub that serves the datasets under their real names."""

import shutil
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from tests.builders import ROOT, forget, quick_build
from tests.loopback_hub import LoopbackHub, serve
from thinkmix.flows import sources
from thinkmix.flows.build import fetch
from thinkmix.flows.build.pipeline import Built
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


@pytest.fixture(scope="module", params=["sample", "shared"])
def served(request) -> dict[str, dict[str, Path]]:
    """The files of each dataset: our own sample, or the stand-in rows."""
    if request.param == "sample":
        return {MATH: sample("cot-*.parquet"), CHAT: sample("chat-*.parquet")}
    if not SHARED.is_dir():
        pytest.skip("the reference material does not lie beside the checkout")
    folders = {dataset: SHARED / dataset for dataset in COMMITS}
    return {
        dataset: {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.parquet")}
        for dataset, folder in folders.items()
    }


@pytest.fixture(scope="module")
def hub(served):
    """A hub with these files at the revisions that the recipes pin, and a client that does not wait."""
    with serve() as running, pytest.MonkeyPatch.context() as patch:
        upload(running, served)
        patch.setenv("HF_ENDPOINT", running.endpoint)
        patch.delenv("HF_TOKEN", raising=False)
        impatient = Patience(sleep=lambda seconds: None)
        for room, name in ((sources, "resolve"), (fetch, "fetch_files")):
            patch.setattr(room, name, partial(getattr(room, name), patience=impatient))
        yield running


def upload(hub: LoopbackHub, served: dict[str, dict[str, Path]]) -> None:
    """Put the files on the hub at the pinned commits."""
    for dataset, files in served.items():
        contents = {name: path.read_bytes() for name, path in files.items()}
        hub.add(dataset, contents, commit=COMMITS[dataset])


@pytest.fixture(scope="module")
def store(hub, tmp_path_factory) -> Store:
    """One store for all builds from a hub; another hub's rows under the same commits need another one."""
    return Store(tmp_path_factory.mktemp("store"))


def built(recipe: str, store: Store, **settings: object) -> Built:
    """Build a shipped recipe; what the store holds already is not made again."""
    located = load(recipe)
    return quick_build(override(located.recipe, **settings), store.root, located.base)


@pytest.fixture(scope="module", params=["math-7-3", "balanced-5-5"])
def first(request, hub, store) -> Built:
    """The first build of a shipped recipe."""
    return built(request.param, store)


@pytest.mark.acceptance("A21")
def test_shares_are_reached_to_the_row(first):
    """Train and eval hold the shares that the recipe states, with no row too many or too few."""
    for split in ("train", "eval"):
        shares = {share.source: share.examples for share in first.manifest.shares if share.split == split}
        rows = pl.scan_parquet(first.version / f"{split}-*.parquet").select(pl.len()).collect().item()
        assert rows == sum(shares.values()) > 0
        for source, share in first.manifest.recipe.mix.exact_shares().items():
            assert shares[source] == share * rows


def test_every_raw_row_has_one_fate(first, served):
    """As many lines in fates/ as rows in the files that were served, each for a row of its own."""
    first.manifest.ledger.check()
    for source, dataset in NAMES.items():
        raw = {
            (name, row)
            for name, path in served[dataset].items()
            for row in range(pl.scan_parquet(path).select(pl.len()).collect().item())
        }
        fates = pl.read_parquet(first.version / f"fates/{source}.parquet", columns=["file", "row"])
        assert fates.height == len(raw)
        assert set(fates.iter_rows()) == raw


@pytest.mark.parametrize("served", ["shared"], indirect=True)
def test_the_stand_in_rows_are_all_there(first):
    """The ledger reads as many rows as the reference material is known to hold."""
    read = {source: count.read.rows for source, count in first.manifest.ledger.of("validate").items()}
    assert read == SHARED_ROWS


def test_the_manifest_names_the_pinned_commits(first):
    """What was read is what the recipe pins, and the version verifies."""
    assert {origin.dataset: origin.commit for origin in first.manifest.sources} == COMMITS
    assert problems(first.version) == []


def test_a_second_build_changes_and_transfers_nothing(first, hub, store):
    """The same recipe again makes no output and asks the hub for no file."""
    before = len(hub.requests)
    again = built(first.manifest.mixture, store)
    assert (again.digest, again.status, again.made) == (first.digest, "unchanged", 0)
    assert hub.requests[before:] == []


@pytest.mark.parametrize("name", ["math-7-3", pytest.param("balanced-5-5", marks=pytest.mark.deep)])
def test_shares_by_tokens_are_reached_within_one_example(name, store):
    """With tokens as the unit, no source is further off than the longest example that was drawn."""
    counted = built(name, store, unit="tokens", name=f"{name}-by-tokens")
    rows = pl.scan_parquet(counted.version / "train-*.parquet")
    longest = rows.select((pl.col("prompt_tokens") + pl.col("completion_tokens")).max()).collect().item()
    tokens = {share.source: share.tokens for share in counted.manifest.shares if share.split == "train"}
    for source, share in counted.manifest.recipe.mix.exact_shares().items():
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
            built("math-7-3", store, seed=1)  # another draw: last night's version will not do
    finally:
        hub.faults.clear()
        hub.down()
        hub.up()
        upload(hub, served)
    assert (type(caught.value), caught.value.exit_code) == (error, 4)
    assert store.versions.current("math-7-3") == good.version
    assert problems(good.version) == []
