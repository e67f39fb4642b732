"""Retention: what a store keeps, what is collected, and that neither readers nor builders ever notice."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import ROOT, quick_build, recipe
from thinkmix.flows.runs.retention import KEEP, RUNS, retain, tidy
from thinkmix.flows.sources.disk import lock_folder
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.locks import shared_lock
from thinkmix.flows.store.paths import reading, store_of
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import NotFound, StoreCorrupt

LONG_AGO = time.time() - 30 * 24 * 3600


def name(number: int) -> str:
    """Name a version or an output."""
    return sha256(str(number).encode()).hexdigest()


def age(path: Path, moment: float = LONG_AGO) -> Path:
    """Make a file or folder look as if it had not been touched for a month."""
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a mixture of four old versions, the last of them current."""
    store = Store(tmp_path / "store")
    for number in range(4):
        add_version(store, number)
        store.log.record_run("small", {"version": name(number), "status": "published"})
    store.versions.promote("small", store.root / "small" / "versions" / name(3))
    age(store.root / "small" / "versions" / name(3) / MANIFEST)
    return store


def add_version(store: Store, number: int, *, mixture: str = "small", sources: Sequence = ()) -> Path:
    """Put an old version of 100 kB into a mixture."""
    folder = store.root / mixture / "versions" / name(number)
    folder.mkdir(parents=True)
    (folder / "rows").write_bytes(os.urandom(100_000))
    (folder / MANIFEST).write_text(json.dumps({"sources": list(sources)}))
    age(folder / MANIFEST)
    return folder


def add_output(store: Store, number: int, stage: str = "bands") -> Path:
    """Put an output into the cache that nobody has used for a month."""

    def make(folder: Path) -> dict[str, object]:
        (folder / "rows").write_bytes(os.urandom(50_000))
        return {}

    folder = store.cache.stage(stage, name(number), make).folder
    age(folder / MANIFEST)
    return folder


def versions(store: Store, mixture: str = "small") -> set[int]:
    """Return which versions lie there, by number."""
    return {n for n in range(20) if (store.root / mixture / "versions" / name(n)).exists()}


def why(store: Store, **settings: object) -> dict[int, str]:
    """Return why each version would stay, by number."""
    kept = {version.version: version.why for version in retain(store, dry_run=True, **settings).kept}
    return {n: kept[name(n)] for n in range(20) if name(n) in kept}


def test_last_good_versions_stay(store: Store) -> None:
    """Of published versions the newest stay, as many as are asked for; the current one among them."""
    told = retain(store, keep=2)
    assert versions(store) == {2, 3}
    assert {removed.path for removed in told.removed} == {f"small/versions/{name(n)}" for n in (0, 1)}
    assert retain(store, keep=2).removed == ()


def test_current_version_stays_whatever_the_history_says(store: Store) -> None:
    """A version that is current again after newer ones is not counted among the others."""
    store.versions.promote("small", store.root / "small" / "versions" / name(0))
    age(store.root / "small" / "versions" / name(0) / MANIFEST)
    assert why(store, keep=1) == {0: "current", 3: "published"}


def test_accepted_versions_stay_for_ever(store: Store) -> None:
    """What a person has approved is never collected."""
    (store.root / "small" / "accepted.jsonl").write_text(json.dumps({"version": name(0), "by": "me"}) + "\n")
    assert why(store, keep=1) == {0: "approved", 3: "current"}


@pytest.mark.parametrize("line", ["{", "[]", '{"by": "me"}'])
def test_unreadable_acceptance_stops_the_collection(line: str, store: Store) -> None:
    """If nobody knows what was approved, nothing is removed, and the line is named."""
    (store.root / "small" / "accepted.jsonl").write_text(f'{{"version": "x"}}\n{line}\n')
    with pytest.raises(StoreCorrupt, match="line 2"):
        retain(store, keep=1)
    assert versions(store) == {0, 1, 2, 3}


