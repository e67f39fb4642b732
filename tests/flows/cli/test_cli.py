"""The command line: what it prints for people and machines, and the exit code of every ending."""

import json
import shutil
import sys
from importlib.metadata import version as installed
from io import StringIO
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import (
    REASONS,
    Inline,
    flip_bit,
    forget,
    python,
    quick_build,
    recipe,
    statement,
    thinkmix,
    write_recipe,
)
from thinkmix.flows.build import pipeline as pipeline_room
from thinkmix.flows.recipe.recipes import shipped_recipes
from thinkmix.flows.store.store import Store

HEAVY = (
    "polars",
    "pyarrow",
    "numpy",
    "numba",
    "prefect",
    "datasets",
    "torch",
    "transformers",
    "huggingface_hub",
)


@pytest.fixture
def damaged(version: Path, tmp_path: Path) -> Path:
    """A copy of the small version with one bit flipped in its card."""
    copy = shutil.copytree(version, tmp_path / version.name)
    flip_bit(copy / "README.md")
    return copy


def test_help_is_instant():
    """Asking for help imports none of the libraries that take long."""
    ask = "import sys, thinkmix.flows.cli; print([name for name in sys.argv[1:] if name in sys.modules])"
    ended = python("-c", ask, *HEAVY)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_help_takes_half_a_second_of_a_core():
    """The processor time of `thinkmix --help`, start of the interpreter included, is below half a second."""
    ask = (
        "import os, subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], "
        "check=True, stdout=subprocess.DEVNULL); spent = os.times(); "
        "print(spent.children_user + spent.children_system)"
    )
    command = ("-c", "from thinkmix.flows.cli import main; main()", "--help")
    ended = [python("-c", ask, *command) for _ in range(3)]
    assert min(float(one.stdout) for one in ended) < 0.5


@pytest.mark.parametrize(
    "name",
    [
        "init",
        "check",
        "build",
        "verify",
        "explain",
        "rejects",
        "review",
        "show",
        "report",
        "schema",
        "recipes",
        "train",
        "merge",
        "calibrate",
        "evaluate",
    ],
)
def test_every_command_explains_itself(name: str, run):
    """Each command has a help text with an example."""
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"Example: thinkmix {name}" in " ".join(out.split())


def test_build_ends_with_what_was_built(sources: Path, store_copy, built):
    """A build without Prefect shows the mixture and where it lies, with progress and no traceback."""
    stated, store = write_recipe(sources / "cli.yaml"), store_copy()
    forget(store)
    ended = thinkmix("build", stated, "--store", store, "--direct", "--workers", 1, env={"COLUMNS": "300"})
    assert ended.returncode == 0, ended.stderr
    assert "may be trained on" in ended.stdout
    assert built.digest in ended.stdout
    assert "Traceback" not in ended.stderr
    assert "validate" in ended.stderr


def test_build_for_machines_prints_json_alone(run, sources: Path, store_copy, built, monkeypatch):
    """With --json all of the output is one JSON value that names the version."""
    stated = write_recipe(sources / "json.yaml", seed=6)
    monkeypatch.setattr(pipeline_room, "workers", lambda *_: Inline())
    code, out, err = run("build", stated, "--store", store_copy(), "--direct", "--json", "--size", 20)
    assert code == 0, err
    facts = json.loads(out)
    assert facts["good"] is True
    assert facts["version"] != built.digest
    assert sum(share["examples"] for share in facts["shares"]) == 20


def test_verify_tells_whole_from_damaged(run, version: Path, damaged: Path):
    """A whole version is exit code 0; a damaged one is 5, and the file is named."""
    assert run("verify", version)[0] == 0
    assert run("verify", version.parents[1])[0] == 0
    code, out, _ = run("verify", damaged)
    assert code == 5
    assert "README.md: sha256 differs from the manifest" in out
    code, out, _ = run("verify", damaged, "--json")
    assert code == 5
    assert json.loads(out)["problems"] == ["README.md: sha256 differs from the manifest"]


def test_report_shows_reasons(run, version: Path):
    """The report names every reason; as JSON it is the version's own file, and how the mixture stands."""
    code, out, _ = run("report", version)
    assert code == 0
    assert [reason for reason in REASONS if reason not in out] == []
    told = json.loads(run("report", version, "--json")[1])
    facts = json.loads((version / "report.json").read_bytes())
    assert {name: told[name] for name in facts} == facts
    assert told.keys() - facts.keys() == {"verdict", "last_run", "current"}


