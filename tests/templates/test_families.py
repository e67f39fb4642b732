"""Model families: what each states of itself is true, and one that joins is a file, a template and a line."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
import yaml

from tests.harness.builders import ROOT, python
from tests.templates.toy.toy import TOY
from thinkmix.curation.sample.model_files import ModelFiles
from thinkmix.flows.build.step import argument_key
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.errors import TemplateError
from thinkmix.templates.chat.control_tokens import EMPTY_TRACE, THINK
from thinkmix.templates.chat.families import known
from thinkmix.templates.chat.families.known import FAMILIES
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.families.qwen3_instruct_2507 import QWEN3_INSTRUCT_2507
from thinkmix.templates.chat.families.qwen3_thinking_2507 import QWEN3_THINKING_2507
from thinkmix.templates.chat.parse import parse_chat, round_trip_problem
from thinkmix.templates.chat.render import render_chat
from thinkmix.templates.chat.turns import training_turns
from tools import families

EVERY = [*FAMILIES.values(), TOY]
ASKED = [Message(role="user", content="2 + 3?")]


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
@pytest.mark.parametrize("thinking", [True, False])
def test_a_prompt_opens_as_the_template_opens_it(family, thinking):
    """What a family states of its openings is what its template prints for `enable_thinking`."""
    asked = render_chat(ASKED, family=family)
    opened = render_chat(ASKED, family=family, add_generation_prompt=True, enable_thinking=thinking)
    assert opened == asked + family.opening(thinking=thinking)


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_a_trace_is_shown_unless_the_family_never_thinks(family):
    """Of the last answer, which is the one that is learned."""
    text = render_chat([*ASKED, Message(role="assistant", content="5", reasoning="a trace")], family=family)
    assert ("a trace" in text) == (family.thinks != "never")


def test_names_are_those_that_a_recipe_may_state():
    """Each family is listed by its own name, once, and a recipe's field takes these names."""
    assert [family.name for family in FAMILIES.values()] == list(FAMILIES)
    assert len(known._LISTED) == len(FAMILIES)
    assert Recipe.model_json_schema()["properties"]["template"]["enum"] == list(FAMILIES)
    assert get_args(known.Template) == tuple(FAMILIES)


@pytest.mark.parametrize(
    ("of", "changes", "why"),
    [
        (QWEN3_INSTRUCT_2507, {"opens_trace": True}, "never shows a trace cannot open one"),
        (QWEN3_INSTRUCT_2507, {"soft_switch": True}, "soft_switch needs a hybrid"),
        (QWEN3_THINKING_2507, {"soft_switch": True}, "soft_switch needs a hybrid"),
        (QWEN3, {"opens_trace": True}, "soft_switch needs a hybrid whose completions open the trace"),
    ],
)
def test_facts_that_contradict_each_other_are_refused(of, changes, why):
    """When the family is stated, before a row is rendered."""
    with pytest.raises(ValueError, match=f"{of.name}: .*{why}"):
        replace(of, **changes)


def test_a_family_with_another_tokenizer_is_refused():
    """Its tokens would be counted wrong."""
    with pytest.raises(
        TemplateError, match=r"template qwen3: its models read the tokenizer\.json with sha256 00"
    ):
        ModelFiles.installed(replace(QWEN3, tokenizer_sha256="0" * 64))


def test_an_output_is_named_by_what_its_family_states():
    """Each fact is in the name of an output, and no code of a family's file: not its own, not another's."""
    types: set[str] = set()
    stated = argument_key(QWEN3, "family", types)
    assert types == {"thinkmix.templates.chat.families.contract"}
    for changes in ({"name": "other"}, {"soft_switch": False}, {"thinks": "always", "soft_switch": False}):
        assert argument_key(replace(QWEN3, **changes)) != stated


def test_the_table_of_families_is_current():
    """docs/recipes.md holds what `python -m tools.families` prints."""
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert "\n".join(families.table()) in page, "run: python -m tools.families"


def test_turns_of_a_hybrid_that_opens_traces():
    """Its prompts open the trace, its completions begin inside; without a trace they are those of Qwen3."""
    thinks = Message(role="assistant", content="5", reasoning="2+3=5")
    chat = [*ASKED, thinks, *ASKED, Message(role="assistant", content="5, still. /no_think")]
    (first, second), (_, same) = (training_turns(chat, family=each, turns={1, 3}) for each in (TOY, QWEN3))
    assert first.prompt == render_chat(ASKED, family=TOY, add_generation_prompt=True)
    assert first.prompt.endswith(THINK)
    assert first.completion == "2+3=5\n</think>\n\n5<|im_end|>\n"
    assert second == same
    assert second.prompt.endswith(EMPTY_TRACE)
    assert [round_trip_problem(chat, (), turn, TOY) for turn in (first, second)] == [None, None]
    assert parse_chat(first.prompt + first.completion)[0] == (*ASKED, thinks)


