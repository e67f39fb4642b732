"""The path from recipe to version: what is kept of an earlier build, made again, and published."""

import json
import pickle
import pickletools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import (
    REASONS,
    STAGES,
    Inline,
    chat_row,
    copy_code,
    forget,
    math_row,
    math_rows,
    quick_build,
    recipe,
    statement,
    write_rows,
)
from thinkmix.curation.sample import blocks, targets, work
from thinkmix.flows.build import inputs
from thinkmix.flows.build.watch import Watch, directly
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store import fingerprint
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.errors import MixtureError
from thinkmix.schemas.version_name import version_name

LATE = set(STAGES) - {"validate", "bands", "dedup", "render", "rejects"}


def made(store: Path) -> dict[str, set[str]]:
    """Return the keys of the outputs in the cache by stage."""
    found: dict[str, set[str]] = {}
    for path in (store / ".cache").glob("*/*/manifest.json"):
        found.setdefault(path.parts[-3], set()).add(path.parts[-2])
    return found


def of(name: str, **changes: object) -> dict[str, object]:
    """Change settings of one source of the small recipe."""
    sources = statement()["sources"]
    return {"sources": [{**source, **(changes if source["name"] == name else {})} for source in sources]}


@pytest.mark.acceptance("A20")
def test_nothing_changed_means_nothing_made(sources, store_copy, built):
    """The same recipe over the same rows runs no stage and keeps the version, which the run says."""
    ran = []

    def step(name, function):
        ran.append(name.split()[0])
        return directly(name, function)

    again = quick_build(recipe(), store_copy(), sources, watch=Watch(step=step))
    assert (again.made, again.reused, again.status) == (0, 0, "unchanged")
    assert again.digest == built.digest
    assert set(ran) == {"resolve", "compare", "publish"}
    assert "unchanged since the last build" in (again.folder / "summary.md").read_text()


def test_what_is_cached_is_not_made_again(sources, store_copy, built):
    """Where no version is known, every output is found in the cache."""
    store = store_copy()
    forget(store)
    again = quick_build(recipe(), store, sources)
    assert (again.made, again.reused, again.digest) == (0, built.made, built.digest)