def test_damaged_pointer_stops_the_collection(store: Store) -> None:
    """If nobody knows which version is current, nothing is removed."""
    (store.root / "small" / "CURRENT").write_text("x")
    with pytest.raises(StoreCorrupt):
        retain(store, keep=1)
    assert versions(store) == {0, 1, 2, 3}


def test_held_candidates_of_the_last_runs_stay(store: Store) -> None:
    """A blocked version stays as long as one of the last runs built it, so that a person may approve it."""
    for number in (4, 5, 6):
        add_version(store, number)
        store.log.record_run("small", {"version": name(number), "status": "blocked"})
    store.log.record_run("small", {"version": None, "status": "failed"})
    assert why(store, keep=2) == {2: "published", 3: "current", 5: "blocked", 6: "blocked"}


def test_lost_history_costs_no_good_version(store: Store) -> None:
    """Versions that no run tells of count as published when they were written."""
    (store.root / "small" / "runs.jsonl").unlink()
    for number in (1, 2):
        age(store.root / "small" / "versions" / name(number) / MANIFEST, LONG_AGO + number)
    assert why(store, keep=2) == {1: "published", 2: "published", 3: "current"}


def test_lost_line_of_the_history_costs_no_good_version(store: Store) -> None:
    """A version whose line was cut off stands where its age puts it among those that are known."""
    add_version(store, 4)
    for number in range(5):
        age(store.root / "small" / "versions" / name(number) / MANIFEST, LONG_AGO + number)
    history = store.root / "small" / "runs.jsonl"
    lines = history.read_bytes().splitlines(keepends=True)
    history.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert why(store, keep=3) == {2: "published", 3: "current", 4: "published"}


def test_young_versions_stay(store: Store) -> None:
    """What nobody refers to stays until it is as old as is asked for."""
    os.utime(store.root / "small" / "versions" / name(0) / MANIFEST)
    assert why(store, keep=1, days=7) == {0: "recent", 3: "current"}
    age(store.root / "small" / "versions" / name(0) / MANIFEST, time.time() - 8 * 24 * 3600)
    assert why(store, keep=1, days=9) == {0: "recent", 3: "current"}
    assert why(store, keep=1, days=7) == {3: "current"}


def test_version_that_is_read_stays(store: Store) -> None:
    """While someone reads a version it is not collected; afterwards it is."""
    with reading(store.root / "small" / "versions" / name(0)) as folder:
        assert why(store, keep=1) == {0: "in use", 3: "current"}
        retain(store, keep=1)
        assert (folder / "rows").exists()
    retain(store, keep=1)
    assert versions(store) == {3}
    with pytest.raises(NotFound), reading(folder):
        pass


def test_old_version_that_is_built_again_stays(store: Store, tmp_path: Path) -> None:
    """A build that ends with a version which lies there already makes it young, before it is current."""
    folder = store.root / "small" / "versions" / name(0)
    with pytest.raises(StoreCorrupt, match="gone"):
        store.versions.promote("small", folder.with_name("0" * 64))
    store.versions.promote("small", folder)
    (store.root / "small" / "CURRENT").write_text(f"{name(3)}\n")  # as if the pointer had not moved yet
    assert why(store, keep=1) == {0: "recent", 3: "current"}


def test_runs_stay_by_number_and_with_their_versions(store: Store) -> None:
    """The last run folders stay, and those that built a version that stays."""
    runs = store.root / "small" / "runs"
    for number in range(RUNS + 10):
        version = name(3) if number == 2 else name(99)
        folder = runs / f"202611{number:02}T020000.0Z-{version[:12]}"
        folder.mkdir(parents=True)
        (folder / "report.html").write_text("x")
        age(folder, LONG_AGO + number)
    retain(store)
    left = sorted(path.name[6:8] for path in runs.iterdir())
    assert left == ["02", *(f"{number:02}" for number in range(10, RUNS + 10))]


def test_outputs_go_when_no_build_has_used_them(store: Store) -> None:
    """A reused output is young again; one that nobody asked for is removed."""
    used, unused = add_output(store, 1), add_output(store, 2)
    assert store.cache.stage("bands", name(1), pytest.fail).reused
    (store.root / ".cache" / "prefect").mkdir()
    retain(store)
    assert used.exists()
    assert not unused.exists()
    assert (store.root / ".cache" / "prefect").exists()


