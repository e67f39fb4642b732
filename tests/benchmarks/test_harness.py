"""The harness: what is measured is kept and shown, and a figure runs from rows to a line of the table."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import measure, measurements, rows
from benchmarks.__main__ import FIGURES, PEERLESS, import_docs
from benchmarks.exact_pairs import shingle_matrix, similar_pairs
from benchmarks.figures import quality, stages
from benchmarks.judged_pairs import differences
from benchmarks.measurements import BEGIN, END, Measurement, Options
from benchmarks.near_dup import deduplicate
from thinkmix.curation.dedup.settings import DedupPlan

SPEED = Measurement(figure="tokens", what="speed", unit="×", at_least=8, aim=12, measured=9.5, on="1 row")


@pytest.mark.parametrize(
    ("measured", "less_is_better", "reached"),
    [
        (7.9, False, "**no**"),
        (8, False, "yes"),
        (12, False, "yes, and the aim"),
        (8.1, True, "**no**"),
        (8, True, "yes"),
        (3, True, "yes, and the aim"),
    ],
)
def test_bounds_are_compared_in_the_right_direction(measured: float, less_is_better: bool, reached: str):
    """A figure reaches its bound from below or from above, and the aim beyond it."""
    aim = 4 if less_is_better else 12
    assert replace(SPEED, measured=measured, aim=aim, less_is_better=less_is_better).reached == reached


def test_a_new_run_replaces_the_figure_of_the_same_name(tmp_path: Path):
    """Results hold the latest run of each figure, and figures that were not run again."""
    path = tmp_path / "results.json"
    other = replace(SPEED, what="memory")
    measurements.record([SPEED, other], Options("tiny"), path)
    measurements.record([replace(SPEED, measured=20)], Options("full"), path)
    found = {finding.what: finding for finding in measurements.load(path)}
    assert {name: (one.measured, one.scale) for name, one in found.items()} == {
        "speed": (20, "full"),
        "memory": (9.5, "tiny"),
    }


def test_figure_of_another_processor_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The page's first line stays that of the other figures, and the new one names its own processor."""
    path = tmp_path / "results.json"
    measurements.record([SPEED], Options("tiny"), path)
    here = measurements.machine()
    monkeypatch.setattr(measurements, "machine", lambda: {**here, "cpu": "Abacus"})
    measurements.record([replace(SPEED, what="memory")], Options("tiny"), path)
    assert json.loads(path.read_text())["machine"] == here
    lines = [finding.line() for finding in measurements.load(path)]
    assert [line.endswith(", Abacus |") for line in lines] == [False, True]


