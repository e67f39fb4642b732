"""A rule that joins by one file, an import and a line appears wherever rules do.

The commands run with a copy of the program to which the toy was added as its author would do it.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tests.flows.build.toy_rule import Shouting
from tests.harness.builders import ROOT, chat_row, python, text, write_rows


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the program and one more rule."""
    folder = tmp_path_factory.mktemp("program")
    for room in ("curation", "data", "flows", "schemas", "templates", "train"):
        shutil.copytree(ROOT / room, folder / "thinkmix" / room)
    shutil.copy(ROOT / "src" / "thinkmix" / "__init__.py", folder / "thinkmix")
    there = folder / "thinkmix" / "curation" / "rules"
    shutil.copy(Path(__file__).with_name("toy_rule.py"), there / "toy.py")
    listed = there / "known.py"
    code = listed.read_text(encoding="utf-8")
    line = "\nRULES: tuple[type[Rule], ...] = ("
    assert code.count(line) == 1
    code = code.replace(line, f"\nfrom thinkmix.curation.rules.toy import Shouting\n{line}Shouting, ")
    listed.write_text(code, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def typed(program: Path) -> Any:
    """Return what runs commands of this program, one after another, in a process of its own."""

    def run(*commands: list[str]) -> list[dict[str, Any]]:
        words = json.dumps([list(map(str, command)) for command in commands])
        done = python("-m", "tests.harness.typed", input=words, env={"PYTHONPATH": str(program)})
        assert done.returncode == 0, done.stderr
        told: list[dict[str, Any]] = json.loads(done.stdout)
        return told

    return run


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a source whose rows 2 and 5 shout, and recipes that flag and drop them."""
    folder = tmp_path_factory.mktemp("rows")
    said = [chat_row(f"Tell of {text(n)}.", f"Gladly: {text((n, n))}.") for n in range(8)]
    for row in (2, 5):
        said[row] = chat_row(f"Tell of {text(row)}.", f"NO, {text((row, row)).upper()}!")
    write_rows(folder / "rows.jsonl", said)
    source = {"name": "chat", "kind": "local", "files": ["rows.jsonl"], "format": "sharegpt"}
    stated = {"name": "toys", "sources": [source], "mix": {"shares": {"chat": 1}, "eval_share": 0}}
    for name, rules in {
        "flag": {"shouting": {"action": "flag", "least": 3}},
        "drop": {"shouting": {"action": "drop", "reviewed": {"read": 50, "right": 49}}},
        "unproven": {"shouting": "drop"},
        "wrong": {"shoutin": "drop"},
    }.items():
        recipe = {**stated, "name": name, "rules": rules}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder


def test_a_rule_that_joins_is_offered_wherever_rules_are_listed(typed, rows):
    """By the schema of recipes, the error of a wrong name, and the command whose output is docs/rules.md."""
    schema, wrong, unproven, told, page = typed(
        ["schema", "recipe"],
        *(["check", rows / f"{name}.yaml"] for name in ("wrong", "unproven")),
        ["rules", "--json"],
        ["rules"],
    )
    fields = json.loads(schema["out"])["properties"]["rules"]["properties"]
    assert fields["shouting"]["description"] == Shouting.sentence
    assert "did you mean `shouting`?" in wrong["err"]
    assert "the rule shouting may not drop rows: its precision is not measured" in unproven["err"]
    (first, *_) = json.loads(told["out"])["rules"]
    assert (first["name"], first["sentence"], first["default"]) == ("shouting", Shouting.sentence, "off")
    assert [(one["name"], one["default"]) for one in first["settings"]] == [("least", 5)]
    assert f"| `shouting` | {Shouting.sentence} | anything | `off` |" in page["out"]
    assert "| `least` | `5` | Turns with fewer letters are not judged. |" in page["out"]


def test_a_rule_that_joins_flags_and_drops_rows_wherever_they_are_shown(typed, rows, tmp_path):
    """In the ledger, the report and its page, the published files, `explain`, `show` and `rejects`."""
    store = tmp_path / "store"
    builds = typed(
        *(
            ["build", rows / f"{name}.yaml", "--store", store, "--workers", "1", "--direct"]
            for name in ("flag", "drop")
        )
    )
    assert [build["code"] for build in builds] == [0, 0], builds
    flag, drop = (next((store / name / "versions").iterdir()) for name in ("flag", "drop"))
    published = pl.concat([pl.read_parquet(path) for path in flag.glob("train-*.parquet")])
    assert published.height == 8
    flagged = published.filter(pl.col("flags").list.contains("shouting"))["conversation_id"].unique()
    report = json.loads((flag / "report.json").read_bytes())
    assert report["flags"] == [{"source": "chat", "rule": "shouting", "rows": 2, "mixed": 2}]
    assert json.loads((flag / "manifest.json").read_bytes())["flags"] == report["flags"]
    lost = json.loads((drop / "report.json").read_bytes())["ledger"]["stages"][0]["dropped"]
    assert lost["shouting"]["rows"] == 2
    for name in ("flag", "drop"):
        (page,) = (store / name).glob("runs/*/report.html")
        assert Shouting.sentence in page.read_text(encoding="utf-8")
    explained, listed, shown, rejects, why = typed(
        ["explain", flagged[0], "--in", flag],
        ["show", "--in", flag, "--flag", "shouting", "--json"],
        ["show", "--in", flag, "--flag", "shouting"],
        ["rejects", drop, "--rule", "shouting", "--json"],
        ["rejects", drop, "--rule", "repetition", "--json"],
    )
    assert "flagged shouting" in explained["out"]
    assert "messages[1].content, characters 0 to " in explained["out"]
    found = json.loads(listed["out"])
    assert (found["total"], found["mixed"]) == (2, 2)
    assert {row["id"] for row in found["rows"]} == set(flagged)
    assert "2 of 2 rows flagged shouting, 2 of them in the mixture" in shown["out"]
    left = json.loads(rejects["out"])
    assert (left["total"], left["reasons"]) == (2, {"shouting": 2})
    assert sorted(row["row"] for row in left["rows"]) == [2, 5]
    assert json.loads(why["out"])["total"] == 0
    (dropped,) = typed(["explain", left["rows"][0]["id"], "--in", drop])
    assert f"shouting: {Shouting.sentence}" in dropped["out"]