def test_explain_answers_for_people_and_machines(run, version: Path):
    """A row's outcome is a sentence, or the same as JSON."""
    outcomes = pl.read_parquet(version / "outcomes" / "chat.parquet")
    row = outcomes.filter(reason="role_unknown").row(0, named=True)
    code, out, _ = run("explain", row["id"], "--in", version)
    assert code == 0
    assert "left out at validate as role_unknown" in out
    found = json.loads(run("explain", row["id"], "--in", version, "--json")[1])
    assert [outcome["reason"] for outcome in found["rows"]] == ["role_unknown"]


def test_row_is_explained_by_what_it_says(run, version: Path):
    """A question finds its row; bytes that are no text are refused with a sentence."""
    question = "A chat that asks a problem of the other source."
    code, out, _ = run("explain", "--text", question, "--in", version)
    assert code == 0
    assert "found: dropped rows hold it" in out
    code, _, err = run("explain", "--text", "\udcff", "--in", version)
    assert (code, err) == (
        2,
        "thinkmix: '\\udcff' is not UTF-8 text; rows and verdicts hold nothing else\n",
    )


def test_rejects_are_listed_counted_and_exported(run, version: Path, tmp_path: Path):
    """The list ends with a count per reason; JSON has the rows whole, and so has a file."""
    code, out, _ = run("rejects", version, "--source", "chat", "--limit", 2)
    assert code == 0
    assert "2 of " in out
    assert "near_dup" in out.splitlines()[-1]
    found = json.loads(run("rejects", version, "--reason", "bad_json", "--json")[1])
    assert (found["total"], found["rows"][0]["content"]) == (1, '{"conversations": [')
    file = tmp_path / "rejects.jsonl"
    code, out, _ = run("rejects", version, "--out", file, "--json")
    assert json.loads(out)["rows"] == len(file.read_bytes().splitlines()) > 0


def test_a_row_is_shown_as_it_is_trained(run, version: Path):
    """Prompt and completion are told apart without colours, too, and ids are there for the asking."""
    row = pl.scan_parquet(version / "train-*.parquet").head(1).collect().row(0, named=True)
    code, out, _ = run("show", row["id"], "--in", version, "--ids")
    assert code == 0
    assert out.index("shown, not trained") < out.index("carries the loss") < out.rindex("ids ")
    example = json.loads(run("show", row["id"], "--in", version, "--json")[1])["examples"][0]
    assert example["prompt"] + example["completion"] == row["prompt"] + row["completion"]


def test_a_review_goes_from_draw_to_score(run, version: Path, tmp_path: Path, monkeypatch):
    """What is sampled is told; verdicts come from keys and from a file; the score counts them all."""
    copy = shutil.copytree(version, tmp_path / "small" / "versions" / version.name)
    assert "are sampled, at most 3 of each stratum" in run("review", copy, "--each", 3)[1]
    monkeypatch.setattr(sys, "stdin", StringIO("kdq"))
    (tmp_path / "latest").symlink_to(copy)
    assert (
        "2 verdicts stored" in run("review", tmp_path / "latest", "--walk", "--each", 3, "--who", "anna")[1]
    )
    file = tmp_path / "review.jsonl"
    assert run("review", copy, "--out", file)[0] == 0
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [line["verdict"] for line in lines[:3]] == ["keep", "drop", ""]
    filled = [{**line, "verdict": line["verdict"] or "drop"} for line in lines]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in filled), encoding="utf-8")
    score = json.loads(run("review", copy, file, "--score", "--who", "ben", "--json")[1])
    assert (score["new"], score["reviewers"]) == (len(lines) - 2, ["anna", "ben"])
    assert score["false_drop"]["wrong"] == 1
    code, out, _ = run("review", copy, "--score")
    assert code == 0
    assert "dropped in error: " in out
    assert "kept in error: " in out


