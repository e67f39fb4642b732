"""Why outputs were made again: in words that name the argument, the module or the library."""

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.harness.builders import forget, quick_build, recipe, write_recipe
from thinkmix.curation.dedup import work
from thinkmix.curation.dedup.settings import BandPlan
from thinkmix.curation.files.blob import Blob
from thinkmix.flows.build.step import Decided, step
from thinkmix.flows.build.watch import Watch
from thinkmix.flows.build.why import MadeAgain, Outputs, explain_outputs, noted_outputs, sentences
from thinkmix.flows.cli import app
from thinkmix.flows.store.fingerprint import Code
from thinkmix.flows.store.store import Store


def used(*decided: Decided, reused: bool = False) -> Outputs:
    """Return what a build noted of outputs of one stage."""
    found = Outputs()
    for nth, one in enumerate(decided):
        found.add("bands", str(nth), f"s part {nth}", one, reused=reused)
    return found


def bands(sha256: str = "1" * 64, **plan: int) -> Decided:
    """Return what decides the bands of one shard."""
    return step(work.bands, keys=Blob(Path("k"), sha256), plan=BandPlan(**plan)).decided


def reasons(before: Outputs | None, after: Outputs) -> list[str]:
    """Return the reasons why outputs of one kind were made again."""
    (one,) = explain_outputs(before, after)
    return list(one.because)


def test_changed_argument_is_named_from_what_to_what():
    """A file that holds something else is only said to have changed: digests say nothing to a reader."""
    assert reasons(used(bands()), used(bands(shingle=6))) == ["argument plan.shingle 5 → 6"]
    assert reasons(used(bands()), used(bands("2" * 64))) == ["argument keys changed"]


def test_changed_code_is_named_module_by_module():
    """New, gone and edited modules, and libraries with their versions."""
    before = bands()
    modules = dict(before.code.modules)
    modules["thinkmix.schemas.reasons"] = "another"
    modules["thinkmix.schemas.new"] = modules.pop("thinkmix.schemas.record")
    after = before._replace(code=Code(modules, {**before.code.libraries, "numba": "0.0.1"}))
    assert reasons(used(before), used(after)) == [
        "module thinkmix.schemas.new is new",
        "module thinkmix.schemas.reasons changed",
        "module thinkmix.schemas.record is gone",
        f"library numba {before.code.libraries['numba']} → 0.0.1",
    ]


def test_output_that_nothing_changed_is_said_to_be_gone():
    """The cache may have been emptied, or the output may be damaged."""
    (one,) = explain_outputs(used(bands()), used(bands()))
    assert one.because == ()
    assert list(sentences([one])) == [
        "bands: 1 output made (s part 0)",
        "  because nothing that decides it changed: the cache holds it no more",
    ]


def test_new_and_unknown_outputs_are_told_apart():
    """A file that was added is new; without notes of a last build, nothing is known."""
    both = used(bands(), bands())
    assert [one.because for one in explain_outputs(used(bands()), both)] == [
        (),
        ("new: the last build had no such output",),
    ]
    assert reasons(None, used(bands())) == ["no build noted what decided its outputs"]


def test_reused_outputs_are_not_listed():
    """Only what was made costs anything."""
    assert explain_outputs(None, used(bands(), reused=True)) == ()


def test_many_changes_are_counted():
    """Five are named."""
    before = bands()
    after = before._replace(code=Code({}, {}))
    found = reasons(used(before), used(after))
    assert len(found) == 6
    assert found[-1] == f"and {len(before.code.modules) + len(before.code.libraries) - 5} more"


def test_notes_of_another_layout_are_no_notes():
    """An older release noted a list of names."""
    assert (
        noted_outputs(["validate/0"])
        is noted_outputs(None)
        is noted_outputs({"outputs": {"a/b": {}}, "code": {}})
        is None
    )


def test_build_notes_what_decided_each_output(sources, store_copy):
    """What the next build compares with: with another threshold, MinHash is not computed again."""
    store = Store(store_copy())
    before = noted_outputs(store.cache.recorded("small"))
    quick_build(recipe(dedup={"threshold": 0.5}), store.root, sources)
    found = explain_outputs(before, noted_outputs(store.cache.recorded("small")))
    assert found[0] == MadeAgain(
        stage="dedup",
        outputs=1,
        because=("argument plan.threshold 0.8 → 0.5",),
        labels=("duplicates",),
    )
    assert not {"validate", "bands"} & {one.stage for one in found}


def test_command_says_why(sources, store_copy, tmp_path):
    """`--explain-cache` tells it in lines, or in JSON; where nothing changed, it says so."""
    store, path = store_copy(), write_recipe(sources / "asked.yaml")
    line = ["build", str(path), "--store", str(store), "--direct", "--workers", "1", "--explain-cache"]
    told = CliRunner().invoke(app, [*line, "--seed", "9"])
    assert told.exit_code == 0, told.output
    assert "because argument seed 20250428 → 9" in told.stdout
    again = CliRunner().invoke(app, [*line, "--seed", "9"])
    assert "no output was made: nothing that decides one changed" in again.stdout
    asked = CliRunner().invoke(app, [*line, "--json", "--size", "20"])
    made = json.loads(asked.stdout)["made"]
    assert {one["stage"] for one in made} >= {"sample", "outcomes"}
    path.unlink()


def test_cache_of_another_layout_is_ignored_in_a_sentence(sources, store_copy, built):
    """Its outputs are made again, and the versions stay as they are."""
    store = store_copy()
    (store / ".cache" / "LAYOUT").unlink()
    heard = []
    forget(store)
    again = quick_build(recipe(), store, sources, watch=Watch(notify=heard.append))
    assert again.digest == built.digest
    (said,) = [event.note for event in heard if "layout" in event.note]
    assert said.startswith("the cache is of another release of thinkmix (layout 1, this one has 2)")
    forget(store)
    quick_build(recipe(), store, sources, watch=Watch(notify=(heard := []).append))
    assert [event.note for event in heard if "layout" in event.note] == []