def test_page_gets_the_table_between_its_marks(tmp_path: Path):
    """Only what lies between the marks is rewritten."""
    path, page = tmp_path / "results.json", tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    measurements.record([SPEED], Options("tiny"), path)
    measurements.write_page(FIGURES, path, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| speed | 8× | 12× | 9.5× | yes | 1 row; 20" in text
    assert "old" not in text


def test_every_figure_says_what_it_measures():
    """Each subcommand has a module whose first line is its help."""
    assert all(import_docs(name).endswith(".") or ":" in import_docs(name) for name in FIGURES)


def test_quality_runs_from_rows_to_a_finding(tmp_path: Path):
    """On a few generated rows all similar pairs are found, and none is invented."""
    found = quality.measure(Options("tiny", 1, tmp_path))
    assert [(finding.measured, finding.reached) for finding in found] == [(1.0, "yes, and the aim")] * 2
    assert list(tmp_path.iterdir()) == []


def test_rows_are_read_as_a_build_reads_them(tmp_path: Path):
    """Each generated row is a conversation that ends with an answer: figures are of what is trained."""
    options = Options("tiny", 1, tmp_path)
    found = rows.conversations(options)
    assert len(found) > 0.8 * sum(frame.height for frame in rows.raw_rows(options).values())
    assert {conversation.messages[-1].role for conversation in found} == {"assistant"}


def test_exact_pairs_are_those_of_the_definition():
    """Similarity is shared shingles over all shingles, for every pair that reaches the threshold."""
    texts = pl.Series(["a b c d e f g h i j", "a b c d e f g h i j k", "x y z u v w", "a b c d e q r s t u"])
    pairs, similarity = similar_pairs(shingle_matrix(texts), threshold=0.05)
    assert {tuple(pair): round(value, 4) for pair, value in zip(pairs.tolist(), similarity, strict=True)} == {
        (0, 1): round(6 / 7, 4),
        (0, 3): round(1 / 11, 4),
        (1, 3): round(1 / 12, 4),
    }


def test_deduplicating_files_drops_copies_across_them(tmp_path: Path):
    """Of equal and near-equal texts in two files one row stays, with all of its columns."""
    long = " ".join(f"w{number}" for number in range(60))
    inputs = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    pl.DataFrame({"n": [0, 1], "text": [long, "something else altogether"]}).write_parquet(inputs[0])
    pl.DataFrame({"n": [2, 3, 4], "text": [long, f"{long} more", None]}).write_parquet(inputs[1])
    deduplicate(inputs, tmp_path / "out", column="text", plan=DedupPlan(), threads=1)
    kept = [pl.read_parquet(tmp_path / "out" / path.name) for path in inputs]
    numbers = pl.concat(kept)["n"].to_list()
    assert len({0, 2, 3} & set(numbers)) == 1
    assert {1, 4} <= set(numbers)
    assert kept[0].columns == ["n", "text"]


def test_stages_add_up_to_the_whole_build():
    """A timeline becomes durations that sum to its end, and sampling is not counted as before itself."""
    durations = stages.durations({"begun": {"validate": 1.0, "mix": 6.0, "minhash": 4.0}, "end": 7.5})
    assert durations == {"start": 1.0, "validate": 3.0, "minhash": 2.0, "mix": 1.5}
    assert stages.before_sampling(durations) == 6.0


def test_memory_of_a_command_counts_its_children():
    """The peak of a process tree holds what a child has allocated."""
    held = "x = bytearray(120_000_000); import time; time.sleep(0.6)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    spent = measure.run([sys.executable, "-c", code], watch=True)
    assert 120e6 < spent.pss <= spent.rss < 300e6


def test_a_command_that_fails_is_an_error():
    """A failing command raises with what it said, rather than being timed."""
    with pytest.raises(RuntimeError, match="broken"):
        measure.run([sys.executable, "-c", "import sys; sys.exit('broken')"])


def test_medians_take_turns():
    """Works are run in turns, and the median of each is returned."""
    order: list[str] = []
    values = {"a": [3.0, 1.0, 2.0], "b": [9.0, 9.0, 1.0]}

    def work(name: str) -> float:
        order.append(name)
        return values[name].pop(0)

    assert measure.medians(3, a=lambda: work("a"), b=lambda: work("b")) == {"a": 2.0, "b": 9.0}
    assert order == list("ababab")


@pytest.mark.deep
def test_every_figure_without_a_peer_runs(tmp_path: Path):
    """`ours` at the smallest scale ends well and puts each of its figures into the results."""
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "ours", "--scale", "tiny", "--rounds", "1"]
    subprocess.run(
        [*command, "--work", str(tmp_path / "work"), "--results", str(results)], cwd=measure.ROOT, check=True
    )
    assert {finding.figure for finding in measurements.load(results)} == set(PEERLESS)


def test_components_join_what_pairs_connect():
    """Rows are in one component if a chain of pairs connects them."""
    found = quality.components(np.array([[0, 1], [1, 2]]), 4)
    assert [found[0] == found[i] for i in range(4)] == [True, True, True, False]


def test_a_command_runs_the_package_of_its_own_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another one is installed: a comparison of two checkouts would measure one of them twice."""
    package = tmp_path / "src" / "thinkmix"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("NAME = 'of this checkout'\n")
    monkeypatch.setattr(measure, "ROOT", tmp_path)
    spent = measure.run([sys.executable, "-c", "import thinkmix; print(thinkmix.NAME)"])
    assert spent.output == "of this checkout\n"


def test_pairs_are_shown_by_what_differs() -> None:
    """With some words around, and by their beginning where nothing does."""
    assert differences("a b c", "a x c") == "a [-b-]{+x+} c"
    assert differences("a b", "a b") == "= a b"