def test_damaged_version_is_not_taken_for_last_nights(sources, store_copy, built):
    """Inputs are the same, but the version lost a bit: it is put together again."""
    store = store_copy()
    shard = next((store / "small" / "versions" / built.digest).glob("train-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    again = quick_build(recipe(), store, sources)
    assert (again.status, again.digest) == ("published", built.digest)
    assert problems(again.version) == []


@pytest.mark.acceptance("A20")
@pytest.mark.parametrize(
    ("changes", "remade"),
    [
        ({"seed": 5}, LATE),
        ({"size": 20}, LATE),
        ({"unit": "tokens"}, {"sample"}),
        ({"eval_share": 0.2}, LATE),
        ({"shares": {"math": 0.7, "chat": 0.3}}, LATE),
        ({"max_tokens": 100}, {"render", *LATE}),
        ({"template": "qwen3-instruct-2507"}, {"render"}),
        ({"dedup": {"threshold": 0.5}}, {"dedup"}),
        ({"dedup": {"numbers": "distinguish"}}, {"dedup"}),
        ({"dedup": {"seed": 4}}, {"bands", "boilerplate", "dedup"}),
        ({"max_row_bytes": 2000}, {"validate"}),
        ({"max_turns": 500}, {"validate"}),
        ({"max_prompt_bytes": 10**6}, {"validate"}),
        (of("chat", compare="conversation"), {"validate", "bands", "dedup", "render", *LATE}),
        (of("math", max_solutions_per_problem=1), {"validate", "dedup", "render", *LATE}),
        (of("math", priority=0), {"validate", "dedup"}),
        (of("chat", thinking="forbidden"), {"validate"}),
        (of("chat", supervise="last"), {"validate"}),
        (of("chat", soft_switch="train"), {"validate", "render"}),
        (of("chat", repair="entities"), {"validate", "dedup", "render"}),
        (of("chat", licence="mit"), set()),
        ({"title": "Another"}, set()),
    ],
    ids=lambda value: None if isinstance(value, set) else str(value),  # a set has no order to name it by
)
def test_changed_setting_remakes_what_it_decides(changes, remade, sources, store_copy, tmp_path):
    """A setting that changes never meets stale outputs: the version is that of a build from nothing."""
    store = store_copy()
    before = made(store)
    again = build_or_fail(recipe(**changes), store, sources)
    after = made(store)
    assert again == build_or_fail(recipe(**changes), tmp_path / "fresh", sources)
    grown = {stage for stage in after if after[stage] - before.get(stage, set())}
    assert remade <= grown
    if "dedup" in changes:
        assert grown & {"validate", "bands"} == remade & {"bands"}
    assert bool(grown) == bool(remade)


def test_changed_row_costs_its_block_and_not_its_shard(sources, tmp_path, monkeypatch):
    """Where a shard is rendered in blocks, only the one with the changed row is scattered again."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4000)
    base, store = shutil.copytree(sources, tmp_path / "base"), tmp_path / "store"
    stated = recipe(unit="examples", size=None)
    quick_build(stated, store, base)
    before = made(store)
    rows = math_rows()[:30]
    write_rows(base / "math" / "0.jsonl", [*rows[:7], math_row("another"), *rows[8:]])
    again = quick_build(stated, store, base)
    after = made(store)
    assert len(before["partition"]) > 8
    assert 1 <= len(after["partition"] - before["partition"]) <= 3
    assert again.digest == quick_build(stated, tmp_path / "fresh", base).digest


@pytest.mark.acceptance("A20")
def test_changed_row_of_a_large_mixture_packs_the_shards_that_it_leaves_and_comes_to(
    sources, tmp_path, monkeypatch
):
    """What is too much for shards of full size is cut finer; a build from nothing makes the same of it."""
    monkeypatch.setattr(targets, "MANY", 2)
    monkeypatch.setattr(targets, "FINE", 16)
    monkeypatch.setattr(work, "assign_shards", partial(targets.assign_shards, shard_bytes=20_000))
    base, store = shutil.copytree(sources, tmp_path / "base"), tmp_path / "store"
    stated = recipe(unit="examples", size=None, eval_share=0)
    assert len(list(quick_build(stated, store, base).version.glob("train-*.parquet"))) == 16
    before = made(store)
    rows = math_rows()[:30]
    write_rows(base / "math" / "0.jsonl", [*rows[:7], math_row("another"), *rows[8:]])
    again = quick_build(stated, store, base)
    assert 1 <= len(made(store)["shards"] - before["shards"]) <= 3
    assert again.digest == quick_build(stated, tmp_path / "fresh", base).digest


def build_or_fail(stated: Recipe, store: Path, sources: Path) -> str:
    """Return the digest of the mixture, or the sentence of the error."""
    try:
        return quick_build(stated, store, sources).digest
    except MixtureError as error:
        return str(error).partition(" The rows: ")[0]


def test_changed_file_remakes_its_source(sources, store_copy, built, tmp_path):
    """Another file is read; those that were there, of whichever snapshot, are not read again."""
    store = store_copy()
    base = shutil.copytree(sources, tmp_path / "base")
    write_rows(base / "chat" / "2.jsonl", [chat_row("One more question, please?", "One more answer.")])
    before = made(store)["validate"]
    again = quick_build(recipe(), store, base)
    assert len(made(store)["validate"] - before) == 1
    assert again.manifest.ledger.of("validate")["chat"].read.rows == 68


def test_files_of_other_names_in_another_order_publish_the_same_rows(sources, built, tmp_path):
    """Names and order of files decide no byte of train and eval."""
    base = shutil.copytree(sources, tmp_path / "base")
    files = sorted((base / "chat").iterdir())
    for number, file in enumerate(files):
        file.rename(file.with_name(f"renamed-{len(files) - number}{file.suffix}"))
    again = quick_build(recipe(), tmp_path / "store", base)
    assert again.manifest.content_sha256 == built.manifest.content_sha256
    for name in ("train-00000-of-00001.parquet", "eval-00000-of-00001.parquet"):
        assert again.manifest.files[name] == built.manifest.files[name]


EDITS = {
    "curation/gates/rows.py": set(),
    "schemas/formats/known.py": set(),
    "schemas/formats/openmathreasoning.py": {"validate", "render"},
    "curation/dedup/survivors.py": {"bands", "boilerplate", "dedup"},
    "curation/publish/rejects.py": {"rejects"},
    "curation/audit/reference_check.py": {"audit", "check_sample", "reference_check"},
}
"""Of edited files, the stages whose outputs are made again: those whose work reaches them."""


@pytest.mark.acceptance("A20")
@pytest.mark.parametrize("name", EDITS)
def test_edited_code_makes_again_what_it_touches(name, sources, store_copy, monkeypatch, built, tmp_path):
    """Stages that cannot reach an edited file keep their outputs, and so do those after equal outputs."""
    store = store_copy()
    before = made(store)
    with edited_tree(tmp_path, name, monkeypatch):
        again = quick_build(recipe(), store, sources)
    after = made(store)
    assert {stage for stage in after if after[stage] != before.get(stage, set())} == EDITS[name]
    assert again.manifest.content_sha256 == built.manifest.content_sha256
    assert again.status == ("unchanged" if name.startswith("curation/gates") else "published")


def test_format_of_another_source_is_none_of_its_business(sources, store_copy, monkeypatch, tmp_path):
    """An edit to one format makes the rows of its own source again, and no other."""
    store = store_copy()
    before = made(store)["validate"]
    with edited_tree(tmp_path, "schemas/formats/sharegpt.py", monkeypatch):
        quick_build(recipe(), store, sources)
    assert len(made(store)["validate"] - before) == 2


@contextmanager
def edited_tree(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the code of a copy of our sources count, in which one file is edited; ours runs."""
    path = copy_code(folder / "tree") / name
    path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = 1\n", encoding="utf-8")
    monkeypatch.setattr(fingerprint, "OURS", fingerprint.Sources(folder / "tree"))
    for known in (fingerprint.code_of, fingerprint.code_digest):
        known.cache_clear()
    yield
    for known in (fingerprint.code_of, fingerprint.code_digest):
        known.cache_clear()


def test_version_is_found_by_what_its_recipe_means(sources, store_copy):
    """A manifest that does not state a setting, as one of an older release, means its default."""
    store = Store(store_copy())
    path = store.versions.current("small") / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["recipe"]["max_turns"]
    path.write_text(json.dumps(manifest))
    shots = [inputs.resolve(store, source, sources) for source in recipe().sources]
    assert path.parent in inputs.same_inputs(store, recipe(), shots, [])
    assert path.parent not in inputs.same_inputs(store, recipe(max_turns=999), shots, [])


def test_jobs_name_what_a_worker_runs_by_the_one_name(sources, store_copy, monkeypatch):
    """A job that travels as a pickle names modules of the package and of libraries, and no bare room."""
    named: set[str] = set()
    monkeypatch.setattr(Inline, "run", _noting(Inline.run, named))
    quick_build(recipe(seed=5), store_copy(), sources)
    rooms = {"schemas", "templates", "curation", "flows", "train", "data"}
    bare = {name for name in named if name.partition(".")[0] in rooms}

    assert any(fnmatch(name, "thinkmix.curation.*.work") for name in named)
    assert bare == set()


def _noting(run, named: set[str]):
    def noted(self, jobs, *, done):
        for job in jobs:
            loads = [
                part for _, part, _ in pickletools.genops(pickle.dumps(job.call)) if isinstance(part, str)
            ]
            named.update(loads)
        return run(self, jobs, done=done)

    return noted


def test_every_row_has_one_outcome(version, built):
    """Rows read, rows with an outcome, and rows in the ledger are the same number, for each source."""
    for source, rows in (("math", 67), ("chat", 67)):
        outcomes = pl.read_parquet(version / "outcomes" / f"{source}.parquet")
        assert outcomes.height == rows
        assert outcomes.select("file", "row").is_unique().all()
        assert built.manifest.ledger.of("validate")[source].read.rows == rows
        counted = {
            reason: amount.rows
            for count in built.manifest.ledger.stages
            for reason, amount in count.dropped.items()
            if count.source == source and amount.rows
        }
        reasons = outcomes["reason"].drop_nulls().value_counts()
        assert counted == dict(reasons.iter_rows())
        assert outcomes["reason"].null_count() == built.manifest.ledger.of("mix")[source].kept.rows


def test_planted_dirt_is_found(version):
    """Every kind of planted row is left out for its own reason."""
    outcomes = pl.concat([pl.read_parquet(path) for path in sorted((version / "outcomes").iterdir())])
    assert set(outcomes["reason"].drop_nulls()) == REASONS


def test_manifest_names_every_file(version, built):
    """The manifest has digest, bytes and rows of all that the version holds, and names the version."""
    there = {str(path.relative_to(version)) for path in version.rglob("*") if path.is_file()}
    assert set(built.manifest.files) == there - {"manifest.json"}
    assert version_name((version / "manifest.json").read_bytes()) == version.name
    for name, entry in built.manifest.files.items():
        assert entry.bytes == (version / name).stat().st_size
        if name.endswith(".parquet"):
            assert entry.rows == pl.read_parquet(version / name).height


def test_manifest_knows_neither_place_nor_time(version, built, tmp_path, sources):
    """Nothing in a version says where or when it was built, so the same rows give the same bytes anywhere."""
    words = (str(tmp_path.parent), str(sources), str(version.parents[2]), "2026-", "/tmp/")
    for name in ("manifest.json", "report.json", "README.md"):
        text = (version / name).read_text(encoding="utf-8")
        assert [word for word in words if word in text] == []


def test_shares_are_exact(version, built):
    """Each split holds exactly the examples that its shares promise."""
    for split in ("train", "eval"):
        counts = pl.concat([pl.read_parquet(path) for path in version.glob(f"{split}-*.parquet")])["source"]
        assert counts.value_counts().sort("source").rows() == [
            ("chat", len(counts) // 2),
            ("math", len(counts) // 2),
        ]


def test_published_rows_are_those_of_the_mixture(version, built):
    """Ids are unique over both splits, and no cluster of near-duplicates is in both."""
    columns = ["id", "conversation_id"]
    rows = {
        split: pl.concat(
            [pl.read_parquet(path, columns=columns) for path in version.glob(f"{split}-*.parquet")]
        )
        for split in ("train", "eval")
    }
    ids = pl.concat(rows.values())["id"]
    assert ids.n_unique() == len(ids)
    outcomes = pl.concat([pl.read_parquet(path) for path in sorted((version / "outcomes").iterdir())])
    cluster = dict(outcomes.filter(pl.col("cluster").is_not_null()).select("id", "cluster").iter_rows())
    sides = {split: {cluster.get(row, row) for row in rows[split]["conversation_id"]} for split in rows}
    assert sides["train"] & sides["eval"] == set()


def test_build_tells_how_it_gets_on(sources, tmp_path):
    """A listener hears of every stage, and of all rows of both sources."""
    heard: list[Event] = []
    quick_build(recipe(), tmp_path, sources, watch=Watch(notify=heard.append))
    most = {}
    for event in heard:
        key = (event.stage, event.source)
        assert event.done >= most.get(key, 0)
        assert event.total is None or event.done <= event.total
        most[key] = event.done
    assert most["validate", "math"] == most["validate", "chat"] == 67
    assert {stage for stage, _ in most} >= {
        "fetch",
        "validate",
        "minhash",
        "dedup",
        "render",
        "mix",
        "publish shards",
    }


def test_two_mixtures_share_a_store(sources, tmp_path):
    """Mixtures of one store have each their own current version, and share what is alike in the cache."""
    one = quick_build(recipe(), tmp_path, sources)
    two = quick_build(recipe(name="other", seed=2), tmp_path, sources)
    assert two.reused > 0
    assert open_version(tmp_path / "small").name == one.digest
    assert open_version(tmp_path / "other").name == two.digest


def test_old_versions_stay(sources, store_copy, built):
    """A new version does not take away the one before it; going back to its recipe makes it current again."""
    store = store_copy()
    new = quick_build(recipe(seed=77), store, sources)
    assert Store(store).versions.current("small") == new.version
    assert problems(new.version.with_name(built.digest)) == []
    back = quick_build(recipe(), store, sources)
    assert (back.digest, back.status, back.made) == (built.digest, "published", 0)
    assert Store(store).versions.current("small") == back.version


def test_source_of_rejects_only_cannot_be_mixed(tmp_path):
    """A source without a surviving row ends the build with its name, not with an empty share."""
    write_rows(tmp_path / "base" / "math" / "0.jsonl", math_rows())
    write_rows(tmp_path / "base" / "chat" / "0.jsonl", ["{", "["])
    with pytest.raises(MixtureError, match="chat: 2 of 2 rows dropped: bad_json 2"):
        quick_build(recipe(), tmp_path / "store", tmp_path / "base")


def test_history_is_json_lines(version):
    """Tools can read the history line by line."""
    lines = (version.parents[1] / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["published"]