def test_unchanged_nights_do_not_cost_the_cache(store: Store) -> None:
    """While a mixture is built, outputs of its last build with any work stay, though no run uses them."""
    last, older = add_output(store, 1), add_output(store, 2)
    (store.root / "small" / "outputs.json").write_text(json.dumps([f"bands/{name(1)}"]))
    retain(store)
    assert (last.exists(), older.exists()) == (True, False)
    age(store.root / "small" / "runs.jsonl")  # nobody builds it any more
    retain(store)
    assert not last.exists()


def test_token_ids_go_when_nobody_has_trained_on_them_of_late(store: Store) -> None:
    """Those that a run reads stay, however old; what goes is counted."""
    folders = []
    for number in range(3):
        with store.cache.tokens(name(number)) as folder:
            (folder / "ids.tokens").write_bytes(os.urandom(100_000))
        folders.append(folder)
    age(folders[0] / "lock")
    with store.cache.tokens(name(1)):
        age(folders[1] / "lock")
        told = retain(store)
    assert [folder.exists() for folder in folders] == [False, True, True]
    assert [removed.path for removed in told.removed] == [f".cache/tokens/{name(0)[:12]}"]
    assert told.sentence.startswith("removed 1 encoding; 0.1 MB")


def test_what_was_trained_goes_with_its_version(store: Store) -> None:
    """Once it is old itself; a half-trained folder stays while somebody trains in it."""
    trained = store.log.trained("small")
    for number in range(4):
        folder = trained / f"{name(number)[:12]}-{'f' * 12}"
        folder.mkdir(parents=True)
        age_of = (folder / "training.json", trained / f".{folder.name}.partial" / "lock")
        for path in age_of:
            path.parent.mkdir(exist_ok=True)
            path.write_text("")
            age(path)
    os.utime(trained / f"{name(1)[:12]}-{'f' * 12}" / "training.json")
    with shared_lock(trained / f".{name(2)[:12]}-{'f' * 12}.partial" / "lock"):
        told = retain(store, keep=1)
    left = sorted(path.name.strip(".")[:12] + path.suffix for path in trained.iterdir())
    expected = [name(1)[:12], f"{name(2)[:12]}.partial", name(3)[:12], f"{name(3)[:12]}.partial"]
    assert left == sorted(expected)
    assert [removed.kind for removed in told.removed].count("training") == 4


def test_build_notes_what_it_used(built) -> None:
    """After a build its outputs are known: all that lie in the cache of a store with one build."""
    root = built.version.parents[2]
    lying = {f"{path.parent.name}/{path.name}" for path in (root / ".cache").glob("*/" + "?" * 64)}
    assert Store(root).cache.outputs("small") == lying


def test_what_a_running_build_has_used_stays(store: Store) -> None:
    """With no days of grace at all, outputs, downloads and versions used since a build began stay."""
    used, unused = add_output(store, 1), add_output(store, 2)
    blocked = store.cache.downloads / "hub" / "org" / "data" / "c1" / "lock"
    with store.lock("other"):
        time.sleep(0.05)
        assert store.cache.stage("bands", name(1), pytest.fail).reused
        with lock_folder(blocked):
            pass
        time.sleep(2.1)  # longer than what the clocks of file systems are forgiven
        retain(store, days=0)
        assert (used.exists(), unused.exists(), blocked.exists()) == (True, False, True)
    retain(store, days=0)
    assert (used.exists(), blocked.exists()) == (False, False)


