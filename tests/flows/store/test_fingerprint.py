"""The code that decides an output: all that a function can reach, and nothing besides."""

import ast
import shutil
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import grimp
import pytest

from tests.harness.builders import ROOT, copy_code, python
from thinkmix.curation.rules.known import RULES
from thinkmix.flows.store import fingerprint
from thinkmix.flows.store.fingerprint import LIBRARIES, OURS, Sources, code_digest, library_versions

WORK = {
    "validate": ["validate", "try_rows"],
    "decontaminate": ["questions", "overlap", "unknown_question"],
    "dedup": ["bands", "boilerplate", "duplicates"],
    "sample": ["sample", "render_blocks", "try_rows"],
    "publish": ["assign_outcomes", "write_rejects", "join", "partition", "publish_shard"],
    "audit": ["measure_mixture", "sample", "compare_all"],
}
"""The functions that workers run, by stage."""

EVERY = [(stage, function) for stage, functions in WORK.items() for function in functions]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of our sources."""
    return copy_code(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def tree(copied: Path) -> Iterator[Sources]:
    """Return a copy of our sources that may be edited; it is as it was after the test."""
    yield Sources(copied)
    for path in copied.rglob("*"):
        if path.is_file():
            original = ROOT / path.relative_to(copied)
            if not original.exists():
                path.unlink()
            elif path.stat().st_size != original.stat().st_size:
                shutil.copy(original, path)
    fingerprint._MODULES.pop(copied, None)


def edited(tree: Sources, name: str) -> Sources:
    """Return the tree after an edit to a file of it; what was read of it before is forgotten."""
    path = tree.root / name
    path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = 1\n", encoding="utf-8")
    fingerprint._MODULES.pop(tree.root, None)
    return Sources(tree.root)


def reached(tree: Sources, stage: str, function: str) -> str:
    """Return the digest of what a function of a stage can reach."""
    return tree.work(f"thinkmix.curation.{stage}.work", function).digest


def test_every_function_of_every_stage_is_listed_here():
    """So that none is left out of the tests below."""
    for stage, functions in WORK.items():
        tree = ast.parse((ROOT / "curation" / stage / "work.py").read_text())
        public = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        helpers = {name for name in public if name.startswith("_")} | {"question"}
        assert [name for name in public if name not in helpers] == functions


@pytest.mark.acceptance("A20")
@pytest.mark.parametrize(("stage", "function"), EVERY)
def test_all_that_a_function_imports_counts(stage, function):
    """grimp, which reads the same imports another way, finds no module that is not in its code.

    Of the module that holds it, only those count that it uses; all that these import counts.
    """
    graph = grimp.build_graph("thinkmix", exclude_type_checking_imports=True)
    found = OURS.work(f"thinkmix.curation.{stage}.work", function).modules
    for module in found:
        if not module.endswith(f".work.{function}"):
            assert graph.find_upstream_modules(module) - {"thinkmix"} <= found.keys(), module


@pytest.mark.acceptance("A20")
def test_all_that_a_worker_imports_while_it_works_counts(tmp_path):
    """A process that renders a row has loaded no module of ours that the code of rendering lacks."""
    script = """
import sys
from pathlib import Path
from thinkmix.flows.store.fingerprint import OURS
for name in [name for name in sys.modules if name.startswith("thinkmix.")]:
    del sys.modules[name]
import polars as pl
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import slices
from thinkmix.curation.sample import work
from thinkmix.curation.sample.model_files import ModelFiles
from thinkmix.curation.tables import WANTED
from thinkmix.curation.validate.reading import Reading
from thinkmix.curation.validate.settings import TextSettings
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning
from thinkmix.templates.chat.families.qwen3 import QWEN3
rows = Path("rows.jsonl")
answer = "<think>\\\\nhm\\\\n</think>\\\\n\\\\nIt is 2."
rows.write_text('{"problem": "Add 1 and 1.", "generated_solution": "' + answer + '"}\\n')
wanted = pl.DataFrame({"row": [0], "turn": [1], "block": [0], "bytes": [9]})
kinds = {name: kind for name, kind in WANTED.items() if name in wanted.columns}
wanted.cast(kinds).write_parquet("w.parquet")
reading = Reading(TextSettings(name="s", format=OpenMathReasoning()), rows.name)
out = Path("out")
out.mkdir()
for make in work.render_blocks(
    slices(rows.name, Blob(rows, "0"))[0], reading, 1000, ModelFiles.installed(QWEN3), 100,
    [Blob(Path("w.parquet"), "0", (0,))],
):
    assert make(out)["rows"] == 1
