"""What tools make of exports: each exporter is run or says why not, and the page shows what was recorded."""

from dataclasses import replace
from pathlib import Path

from benchmarks.interop import BEGIN, NOT_RUN, PAGE, TARGETS, Outcome, recorded_weights, table, tables
from benchmarks.peer_envs import PEERS, script
from benchmarks.weights import READERS, WeightsRead, weights_table
from thinkmix.curation.export import read_by
from thinkmix.curation.export.handoff import Handoff
from thinkmix.curation.export.known import EXPORTERS, exporter

GOOD = Outcome(
    target="trl", date="2026-12-01", releases={"trl": "1.16.0", "transformers": "5.23.0", "torch": "2.13.0"},
    rows=8, tools=4, thinking=2, several=1, by_rule=8, by_tool=8, stop_trained=8, line_break=False, steps=5,
    seconds=1.0,
)  # fmt: skip


def test_every_export_for_a_trainer_is_run_or_says_why_not():
    """Each target names an environment, and a file that reads the rows there; none is in both lists."""
    run = {target.name for target in TARGETS}
    assert run.isdisjoint(NOT_RUN)
    assert run | set(NOT_RUN) == {kind.name for kind in EXPORTERS if issubclass(kind, Handoff)}
    for target in TARGETS:
        tool = exporter(target.name).tool
        assert tool is not None
        assert target.peer in PEERS
        assert Path(read_by.__file__).with_name(f"{tool.replace('-', '_')}_rows.py").exists()


def test_an_outcome_is_good_if_no_row_differs_anywhere():
    """By rule, by tool and in the end token; a tool that failed is not."""
    assert GOOD.good
    for wrong in ({"by_rule": 7}, {"by_tool": 7}, {"stop_trained": 7}, {"failed": "no"}):
        assert not replace(GOOD, **wrong).good


def test_the_table_shows_what_differs():
    """With tool, versions, row and token; others are named with the reason."""
    shown = table([replace(GOOD, by_tool=7, differences=["row 3, token 6: id 220, not 5867"])])
    assert (
        "| `trl` | trl 1.16.0, transformers 5.23.0 | 2026-12-01 | 8 | 8, without the last line break | 7"
        in shown
    )
    assert "* `trl`: row 3, token 6: id 220, not 5867" in shown
    assert f"| `nemotron` | {NOT_RUN['nemotron']} |" in shown
    assert "| `axolotl` | it was not run yet" in shown


def test_the_page_ends_with_what_was_recorded():
    """Nobody edits its tables by hand."""
    assert PAGE.read_text(encoding="utf-8").partition(BEGIN)[2] == "\n" + tables()


READ = WeightsRead("vLLM", "2026-12-01", {"vllm": "0.32.0"}, {"lora": 0.0}, ["dora: it has no DoRA"])


def test_weights_are_good_if_all_that_a_reader_takes_is_ours():
    """What it is known to refuse is told; a difference, another refusal, nothing and no number are faults."""
    assert READ.good
    for wrong in (
        {"differences": {"lora": 2e-4}},
        {"differences": {"lora": float("nan")}},
        {"differences": {}},
        {"notes": ["lora: no"]},
        {"failed": "ModuleNotFoundError"},
    ):
        assert not replace(READ, **wrong).good
    shown = weights_table([READ, replace(READ, reader="GGUF", differences={"freeze": 0.5}, notes=[])])
    assert "| vLLM | vllm 0.32.0 | 2026-12-01 | scaling · B A of each layer | 0e+00 |  |" in shown
    assert "* vLLM: dora: it has no DoRA" in shown


def test_every_reader_of_weights_was_run():
    """Each has an environment and a script, and its outcome on the page is good."""
    assert [one.reader for one in recorded_weights() if one.good] == [reader.name for reader in READERS]
    for reader in READERS:
        assert reader.peer in PEERS
        assert script(reader.script).exists()
