"""The same rows, however their files are laid out: one mixture, and every row found again."""

import csv
import io
import json
import shutil

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from tests.harness.builders import quick_build, statement
from thinkmix.flows.build.watch import Watch
from thinkmix.flows.cli.show.events import bars
from thinkmix.flows.cli.show.show import version_facts
from thinkmix.flows.inspect.rows import Rows
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.system.progress import Event

ROWS = [
    {
        "instruction": f"Name {number} things, one of them {word}",
        "input": "some, with\na line break" if number % 3 else "",
        "output": f'"{word}" and {number} others',
    }
    for number, word in enumerate(("amber", "bridge", "candle", "desert", "engine", "forest", "garden"))
]


def table(delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ROWS[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


LAYOUTS = {
    "rows.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "lines.json": "\r\n".join(map(json.dumps, ROWS)).encode(),
    "array.json": json.dumps(ROWS).encode(),
    "array.jsonl": json.dumps(ROWS, indent=1).encode(),
    "wrapped.json": json.dumps({"n": 7, "data": {"rows": ROWS}}).encode(),
    "rows.csv": table(","),
    "rows.tsv": table("\t"),
    "rows.parquet": parquet(),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Versions by file name, made from the same rows."""
    base = tmp_path_factory.mktemp("base")
    versions = {}
    for name, data in LAYOUTS.items():
        (base / name).write_bytes(data)
        rows = "data.rows" if name == "wrapped.json" else None
        source = {"name": "a", "kind": "local", "files": [name], "format": "alpaca", "rows": rows}
        stated = statement(sources=[source], shares={"a": 1}, eval_share=0, name="a")
        versions[name] = quick_build(Recipe.model_validate(stated), base / f"store-{name}", base)
    return versions


def test_every_layout_gives_the_same_mixture(built):
    """Byte for byte."""
    assert len({version.manifest.content_sha256 for version in built.values()}) == 1
    assert built["rows.csv"].manifest.shares[0].examples == len(ROWS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_row_is_found_again_in_its_file(built, name):
    """By its number, whatever lies around it."""
    version = built[name].version
    outcomes = pl.read_parquet(version / "outcomes" / "a.parquet")
    rows = Rows(version)
    found = rows._reopened(outcomes["id"].to_list())
    assert {said.messages[1].content for said in found.values()} == {row["output"] for row in ROWS}


def test_a_build_says_what_each_pattern_means(sources, tmp_path):
    """On the terminal, for machines, and in the manifest; benchmarks, too."""
    base = shutil.copytree(sources, tmp_path / "base")
    (base / "asked.csv").write_text('question\n"Nobody asks this of anyone at all, ever."\n')
    heard: list[Event] = []
    exam = {"name": "exam", "files": ["asked.*"]}
    stated = statement(decontaminate={"benchmarks": [exam], "ngram": 5})
    stated["sources"][0]["files"] = ["math/*.jsonl", "**/0.jsonl"]
    stated["sources"][1]["files"] = ["chat/1.jsonl"]
    version = quick_build(
        Recipe.model_validate(stated), tmp_path / "store", base, watch=Watch(notify=heard.append)
    )
    notes = [event.note for event in heard if event.note and event.stage == "resolve"]
    assert notes == [
        "math: 3 files (math/*.jsonl → 2, **/0.jsonl → 2)",
        "chat: 1 file (chat/1.jsonl → 1)",
        "exam: 1 file (asked.* → 1)",
    ]
    assert version_facts(version.version)["files"] == {
        "math": {"count": 3, "matched": {"**/0.jsonl": 2, "math/*.jsonl": 2}},
        "chat": {"count": 1, "matched": {"chat/1.jsonl": 1}},
    }


def test_notes_stay_on_the_terminal_as_they_are():
    """No markup of a pattern is obeyed, and no code steers the terminal."""
    out = io.StringIO()
    with bars(Console(file=out, width=40)) as notify:
        notify(
            Event(
                "resolve",
                "a",
                1,
                1,
                "files",
                "a: 1 file ([bold]\x1b[2J:smile:*.jsonl → 1), which is a long line",
            )
        )
    assert r"a: 1 file ([bold]\x1b[2J:smile:*.jsonl → 1), which is a long line" in out.getvalue()


def test_questions_may_lie_in_an_object(sources, tmp_path):
    """A benchmark's `rows` names their list, as a source's does."""
    base = shutil.copytree(sources, tmp_path / "base")
    (base / "asked.json").write_text(json.dumps({"version": 1, "items": [{"question": "Who asks?"}]}))
    exam = {"name": "exam", "files": ["asked.json"], "rows": "items"}
    stated = statement(decontaminate={"benchmarks": [exam], "ngram": 5})
    assert quick_build(Recipe.model_validate(stated), tmp_path / "store", base).status == "published"
