"""A rule out of a user's file: built with, shown, and refused where it cannot be trusted."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tests.harness.builders import ROOT, chat_row, python, quick_build, text, write_rows
from tests.harness.judged import asked
from thinkmix.curation.rules import own
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.flows.build.dry_run import plan_build
from thinkmix.flows.recipe.own_rules import open_rules
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import load, override
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import RecipeError

PAGE = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
(CODE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
"""The example of the docs."""

SETTINGS = {"action": "flag", "least": 3}


def write(folder: Path, code: str = CODE, extension: str = "jsonl", **rules: Any) -> Path:
    """Write a recipe, its rule file and its rows; 2 and 5 shout."""
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules/shouting.py").write_text(code, encoding="utf-8")
    rows = [chat_row(f"Tell of {text(n)}.", f"Gladly: {text((n, n))}.") for n in range(8)]
    for row in (2, 5):
        rows[row] = chat_row(f"Tell of {text(row)}.", f"NO, {text((row, row)).upper()}!")
    write_rows(folder / "rows.jsonl", rows)
    pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
    source = {"name": "chat", "kind": "local", "files": [f"rows.{extension}"], "format": "sharegpt"}
    stated = {"name": "small", "sources": [source], "mix": {"shares": {"chat": 1}, "eval_share": 0}}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**stated, "rules": rules}), encoding="utf-8")
    return path


def built(path: Path, store: Path) -> Any:
    located = load(str(path))
    return quick_build(located.recipe, store, located.base)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return a recipe that flags by a rule file, its store, and the version that was built."""
    folder = tmp_path_factory.mktemp("own")
    path = write(folder, **{"./rules/shouting.py": SETTINGS})
    return path, folder / "store", built(path, folder / "store").version


def test_a_rule_of_a_file_flags_rows_and_its_digest_is_in_the_manifest(made):
    """The manifest says what was run, and not where it lay on this machine."""
    _, _, version = made
    rows = pl.read_parquet(version / "outcomes/chat.parquet").filter(pl.col("flags").list.len() > 0)
    assert rows["row"].to_list() == [2, 5]
    manifest = json.loads((version / "manifest.json").read_bytes())
    rule = manifest["recipe"]["rules"]["rules/shouting.py"]
    assert rule["settings"] == {"least": 3}
    assert (rule["file"]["name"], len(rule["file"]["sha256"])) == ("shouting", 64)
    assert str(version.parents[2].parent) not in json.dumps(manifest)


def test_what_reads_a_version_runs_no_rule_file(made, run, monkeypatch):
    """Its sentence is in the manifest, so the file may be gone."""
    _, store, version = made
    monkeypatch.setattr("thinkmix.curation.rules.own.load_rule", pytest.fail)
    row = pl.read_parquet(version / "outcomes/chat.parquet").filter(row=2)["id"][0]
    _, explained, _ = run("explain", row, "--in", version)
    assert "flagged shouting" in explained
    _, listed, _ = run("show", "--in", version, "--flag", "shouting", "--json")
    assert json.loads(listed)["total"] == 2
    _, _, wrong = run("show", "--in", version, "--flag", "shoutin")
    assert wrong.rstrip().endswith(", shouting")
    (page,) = store.glob("small/runs/*/report.html")
    assert "a turn is written in capitals alone" in page.read_text(encoding="utf-8")


def test_another_process_judges_by_the_text_and_needs_no_file(made):
    """As a worker of this machine or of a cluster does: a rule goes there with its text."""
    located = load(str(made[0]))
    rule = open_rules(located.recipe, located.base).own_rules["rules/shouting.py"]
    judging = (
        "import pickle, sys; from tests.harness.judged import asked, judged; "
        "rule = pickle.loads(bytes.fromhex(sys.stdin.read())); "
        "print([verdict.row for verdict in judged(rule, asked('So?', 'Yes.'), asked('So?', 'NEVER!'))])"
    )
    done = python("-c", judging, input=pickle.dumps(rule).hex())
    assert (done.stdout.strip(), done.stderr) == ("[1]", "")


def test_a_check_says_which_rule_files_ran_and_what_they_find(made, run):
    """Before the first build with them."""
    _, out, _ = run("check", made[0])
    words = " ".join(out.split())
    assert "rule file rules/shouting.py (the rule shouting, sha256 " in words
    assert "is code that runs here" in words
    assert "shouting flags 2 of 8 rows (25.0%); the first is rows.jsonl row 2: »NO, " in words


def test_a_second_build_is_unchanged_until_the_file_is_edited(made, tmp_path):
    """A plan says so, too; a comment is an edit."""
    path, store, version = made
    located = load(str(path))
    assert built(path, store).version == version
    assert plan_build(located.recipe, Store(store), located.base).unchanged == version.name
    rule = path.parent / "rules/shouting.py"
    rule.write_text(CODE + "# edited\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"rules/shouting.py: it has the sha256 \w+, and had \w+ when"):
        open_rules(located.recipe, located.base)
    again = load(str(path))
    plan = plan_build(again.recipe, Store(store), again.base)
    assert [stage.stage for stage in plan.stages if stage.made][:1] == ["validate"]
    rule.write_text(CODE, encoding="utf-8")


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"path": "/etc/x.py"}, "path"),
        ({"path": "rules/other.py"}, "write the path of the file as its name"),
        ({"name": "else"}, "another name or sentence"),
        ({"sha256": "0" * 64}, "and had 000000000000 when"),
    ],
)
def test_what_a_form_says_of_a_rule_file_must_be_so(made, stated, said):
    """A recipe in a form may state a file that was read; it cannot make another one run."""
    located = load(str(made[0]))
    form = located.recipe.model_dump(mode="json")
    form["rules"]["rules/shouting.py"]["file"] |= stated
    with pytest.raises(ValueError, match=said):
        open_rules(Recipe.model_validate(form), located.base)


