"""`versions` and `runs` list what there is, for people and for machines."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.builders import math_row, math_rows, quick_build, recipe, write_rows
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.runs.approve import approve
from thinkmix.flows.runs.rollback import rollback


@pytest.fixture
def store(built: Built, sources: Path, tmp_path: Path) -> Path:
    """A store with a good version, a blocked one, a run that changed nothing, and another mixture."""
    root = shutil.copytree(built.version.parents[2], tmp_path / "store")
    fewer = shutil.copytree(sources, tmp_path / "fewer")
    write_rows(fewer / "math" / "0.jsonl", math_rows()[:8])
    quick_build(recipe(), root, sources)
    quick_build(recipe(), root, fewer)
    quick_build(recipe(name="other"), root, sources)
    return root


def listed(run: Callable, *args: object) -> list[dict[str, object]]:
    code, out, _ = run(*args, "--json")
    assert code == 0
    return json.loads(out)


def test_versions_of_a_store_or_of_one_mixture(store: Path, built: Built, run: Callable):
    """Which is current, which may be trained on, and why another may not."""
    found = listed(run, "versions", store)
    assert {(one["mixture"], one["standing"], one["current"], one["good"]) for one in found} == {
        ("other", "published", True, True),
        ("small", "blocked", False, False),
        ("small", "published", True, True),
    }
    mine = {one["standing"]: one for one in listed(run, "versions", store / "small")}
    assert set(mine) == {"blocked", "published"}
    assert mine["published"]["version"] == built.digest
    assert mine["published"]["examples"] == sum(share.examples for share in built.manifest.shares)
    assert "math read 32.8 % fewer rows" in mine["blocked"]["why"]
    code, out, _ = run("versions", store)
    assert code == 0
    assert f"{built.digest[:12]}  published, current" in out
    assert "math read 32.8 % fewer rows" in out


def test_what_a_person_did_is_listed(store: Path, built: Built, run: Callable):
    """Who approved a version, and who rolled back from it."""
    blocked = next(one["version"] for one in listed(run, "versions", store) if one["standing"] == "blocked")
    approve(store / "small" / blocked[:12], why="upstream took it back", by="ada")
    accepted = next(one for one in listed(run, "versions", store) if one["version"] == blocked)
    assert (accepted["standing"], accepted["current"], accepted["why"]) == (
        "approved",
        True,
        "ada approved it: upstream took it back",
    )
    rollback(store / "small", built.digest, why="it did not", by="bob")
    rejected = next(one for one in listed(run, "versions", store) if one["version"] == blocked)
    assert (rejected["standing"], rejected["current"], rejected["good"]) == ("rolled back", False, False)
    assert "bob rolled back from it" in rejected["why"]


def test_runs_are_listed_newest_first(store: Path, run: Callable, tmp_path: Path):
    """How each ended, and why; `--last` counts for each mixture."""
    found = listed(run, "runs", store / "small")
    assert [one["ended"] for one in found] == ["blocked", "unchanged", "published"]
    assert "math read 32.8 % fewer rows" in found[0]["why"]
    assert [one["mixture"] for one in listed(run, "runs", store, "--last", 1)] == ["other", "small"]
    out = run("runs", store)[1]
    assert "unchanged" in out
    write_rows(tmp_path / "none" / "math" / "0.jsonl", [math_row(0, trace="")])
    with pytest.raises(Exception, match="chat"):
        quick_build(recipe(), store, tmp_path / "none")
    newest = listed(run, "runs", store / "small")[0]
    assert (newest["ended"], newest["version"]) == ("failed", None)
    assert "chat" in newest["why"]


def test_store_without_a_mixture_says_so(tmp_path: Path, run: Callable):
    """Nothing is not an empty table, and a folder that is no store is an error."""
    (tmp_path / "store" / ".cache").mkdir(parents=True)
    assert run("versions", tmp_path / "store")[1] == "no version\n"
    assert run("runs", tmp_path / "store")[1] == "no run\n"
    assert listed(run, "runs", tmp_path / "store") == []
    assert run("versions", tmp_path / "nothing")[0] == 2