def test_recipes_are_listed_and_printed(run):
    """All shipped recipes are listed with a title; one that is named is printed as it is."""
    code, out, _ = run("recipes")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(shipped_recipes())
    assert run("recipes", "math-7-3")[1] == shipped_recipes()["math-7-3"].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("build", "no-such-recipe"), 2, "no recipe 'no-such-recipe'"),
        (("build", "math-7-3", "--unit", "words"), 2, "mix.unit"),
        (("build", "math-7-3", "--size", "0"), 2, "size"),
        (("recipes", "no-such-recipe"), 2, "no recipe"),
        (("verify", "no/such/version"), 2, "neither a version"),
        (("report", "no/such/version"), 2, "neither a version"),
        (("explain", "abc", "--in", "no/such/version"), 2, "neither a version"),
        (("explain", "abc"), 2, "--in"),
        (("explain", "--in", "no/such/version"), 2, "--text"),
        (("show", "abc", "--in", "no/such/version"), 2, "neither a version"),
        (("show", "--in", "no/such/version"), 2, "--flag with the name of a rule"),
        (("show", "abc", "--flag", "repetition", "--in", "no/such/version"), 2, "--flag with the name"),
        (("rejects", "no/such/version", "--rule", "repetition", "--reason", "seam"), 2, "--reason or --rule"),
        (("rejects", "no/such/version"), 2, "neither a version"),
        (("review", "no/such/version"), 2, "neither a version"),
        (("review", "no/such/version", "file.jsonl"), 2, "--score"),
        (("review", "no/such/version", "--walk", "--score"), 2, "--walk"),
        (("frobnicate",), 2, "No such command"),
    ],
    ids=str,
)
def test_mistakes_end_with_a_sentence_and_a_code(args, code: int, says: str, run):
    """What a person got wrong is said on stderr, without a traceback, under the code of its kind."""
    got, out, err = run(*args)
    assert got == code
    assert says in " ".join(err.split())
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    ("changes", "code", "error", "says"),
    [
        ({"max_tokens": "many"}, 2, "RecipeError", "max_tokens"),
        ({"shares": {"math": 0.5, "chat": 0.6}}, 2, "RecipeError", "fractions must sum to 1"),
        ({"missing": True}, 4, "SourceNotFound", "none/*.jsonl"),
        ({"size": 10_000, "when_short": "fail"}, 8, "MixtureError", "too little for a size of 10000"),
    ],
    ids=["field", "shares", "missing file", "impossible size"],
)
@pytest.mark.parametrize("machine", [False, True], ids=["people", "machines"])
def test_failed_build_says_what_to_mend(
    changes, code: int, error: str, says: str, machine: bool, run, store_copy, sources: Path, monkeypatch
):
    """A build that cannot be has the code of its kind, names field or file, and leaves the good version."""
    changes = dict(changes)
    if changes.pop("missing", False):
        changes["sources"] = [{**source, "files": ["none/*.jsonl"]} for source in statement()["sources"]]
    monkeypatch.setattr(pipeline_room, "workers", lambda *_: Inline())
    store = store_copy()
    before = (store / "small" / "CURRENT").read_bytes()
    stated = write_recipe(sources / "failing.yaml", **changes)
    got, out, err = run("build", stated, "--store", store, "--direct", *(["--json"] if machine else []))
    assert got == code
    said = json.loads(out) if machine else {"error": error, "message": err, "exit_code": code}
    assert (said["error"], said["exit_code"]) == (error, code)
    assert says in " ".join(said["message"].split())
    assert "Traceback" not in err
    assert machine or out == ""
    assert (store / "small" / "CURRENT").read_bytes() == before


def test_busy_mixture_is_for_the_scheduler_to_retry(run, store_copy, sources: Path):
    """A mixture that another build holds is exit code 75, for machines as JSON."""
    store = store_copy()
    stated = write_recipe(sources / "busy.yaml")
    with Store(store).lock("small"):
        got, out, _ = run("build", stated, "--store", store, "--direct", "--json")
    assert got == 75
    assert json.loads(out)["error"] == "StoreBusy"
    assert json.loads(out)["code"] == "store_busy"


def test_mistakes_are_json_for_machines(run, version: Path):
    """With --json an error is JSON, too, with its kind and its exit code."""
    code, out, _ = run("explain", "zz", "--in", version, "--json")
    assert code == 2
    assert json.loads(out)["error"] == "NotFound"
    assert json.loads(out)["code"] == "not_found"
    assert json.loads(out)["exit_code"] == 2