def test_downloads_of_current_versions_stay(store: Store) -> None:
    """Old downloads go, except the commits that a current version or the last build read."""
    for commit in ("c1", "c2", "c3"):
        with lock_folder(store.cache.downloads / "hub" / "org" / "data" / commit / "lock"):
            pass
        age(store.cache.downloads / "hub" / "org" / "data" / commit / "lock")
    place = store.cache.downloads / "hub" / "org" / "data" / "c2" / "files" / "a.parquet"
    store.log.record_places("small", {"data": {"a.parquet": str(place)}})
    note = store.cache.downloads / "digests" / "a.json"
    note.parent.mkdir()
    note.write_text("[]")
    age(note)
    retain(store)
    assert [path.name for path in (store.cache.downloads / "hub" / "org" / "data").iterdir()] == ["c2"]
    assert not note.exists()


def test_commit_of_the_current_version_stays(built, store_copy: Callable[[], Path]) -> None:
    """The sources in the manifest of a current version name the downloads that stay."""
    store = Store(store_copy())
    entry = built.manifest.sources[0]
    kept, gone = (store.cache.downloads / "hub" / "org" / "x" / commit / "lock" for commit in ("c1", "c2"))
    for blocked in (kept, gone):
        with lock_folder(blocked):
            pass
        age(blocked)
    manifest = built.manifest.model_copy(
        update={"sources": (entry.model_copy(update={"dataset": "org/x", "commit": "c1"}),)}
    )
    (store.versions.current("small") / MANIFEST).write_text(manifest.model_dump_json())
    retain(store)
    assert (kept.exists(), gone.exists()) == (True, False)


def test_folder_that_moves_while_one_waits_for_it_is_made_anew(tmp_path: Path, monkeypatch) -> None:
    """A process that waited for a download's folder that was collected meanwhile gets a new one."""
    path, moved = tmp_path / "c1" / "lock", []
    real = os.path.samestat

    def collected(*sides: os.stat_result) -> bool:
        if not moved:
            moved.append(path.parent.rename(tmp_path / "moved"))
        return real(*sides) and path.exists()

    monkeypatch.setattr(os.path, "samestat", collected)
    with lock_folder(path):
        assert path.exists()
    assert moved


def test_only_bytes_that_are_freed_count(store: Store) -> None:
    """A file with a second name that stays frees nothing; if both names go, it counts once."""
    output = add_output(store, 1)
    disk = (output / "rows").stat().st_blocks * 512
    rest = (output / MANIFEST).stat().st_blocks * 512
    os.link(output / "rows", store.root / "small" / "versions" / name(3) / "linked")
    assert retain(store, dry_run=True).freed_bytes == rest
    (store.root / "small" / "versions" / name(3) / "linked").unlink()
    os.link(output / "rows", store.root / "small" / "versions" / name(0) / "linked")
    rows = sum(
        path.stat().st_blocks * 512
        for number in (0, 1, 2)
        for path in (store.root / "small" / "versions" / name(number)).iterdir()
        if path.name != "linked"
    )
    planned = retain(store, keep=1, dry_run=True)
    assert planned.freed_bytes == disk + rest + rows
    done = retain(store, keep=1)
    assert (done.freed_bytes, done.removed) == (planned.freed_bytes, planned.removed)
    assert versions(store) == {3}


def test_leftovers_of_the_dead_go_after_a_day(store: Store) -> None:
    """Temporary folders are removed when they are a day old; until then they may be someone's."""
    places = ("small/versions/.tmp-1-a", "small/runs/.tmp-1-a", ".cache/bands/.tmp-1-a")
    for place in places:
        (store.root / place).mkdir(parents=True)
    retain(store, days=0)
    assert all((store.root / place).exists() for place in places)
    for place in places:
        age(store.root / place)
    retain(store)
    assert not any((store.root / place).exists() for place in places)


def test_one_mixture_can_be_collected_alone(store: Store) -> None:
    """Of a mixture's folder only that mixture's versions go; other places are refused."""
    for number in (10, 11):
        add_version(store, number, mixture="other")
    assert store_of(store.root) == (store, None)
    assert store_of(store.root / "small") == (store, "small")
    with pytest.raises(NotFound, match="neither a store nor"):
        store_of(store.root / "small" / "versions")
    retain(*store_of(store.root / "small"), keep=1)
    assert versions(store) == {3}
    assert versions(store, "other") == {10, 11}


