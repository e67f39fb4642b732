"""The two shipped mixtures, built from a hub that serves the datasets under their real names."""

from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from flows.pipeline import build
from flows.recipes import load, override
from flows.store import Store, problems
from schemas.errors import SourceError
from tests.loopback_hub import serve

ROOT = Path(__file__).parents[2]
SHARED = (ROOT / "../shared/hub").resolve()
MATH, CHAT = "nvidia/OpenMathReasoning", "mlabonne/FineTome-100k"
COMMITS = {source.dataset: source.revision for source in load("math-7-3").recipe.sources}


@pytest.fixture(scope="module", params=["sample", "shared"])
def hub(request):
    """A hub with our own sample, or the stand-in rows, at the revisions that the recipes pin."""
    if request.param == "shared" and not SHARED.is_dir():
        pytest.skip("the reference material does not lie beside the checkout")
    with serve() as running, pytest.MonkeyPatch.context() as patch:
        for dataset, pattern in ((MATH, "cot-*.parquet"), (CHAT, "chat-*.parquet")):
            if request.param == "shared":
                files = SHARED / dataset
            else:
                paths = sorted((ROOT / "data/samples").glob(pattern))
                names = [path.name.replace("chat-", "train-") for path in paths]
                files = {f"data/{name}": path.read_bytes() for name, path in zip(names, paths, strict=True)}
            running.add(dataset, files, commit=COMMITS[dataset])
        patch.setenv("HF_ENDPOINT", running.endpoint)
        patch.delenv("HF_TOKEN", raising=False)
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """One store for all builds, as on a real machine."""
    return Store(tmp_path_factory.mktemp("store"))


def shares_of(manifest, split: str, unit: str) -> dict[str, int]:
    return {share.source: getattr(share, unit) for share in manifest.shares if share.split == split}


@pytest.mark.parametrize("name", ["math-7-3", "balanced-5-5"])
def test_a_hub_mixture_has_its_shares_to_the_row(hub, store, name):
    """Both splits reach the shares, every raw row has one fate, and a second build changes nothing."""
    located = load(name)
    built = build(located.recipe, store, base=located.base)
    again = build(located.recipe, store, base=located.base)

    for split in ("train", "eval"):
        examples = shares_of(built.manifest, split, "examples")
        for source, share in located.recipe.mix.exact_shares().items():
            assert examples[source] == share * sum(examples.values())
    for source, count in built.manifest.ledger.check().of("validate").items():
        fates = pl.read_parquet(built.version / f"fates/{source}.parquet")
        assert fates.height == count.read.rows == fates.select("file", "row").n_unique()
    assert {origin.dataset: origin.commit for origin in built.manifest.sources} == COMMITS
    assert problems(built.version) == []
    assert (again.digest, again.status, again.made) == (built.digest, "unchanged", 0)


def test_shares_by_tokens_are_reached_within_one_example(hub, store):
    """With tokens as the unit, no source is further off than its longest example."""
    located = load("math-7-3")
    recipe = override(located.recipe, unit="tokens")
    built = build(recipe, store, base=located.base)

    tokens = shares_of(built.manifest, "train", "tokens")
    for source, share in recipe.mix.exact_shares().items():
        assert abs(tokens[source] - share * sum(tokens.values())) <= Fraction(recipe.max_tokens)


def test_a_vanished_revision_leaves_the_last_good_version(hub, tmp_path):
    """A commit that the hub no longer knows ends the build; what was published before stays current."""
    located = load("math-7-3")
    fresh = Store(tmp_path / "store")
    good = build(located.recipe, fresh, base=located.base)
    moved = located.recipe.model_copy(
        update={"sources": tuple(s.model_copy(update={"revision": "0" * 40}) for s in located.recipe.sources)}
    )

    with pytest.raises(SourceError) as raised:
        build(moved, fresh, base=located.base)

    assert raised.value.exit_code == 4
    assert fresh.current("math-7-3") == good.version