def test_what_is_named_and_is_not_there_is_a_mistake_of_the_command(run, version: Path, tmp_path: Path):
    """Exit code 2 and a sentence: 5 wakes an operator, for a store that is damaged or full."""
    mixture = version.parents[1]
    for command, words in (
        (("explain", "zz", "--in", mixture), "has an id that starts with 'zz'"),
        (("explain", "", "--in", mixture), "rows of"),
        (("explain", "--text", "qqqqqqqxxxxxzzzzz", "--in", mixture), "holds this text"),
        (("show", "zz", "--in", mixture), "has an id that starts with 'zz'"),
        (("diff", mixture, mixture / "9999"), "no version of small has a digest that starts with '9999'"),
        (("report", mixture.parent / "smal"), f"; {mixture.parent} holds small"),
        (("verify", mixture.parent / "smal"), f"; {mixture.parent} holds small"),
        (("rejects", mixture, "--reason", "near"), "there is no reason 'near'"),
        (("rejects", mixture, "--rule", "near_dup"), "there is no rule 'near_dup'; the rules are repetition"),
        (("show", "--flag", "repetitoin", "--in", mixture), "there is no rule 'repetitoin'; the rules are"),
        (("rejects", mixture, "--source", "maths"), "has no source 'maths'"),
        (("review", tmp_path), "neither a version"),
        (("approve", mixture / "9999", "--why", "it is good"), "no version of small"),
        (("train", tmp_path, "--output", tmp_path / "out"), "neither a version"),
        (("calibrate", tmp_path, "--output", tmp_path / "out"), "neither a version"),
        (("plan", tmp_path), "neither a version"),
        (("gc", tmp_path / "none"), "neither a store nor a mixture's folder"),
    ):
        code, _, err = run(*command)
        told = [line for line in err.splitlines() if line.startswith("thinkmix: ")]
        assert (code, len(told), words in err) == (2, 1, True), (command, err)


def test_a_version_without_its_manifest_is_damaged(run, store_copy):
    """Its folder is there, so the command is not wrong: exit code 5."""
    (version,) = (store_copy() / "small" / "versions").iterdir()
    (version / "manifest.json").unlink()
    code, _, err = run("verify", version)
    assert (code, err) == (5, f"thinkmix: {version} is damaged: it has no manifest.json\n")


def test_a_mixture_without_a_good_version_is_not_damaged(run, sources: Path, tmp_path: Path):
    """Before the first version is current, commands on the mixture say where to read why."""
    stated = statement()
    blocked = recipe(sources=[{**source, "expect_rows": 10**6} for source in stated["sources"]])
    assert quick_build(blocked, tmp_path, sources).status == "blocked"
    code, _, err = run("verify", tmp_path / "small")
    assert (code, "no version of" in err, "thinkmix report" in err) == (2, True, True)


@pytest.mark.parametrize("harm", ["missing", "garbage", "nowhere"])
def test_damaged_pointer_ends_with_a_sentence(harm: str, run, store_copy):
    """A mixture whose CURRENT leads nowhere is exit code 5 for every command that reads it."""
    store = store_copy()
    pointer = store / "small" / "CURRENT"
    if harm == "missing":
        pointer.unlink()
    else:
        pointer.write_bytes(b"\xff\x00" if harm == "garbage" else b"0" * 64 + b"\n")
    for command in (("verify",), ("report",), ("explain", "ab", "--in")):
        code, _, err = run(*command, store / "small")
        assert code == 5
        assert err.startswith("thinkmix: ")
        assert "Traceback" not in err


def test_several_builds_of_one_store_do_not_mix_up(run, sources: Path, tmp_path: Path):
    """The folder of a mixture means its own current version, whatever else the store holds."""
    one = quick_build(recipe(), tmp_path, sources)
    quick_build(recipe(name="other", seed=9), tmp_path, sources)
    assert json.loads(run("verify", tmp_path / "small", "--json")[1])["version"] == one.digest


def test_the_version_is_told(run):
    """`thinkmix --version` prints what is installed, as the package's metadata has it."""
    assert run("--version") == (0, f"thinkmix {installed('thinkmix')}\n", "")
