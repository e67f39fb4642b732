"""A gate, a source kind, a row format or an exporter that joins as a file and a line is in every place."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.builders import python
from tests.harness.program import add, copy_program, typist

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the program with four toys."""
    folder = copy_program(tmp_path_factory.mktemp("program"))
    for file, room, name, after, line in (
        ("gate.py", "curation/gates", "ToyGate", "\n    Absent,", "\n    ToyGate,"),
        ("source.py", "flows/sources", "ToySource", "\n    | UrlSource", "\n    | ToySource"),
        ("row_format.py", "schemas/formats", "ToyRows", "\n    | Rendered", "\n    | ToyRows"),
        ("exporter.py", "curation/export", "ToyExport", "\n    Messages,", "\n    ToyExport,"),
    ):
        add(folder, HERE / file, room, name=name, after=after, line=line)
    return folder


@pytest.fixture(scope="module")
def told(program: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what commands said, by what they were typed for, and where files lie."""
    folder = tmp_path_factory.mktemp("toys")
    stated: dict[str, Any] = {
        "name": "toys",
        "sources": [{"name": "a", "kind": "toy", "sums": 30, "format": "toy"}],
        "mix": {"shares": {"a": 1}, "eval_share": 0},
        "gates": {"toy": {"action": "fail", "room": 29}},
    }
    wrong = {
        **stated,
        "sources": [{"name": "a", "kind": "toi", "sums": 30, "format": "toy"}],
        "gates": {"toy": {"rom": 1}},
    }
    unread = {**stated, "sources": [{"name": "a", "kind": "toy", "sums": 0, "format": "toi"}]}
    for name, recipe in (("toys", stated), ("wrong", wrong), ("unread", unread)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    recipe, store = str(folder / "toys.yaml"), str(folder / "store")
    typed = typist(program)
    commands = {
        "schema": ["schema", "recipe"],
        "wrong": ["build", str(folder / "wrong.yaml"), "--store", store],
        "unread": ["build", str(folder / "unread.yaml"), "--store", store],
        "formats": ["formats"],
        "list": ["export", "--list"],
        "doctor": ["doctor", "--store", store, "--json"],
        "init": ["init", "toy://30", "--output", str(folder / "made.yaml")],
        "check": ["check", recipe, "--store", store, "--json"],
        "plan": ["build", recipe, "--store", store, "--plan", "--json"],
        "build": ["build", recipe, "--store", store, "--workers", "1"],
    }
    said = dict(zip(commands, typed(*commands.values()), strict=True))
    (version,) = (folder / "store" / "toys" / "versions").iterdir()
    commands = {
        "report": ["report", str(version), "--json"],
        "approve": ["approve", str(version), "--why", "toys are small"],
        "export": ["export", str(version), "--to", "toy", "--output", str(folder / "out")],
        "plan again": ["build", recipe, "--store", store, "--plan", "--json"],
        "frozen": ["build", recipe, "--store", store, "--frozen", "--workers", "1"],
    }
    said |= zip(commands, typed(*commands.values()), strict=True)
    page = min((folder / "store" / "toys" / "runs").glob("*/report.html"))  # of the first run
    return {**said, "folder": folder, "version": version, "page": page}


def test_a_gate_that_joins_judges_wherever_gates_do(told, program):
    """In recipes and their errors, check, the verdict of a build, its report and page, accept, the docs."""
    sentence = "a has 30 rows, a toy takes 29"
    assert "toy" in json.loads(told["schema"]["out"])["$defs"]["Gates"]["properties"]
    assert "gates.toy.rom: not a setting; did you mean `room`?" in told["wrong"]["err"]
    assert sentence in json.loads(told["check"]["out"])["mend"]
    assert told["build"]["code"] == 3
    assert sentence in told["build"]["out"] + told["build"]["err"]
    assert sentence in told["report"]["out"]
    gates = json.loads(told["page"].with_name("report.json").read_text(encoding="utf-8"))["gates"]
    (judged,) = (gate for gate in gates if gate["gate"] == "toy")
    assert (judged["level"], judged["measured"], judged["limit"]) == ("fail", 30, 29)
    assert told["approve"]["code"] == 0, told["approve"]["err"]
    accepted = (told["folder"] / "store" / "toys" / "accepted.jsonl").read_text(encoding="utf-8")
    assert json.loads(accepted)["gates"] == ["toy a"]
    assert sentence in told["page"].read_text(encoding="utf-8")
    table = python("-m", "tools.gates", env={"PYTHONPATH": str(program)}).stdout
    assert "| `toy` | Rows that a toy has room for. | warn | `room: 1000` |" in table


def test_a_source_kind_that_joins_is_built_from_wherever_sources_are(told, program):
    """In recipes and their errors, init, check, doctor, plans, frozen builds, the manifest and the docs."""
    schema = json.loads(told["schema"]["out"])
    assert "toy" in schema["properties"]["sources"]["items"]["discriminator"]["mapping"]
    assert "sources.a.kind: there is no 'toi'; did you mean `toy`?" in told["wrong"]["err"]
    assert "sources.a.sums" in told["unread"]["err"]
    assert told["init"]["code"] == 0, told["init"]["err"]
    made = (told["folder"] / "made.yaml").read_text(encoding="utf-8")
    assert "    kind: toy\n    sums: 30\n    format: toy\n" in made
    (seen,) = json.loads(told["check"]["out"])["sources"]
    assert (seen["dataset"], seen["files"], seen["rows"]) == ("toy/sums", 1, 30)
    assert "http://127.0.0.1:9/ does not answer" in told["doctor"]["out"]
    (wanted,) = json.loads(told["plan"]["out"])["fetch"]
    assert (wanted["source"], wanted["files"]) == ("a", 1)
    assert json.loads(told["plan again"]["out"])["fetch"] == []
    assert told["frozen"]["code"] == 0, told["frozen"]["err"]
    manifest = json.loads((told["version"] / "manifest.json").read_text(encoding="utf-8"))
    (entry,) = manifest["sources"]
    assert (entry["dataset"], entry["revision"]) == ("toy/sums", "now")
    table = python("-m", "tools.sources", env={"PYTHONPATH": str(program)}).stdout
    assert "| `kind: toy` | Sums that a toy can do. `sums`: How many sums. |" in table


def test_a_row_format_that_joins_is_read_wherever_formats_are(told):
    """In recipes and their errors, what init recognises, check, the manifest and docs/formats.md."""
    schema = json.loads(told["schema"]["out"])
    kinds = schema["properties"]["sources"]["items"]["discriminator"]["mapping"].values()
    for place in kinds:
        by_name, _ = schema["$defs"][place.rpartition("/")[2]]["properties"]["format"]["anyOf"]
        assert "toy" in by_name["enum"]
    assert "sources.a.format: there is no 'toi'; did you mean `toy`?" in told["unread"]["err"]
    assert "    format: toy\n" in (told["folder"] / "made.yaml").read_text(encoding="utf-8")
    (seen,) = json.loads(told["check"]["out"])["sources"]
    assert (seen["format"], seen["preview"]["kept"]) == ("toy", 30)
    manifest = json.loads((told["version"] / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sources"][0]["format"]["type"] == "toy"
    assert "| [`toy`](#toy) | A question, a bar and its answer. | toy/sums |" in told["formats"]["out"]


def test_an_exporter_that_joins_exports_wherever_exporters_do(told):
    """By its name on the command line, in the list, in the export's manifest and its command."""
    assert "| `toy` | Toy dialogues" in told["list"]["out"]
    assert told["export"]["code"] == 0, told["export"]["err"]
    record = json.loads((told["folder"] / "out" / "export.json").read_text(encoding="utf-8"))
    assert (record["exporter"], record["splits"]["train"]["examples"]) == ("toy", 30)
    assert f"play {told['folder'] / 'out'}" in told["export"]["out"]
    rows = json.loads((told["folder"] / "out" / "toy-train.json").read_text(encoding="utf-8"))
    assert len(rows) == 30