def test_what_cannot_be_removed_is_told(store: Store, monkeypatch) -> None:
    """A folder that the system protects is named; everything else goes nevertheless."""
    real = Path.rename

    def protected(path: Path, target: Path) -> Path:
        if path.name == name(0):
            raise PermissionError(13, "Permission denied")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", protected)
    told = retain(store, keep=1)
    assert told.failed == (
        f"{store.root / 'small' / 'versions' / name(0)} cannot be removed: Permission denied",
    )
    assert versions(store) == {0, 3}


def test_collection_after_a_build_never_fails_it(store: Store, capsys) -> None:
    """`--keep` says in a line what went, or why nothing did."""
    tidy(store, "small", 1)
    assert capsys.readouterr().err.startswith("removed 3 versions; ")
    (store.root / "small" / "CURRENT").write_text("x")
    tidy(store, "small", 1)
    assert capsys.readouterr().err.startswith("nothing was collected: ")


def test_command_tells_people_and_machines(store: Store, run) -> None:
    """`thinkmix gc` says what would go, then removes it; a folder that is not a store ends with code 5."""
    shown = run("gc", store.root, "--keep", 2, "--dry-run")[1]
    assert "would remove 2 versions" in shown
    assert versions(store) == {0, 1, 2, 3}
    told = json.loads(run("gc", store.root / "small", "--keep", 2, "--json")[1])
    assert [version["why"] for version in told["kept"]].count("current") == 1
    assert len(told["removed"]) == 2
    assert versions(store) == {2, 3}
    assert run("gc", ROOT / "tests")[0] == 2


def test_limits_are_those_of_the_command(run) -> None:
    """The command's defaults are the module's."""
    shown = run("gc", "--help")[1]
    assert f"default: {KEEP}" in shown
    assert "default: 7.0" in shown


@contextmanager
def beside(program: str, store: Path) -> Iterator[Callable[[], dict[str, int]]]:
    """Run a program of `collect_loop`; yields a call that ends it and returns what it counted."""
    command = [sys.executable, "-m", "tests.harness.collect_loop", program, str(store), "small"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as child:
        try:
            yield lambda: json.loads(child.communicate("\n", timeout=60)[0])
        finally:
            child.kill()


def live(sources: Path, store: Path, seconds: float, *programs: str) -> tuple[int, list[dict[str, int]]]:
    """Build three versions in turn beside other programs; returns how many builds, and what those counted.

    A version that is built again may lie there still, may be going at this moment, or may be gone. At
    least four builds, however slow the machine: fewer leave nothing to collect.
    """
    quick_build(recipe(seed=1), store, sources)
    builds, until = 0, time.monotonic() + seconds
    with ExitStack() as stack:
        ends = [stack.enter_context(beside(program, store)) for program in programs]
        while time.monotonic() < until or builds < 4:
            built = quick_build(recipe(seed=1 + builds % 3), store, sources)
            assert Store(store).versions.current("small") == built.version
            builds += 1
        told = [end() for end in ends]
    assert problems(Store(store).versions.current("small")) == []
    return builds, told


@pytest.mark.parametrize(
    "seconds", [4, pytest.param(600, marks=[pytest.mark.deep, pytest.mark.timeout(900)])]
)
def test_neither_builds_nor_readers_notice_a_collector(seconds: float, sources: Path, tmp_path: Path) -> None:
    """A collector that spares nothing for its age runs beside builds and a reader: no live file goes."""
    builds, (collected, read) = live(sources, tmp_path / "store", seconds, "collect", "read")
    assert builds > 1
    assert collected["rounds"] > 3
    assert collected["version"] > 0
    assert read["rounds"] > 3
    assert (collected["problems"], read["problems"]) == (0, 0)


def test_careless_collector_is_caught(sources: Path, tmp_path: Path) -> None:
    """The same collector without regard for holds and times of use breaks a build or a reader."""
    try:
        _, (_, read) = live(sources, tmp_path / "store", 8, "careless", "read")
    except (OSError, AssertionError, pl.exceptions.PolarsError):
        return
    assert read["problems"] > 0