def test_flags_of_the_command_line_keep_a_rule_file(made):
    """They read the recipe again, without its folder."""
    located = load(str(made[0]))
    changed = override(located.recipe, seed=3)
    assert changed.rules == located.recipe.rules
    assert open_rules(changed, located.base).own_rules["rules/shouting.py"].code == CODE


@pytest.mark.parametrize("extension", ["jsonl", "parquet"])
def test_a_rule_that_raises_ends_the_build_with_line_and_row(tmp_path, extension):
    """Rows before it are not enough: the sentence names the first row on which it fails alone."""
    first = "        texts ="
    check = '        [1 // (text != "stop") for text in turns.column("content")]'
    code = CODE.replace(first, f"{check}\n{first}")
    path = write(tmp_path, code, extension, **{"rules/shouting.py": "flag"})
    rows = [chat_row(f"Tell of {text(n)}.", "stop" if n == 6 else f"Gladly: {text(n)}.") for n in range(8)]
    write_rows(tmp_path / "rows.jsonl", rows)
    pl.DataFrame(rows).write_parquet(tmp_path / "rows.parquet")
    place = rf"rules/shouting.py: line 12: .* ZeroDivisionError: .*, on row 6 of rows.{extension}; correct"
    with pytest.raises(RecipeError, match=place):
        built(path, tmp_path / "store")


WRONG = {
    "def f(:\n": "line 1: not Python",
    "import nothing_like_it\n": "line 1: it fails with ModuleNotFoundError",
    "import sys\nsys.exit(3)\n": "line 2: it fails with SystemExit",
    "x = 1\n": "defines one class that inherits from Rule, and this one has none",
    CODE.replace('    name = "shouting"', "    pass"): "has no `name`",
    CODE.replace("def judge", "def judges"): "has no `judge`",
    CODE.replace("least:", "file:"): "a setting of the class Shouting is called file",
    CODE.replace('"shouting"', '"too_long"'): "too_long is the name of a reason of Thinkmix",
    CODE.replace('"shouting"', '"repetition"'): "called repetition, as a rule or reason of Thinkmix is",
    CODE.replace('"shouting"', '"Shouting!"'): "the `name` of the rule is not allowed",
}


def test_a_rule_that_never_ends_is_stopped(tmp_path, monkeypatch):
    """Even one that catches every exception: the sentence names its line and its file."""
    loop = "while True:\n            try: pass\n            except Exception: pass\n"
    head, _ = CODE.split("def judge")
    code = f"{head}def judge(self, turns):\n        {loop}"
    located = load(str(write(tmp_path, code, **{"rules/shouting.py": "flag"})))
    rule = open_rules(located.recipe, located.base).own_rules["rules/shouting.py"]
    monkeypatch.setattr(own, "PATIENCE", 0.2)

    with pytest.raises(own.RuleFailed, match=r"rules/shouting.py: line \d+: the rule shouting does not end"):
        rule.judge(TurnTable.of([asked("Tell.", "NO!")]))


@pytest.mark.parametrize("code", WRONG)
def test_a_file_that_defines_no_rule_is_refused_where_the_recipe_is_read(tmp_path, code):
    """With file, line and the way out."""
    path = write(tmp_path, code, **{"rules/shouting.py": "flag"})
    with pytest.raises(RecipeError, match=re.escape(WRONG[code])) as refused:
        load(str(path))
    assert "shouting.py" in str(refused.value)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"rules/shouting.py": {"action": "flag", "leas": 3}}, "leas: not a setting; its settings are least"),
        ({"rules/shouting.py": {"action": "flag", "least": "x"}}, "rules.rules/shouting.py: least: "),
        ({"rules/shouting.py": {"least": 3}}, "the rule rules/shouting.py has settings and is off"),
        ({"rules/shouting.py": "drop"}, "the rule shouting may not drop rows: its precision is not measured"),
        ({"rules/other.py": "flag"}, "a recipe needs its rule files beside it"),
        ({"/rules/shouting.py": "flag"}, "an absolute path is another machine's"),
        ({"rules/shouting.py": "flg"}, "there is no 'flg'; did you mean `flag`?"),
    ],
)
def test_what_a_recipe_cannot_state_of_a_rule_file_is_refused(tmp_path, rules, said):
    """In the words that are used of any setting."""
    with pytest.raises(RecipeError, match=re.escape(said)):
        load(str(write(tmp_path, **rules)))


def test_a_review_lets_a_rule_of_a_file_drop_rows(tmp_path):
    """As the recipe states it."""
    reviewed = {"action": "drop", "least": 3, "reviewed": {"read": 50, "right": 48}}
    version = built(write(tmp_path, **{"rules/shouting.py": reviewed}), tmp_path / "store").version
    rows = pl.read_parquet(version / "outcomes/chat.parquet").filter(reason="shouting")
    assert rows["row"].to_list() == [2, 5]


def test_a_recipe_that_was_not_read_from_a_file_names_no_rule_file():
    """There is no folder to look for it in."""
    source = {"name": "chat", "kind": "local", "files": ["x"], "format": "sharegpt"}
    stated = {"name": "small", "sources": [source], "mix": {"shares": {"chat": 1}}, "rules": {"x.py": "flag"}}
    with pytest.raises(ValueError, match="read together with the file of its recipe"):
        Recipe.model_validate(stated)