# What follows runs with a copy of the program to which the toy was added as its author would do it.


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the program and one more family: its file, its template, an import and a line.

    What Python and numba have compiled is copied, too: it is valid there.
    """
    folder = tmp_path_factory.mktemp("program")
    for room in ("curation", "data", "flows", "schemas", "templates", "train"):
        shutil.copytree(ROOT / room, folder / "thinkmix" / room)
    shutil.copy(ROOT / "src" / "thinkmix" / "__init__.py", folder / "thinkmix")
    there = folder / "thinkmix" / "templates" / "chat" / "families"
    for name in ("toy.py", "toy.jinja"):
        shutil.copy(Path(__file__).parent / "toy" / name, there)
    listed, more = there / "known.py", "from thinkmix.templates.chat.families.toy import TOY\n\n_LISTED = (\n"
    text = listed.read_text(encoding="utf-8")
    assert text.count("\n_LISTED = (\n") == 1
    text = text.replace("\n_LISTED = (\n", more).replace(
        "    QWEN3_THINKING_2507,\n", "    QWEN3_THINKING_2507,\n    TOY,\n"
    )
    listed.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def typed(program: Path) -> Iterator[Any]:
    """Return what runs commands of this program, one after another, in a process of its own."""

    def run(*commands: list[str]) -> list[dict[str, Any]]:
        done = python(
            "-m", "tests.harness.typed", input=json.dumps(commands), env={"PYTHONPATH": str(program)}
        )
        assert done.returncode == 0, done.stderr
        told: list[dict[str, Any]] = json.loads(done.stdout)
        return told

    return run


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with rows, and a recipe of them for the toy."""
    folder = tmp_path_factory.mktemp("rows")
    answers = ["<think>\nhm\n</think>\n\nIt is {}.", "It is {}.", "hm</think>It is {}."]
    lines = [
        {"instruction": f"Say the number {n} in {n + 1} words.", "output": answers[n % 3].format(n)}
        for n in range(9)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    stated = {
        "name": "toys",
        "template": "toy",
        "sources": [
            {
                "name": "a",
                "kind": "local",
                "files": ["rows.jsonl"],
                "format": "alpaca",
                "soft_switch": "train",
            }
        ],
        "mix": {"shares": {"a": 1}, "eval_share": 0},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(stated), encoding="utf-8")
    (folder / "wrong.yaml").write_text(yaml.safe_dump({**stated, "template": "tox"}), encoding="utf-8")
    return folder


def test_a_family_that_joins_is_offered_wherever_templates_are_listed(typed, rows, program):
    """By the schema of recipes, the error of a wrong name, `init`, `doctor` and the table of the docs."""
    schema, wrong, made, doctor = typed(
        ["schema", "recipe"],
        ["build", str(rows / "wrong.yaml"), "--store", str(rows / "store")],
        ["init", str(rows / "rows.jsonl"), "--output", str(rows / "made.yaml")],
        ["doctor", "--store", str(rows / "store"), "--json"],
    )
    names = [*FAMILIES, "toy"]
    assert json.loads(schema["out"])["properties"]["template"]["enum"] == names
    assert "template: there is no 'tox'; did you mean `toy`?" in wrong["err"]
    assert made["code"] == 0, made["err"]
    assert f"or {', '.join(names[1:])}\n" in (rows / "made.yaml").read_text(encoding="utf-8")
    assert "4, each with its pinned digest" in doctor["out"]
    table = python("-m", "tools.families", env={"PYTHONPATH": str(program)}).stdout.splitlines()
    assert table[:-1] == list(families.table())
    assert table[-1].startswith(
        f"| `toy` | {TOY.about} | `<think>\\n` | `<think>\\n\\n</think>\\n\\n` | none |"
    )


def test_a_family_that_joins_is_built_with(typed, rows):
    """Rows are read, rendered, compared with its template and published by its own form, in workers."""
    store = rows / "store"
    command = ["build", str(rows / "recipe.yaml"), "--store", str(store), "--workers", "1"]
    (built,) = typed(command)
    assert built["code"] == 0, built["err"]
    version = store / "toys" / "versions" / (store / "toys" / "CURRENT").read_text(encoding="utf-8").strip()
    manifest = json.loads((version / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["template"], manifest["template_sha256"]) == ("toy", TOY.sha256)
    examples = pl.read_parquet(version / "train-*.parquet")
    thinks = examples.filter("thinking")
    assert (examples.height, thinks.height) == (9, 6)  # an unopened trace is read, as the prompt opens it
    assert thinks["prompt"].str.ends_with(TOY.thinking_opening).all()
    assert thinks["completion"].str.starts_with("hm\n</think>\n\n").all()
    assert examples.filter(~pl.col("thinking"))["prompt"].str.ends_with(TOY.direct_opening).all()
    report = json.loads((version / "report.json").read_text(encoding="utf-8"))
    assert all(check["passed"] for check in report["checks"])
    assert "learn their empty" not in (version / "README.md").read_text(encoding="utf-8")