code = OURS.work("thinkmix.curation.sample.work", "render_blocks", OpenMathReasoning.__module__).modules
ours = {name for name in sys.modules if name.startswith("thinkmix.")}
own = {"thinkmix.curation.sample.work"}  # only the statements that rendering uses count
sampling = set(OURS.reach(["thinkmix.curation.sample.work"]).modules)  # what its other functions import
own.add(QWEN3.module)  # what it states is an argument, by value
print(sorted(ours - set(code) - own - sampling), len(ours & set(code)))
"""
    done = python("-c", f"import os; os.chdir({str(tmp_path)!r})\n{script}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[] "), done.stdout
    assert int(done.stdout.split()[-1]) > 40


@pytest.mark.acceptance("A20")
@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("curation/validate/rowwise.py", {"validate"}),
        ("curation/validate/reading.py", {"validate", "sample"}),
        ("curation/dedup/candidates.py", {"dedup"}),
        ("curation/decontaminate/contamination.py", {"decontaminate"}),
        ("curation/sample/mix.py", {"sample", "audit"}),
        ("curation/publish/assemble.py", {"publish"}),
        ("curation/audit/measure.py", {"audit"}),
        ("curation/text/kernels.py", set(WORK) - {"publish"}),
        ("templates/chat/turns.py", {"sample"}),
        ("templates/chat/render.py", {"audit"}),
        ("templates/chat/families/contract.py", {"sample", "audit"}),
        ("templates/chat/families/known.py", set()),
        ("templates/chat/families/qwen3.py", set()),
        ("curation/gates/contract.py", set()),
        ("curation/gates/known.py", set()),
        ("curation/gates/rows.py", set()),
        ("schemas/formats/known.py", set()),
        ("schemas/formats/alpaca.py", set()),
        ("schemas/report.py", {"audit", "publish"}),
        ("schemas/training.py", set()),
        ("templates/pages/report.html.jinja", set()),
        ("flows/build/validate.py", set()),
        ("flows/pages/report/page.py", set()),
    ],
)
def test_edited_module_reaches_the_stages_that_use_it(name, stages, tree):
    """An edit costs what it touches: the stages whose work can reach the file, and no other."""
    before = {one: reached(tree, *one) for one in EVERY}
    if not (tree.root / name).exists():
        pytest.fail(f"{name} is gone: name another file")
    after = edited(tree, name)
    assert {
        stage for stage, function in EVERY if reached(after, stage, function) != before[stage, function]
    } == stages


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("schemas/report.py", True),
        ("flows/build/version.py", True),
        ("flows/build/publish.py", True),
        ("flows/recipe/recipe.py", True),
        ("flows/sources/known.py", False),
        ("curation/gates/contract.py", False),
        ("curation/gates/known.py", False),
        ("curation/gates/rows.py", False),
        ("flows/sources/hub.py", False),
        ("flows/executor/workers.py", False),
        ("flows/store/cache.py", False),
        ("templates/pages/report.html.jinja", False),
        ("schemas/training.py", False),
    ],
)
def test_version_is_of_the_code_that_decides_its_bytes(name, counts, tree):
    """All that decides bytes counts for finding a version again; a gate judges one and decides none."""
    before = tree.reach(fingerprint._BUILD).digest
    assert (edited(tree, name).reach(fingerprint._BUILD).digest != before) == counts


def test_one_of_each_folder_that_decides_rows_counts_for_the_version(tree):
    """A folder that is not walked would leave stale versions: of each, one file is edited."""
    known = tree.reach(fingerprint._BUILD).modules
    paths = [path for path in map(tree.path, known) if path is not None]
    by_folder = {path.parent: path for path in sorted(paths, reverse=True)}
    assert len(by_folder) > 15
    for path in by_folder.values():
        before = tree.reach(fingerprint._BUILD).digest
        tree = edited(tree, str(path.relative_to(tree.root)))
        assert tree.reach(fingerprint._BUILD).digest != before, path


def test_new_module_counts_as_soon_as_it_is_imported(tree):
    """Wherever the import stands: at the top, in parentheses, or inside a function."""
    (tree.root / "curation" / "new.py").write_text("X = 1\n")
    (tree.root / "curation" / "newer.py").write_text("import numba\n")
    path = tree.root / "curation" / "audit" / "measure.py"
    text = (
        path.read_text()
        + "\n\ndef late():\n    from thinkmix.curation import (\n        new,\n        newer,\n    )\n"
    )
    path.write_text(text)
    code = Sources(tree.root).work("thinkmix.curation.audit.work", "measure_mixture")
    assert {"thinkmix.curation.new", "thinkmix.curation.newer"} <= code.modules.keys()
    assert code.libraries["numba"] == library_versions()["numba"]


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        (
            "try:\n    import numba\nexcept ImportError:\n    numba = None\n"
            "def work(out):\n    return numba\n",
            True,
        ),
        ("LIMIT = 1\nLIMIT += 1\n\ndef work(out):\n    return LIMIT\n", True),
        ("def helper():\n    return EDITED\n\ndef work(out):\n    return helper()\n", True),
        ("def other():\n    return EDITED\n\ndef work(out):\n    return 1\n", False),
    ],
)
def test_statement_counts_if_the_work_uses_a_name_that_it_binds(more, counts, tree):
    """Inside `try`, bound twice, and through another function of the file; not one that it does not use."""
    path = tree.root / "curation" / "audit" / "work.py"
    codes = []
    for value in "12":
        path.write_text(
            more.replace("numba = None", f"numba = {value}").replace("+= 1", f"+= {value}")
            + f"EDITED = {value}\n"
        )
        codes.append(Sources(tree.root).work("thinkmix.curation.audit.work", "work"))
    assert (codes[0].digest != codes[1].digest) == counts
    assert ("numba" in codes[0].libraries) == ("numba" in more)


def test_function_that_cannot_be_followed_raises():
    """A method, a partial or a lambda has no code that could be named."""
    with pytest.raises(ValueError, match="no function 'nothing' at its top"):
        OURS.work("thinkmix.curation.audit.work", "nothing")


def test_edit_to_a_neighbour_in_the_same_file_does_not_count(tree):
    """Of the module that holds the work, the statements count that it uses."""
    path = tree.root / "curation" / "publish" / "work.py"
    text = path.read_text()
    before = {name: reached(tree, "publish", name) for name in WORK["publish"]}
    path.write_text(text.replace("Write the same file of several shards as one.", "Join."))
    after = {name: reached(Sources(tree.root), "publish", name) for name in WORK["publish"]}
    assert {name for name in before if before[name] != after[name]} == {"join"}


@pytest.mark.acceptance("A20")
@pytest.mark.parametrize("library", sorted(library_versions()))
def test_library_version_reaches_the_stages_that_import_it(library, monkeypatch):
    """Another version of a library that decides bytes is another code of those, and of the whole."""
    versions = {**library_versions(), library: "0.0.1"}
    rules = [kind.__module__ for kind in RULES]  # arguments of validation bring their code

    def works():
        return {
            one: OURS.work(f"thinkmix.curation.{one[0]}.work", one[1], *rules if one[1] == "validate" else ())
            for one in EVERY
        }

    before, whole = works(), code_digest()
    monkeypatch.setattr(fingerprint, "library_versions", lambda: versions)
    after = works()
    changed = {one for one in EVERY if before[one].digest != after[one].digest}
    assert changed == {one for one in EVERY if library in before[one].libraries}
    assert changed
    assert code_digest.__wrapped__() != whole


def test_every_imported_library_is_known():
    """Whatever the code that decides rows imports is a library whose version counts, or standard."""
    exempt = {"typing_extensions", "yaml", "pydantic_core", "annotated_types"}
    imported = set().union(*(OURS._module(name).libraries for name in OURS.reach(fingerprint._BUILD).modules))
    assert imported - {*sys.stdlib_module_names, *LIBRARIES, *exempt} == set()
    assert not [name for name in imported if fnmatch(name, "prefect*")]
