"""Every setting of a recipe decides bytes, or a list says why not; none of them meets stale outputs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.harness.builders import Row, chat_row, math_row, quick_build, text, write_rows
from thinkmix.curation.rules.contract import Judging, Rule
from thinkmix.curation.rules.known import RULES
from thinkmix.curation.rules.own import OwnRule
from thinkmix.curation.validate.source import SourceBase
from thinkmix.flows.build.step import argument_key
from thinkmix.flows.recipe import recipe_errors
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.sources.known import KINDS
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import ThinkmixError
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.recognition import FORMATS

NOT_OF_BYTES = {
    "name": "names the folder of the mixture",
    "title": "stands in report and card",
    "gates.*": "judges a version that is there",
    **{
        f"sources.{name}": "where rows lie; what the files hold counts"
        for kind in KINDS
        for name in kind.model_fields
        if name not in SourceBase.model_fields and name != "files"
    },
    "sources.licence": "stands in manifest and card",
    "sources.expect_rows": "read by a gate",
    "decontaminate.pack": "names benchmarks, and their settings count",
    "decontaminate.benchmarks.dataset": "where questions lie; what the files hold counts",
    "decontaminate.benchmarks.revision": "where questions lie; what the files hold counts",
    "decontaminate.benchmarks.require": "ends a build, or does not",
}
"""Settings that no byte of a stage's output depends on, and why."""

ANOTHER: Mapping[str, object] = {
    "template": "qwen3-thinking-2507",
    "max_tokens": 90,
    "max_row_bytes": 2_000,
    "max_turns": 3,
    "max_prompt_bytes": 1_100,
    "seed": 5,
    "sources.name": "other",
    "sources.format": {"type": "sharegpt", "roles": {"human": "system"}},
    "sources.files": ("chat/0.jsonl",),
    "sources.rows": "data",
    "sources.encoding": "gbk",
    "sources.thinking": "forbidden",
    "sources.supervise": "last",
    "sources.repair": "all",
    "sources.soft_switch": "train",
    "sources.turns": "join",
    "sources.unopened_trace": "read",
    "sources.compare": "conversation",
    "sources.priority": 7,
    "sources.max_solutions_per_problem": 2,
    "sources.cap_by": "shortest",
    "rules": {"repetition": {"action": "drop", "reviewed": {"read": 50, "right": 50}}},
    "sources.rules": {"repetition": "flag"},
    "sources.select.with": ("repetition",),
    "sources.select.without": ("repetition",),
    "sources.select.pass_rate": (0.0, 0.4),
    "sources.select.problem_types": ("proof",),
    "sources.select.solvers": ("nobody",),
    "sources.select.verified": True,
    "sources.select.text_bytes": (0, 1_000),
    "sources.select.turns": (0, 3),
    "sources.licence": "mit",
    "sources.expect_rows": 3,
    "mix.shares": {"math": 0.3, "chat": 0.7},
    "mix.replay": ("more", "chat"),
    "mix.replay_share": 0.3,
    "mix.unit": "tokens",
    "mix.size": 12,
    "mix.when_short": "fail",
    "mix.eval_share": 0.3,
    "dedup.threshold": 0.6,
    "dedup.numbers": "distinguish",
    "dedup.shingle": 3,
    "dedup.permutations": 60,
    "dedup.bands": 10,
    "dedup.seed": 3,
    "decontaminate.benchmarks.name": "renamed",
    "decontaminate.benchmarks.files": ("chat/1.jsonl",),
    "decontaminate.benchmarks.rows": "data",
    "decontaminate.benchmarks.field": "more",
    "decontaminate.benchmarks.passage": "more",
    "decontaminate.near": "drop",
    "decontaminate.score": 0.9,
    "decontaminate.allow": ("asked/0",),
    "title": "Another",
    "name": "another",
}
"""Of each setting another value; those of a source go to `chat`, and `OF_PROBLEMS` to `math`."""

OF_PROBLEMS = ("pass_rate", "problem_types", "solvers", "verified")


def rows() -> dict[str, list[Row]]:
    """Make rows on which each setting shows."""
    said = [("human", "Hi there, how are you today?"), ("human", "And what is new?"), ("gpt", "Fine.")]
    long = [part for n in range(4) for part in (("human", text(("ask", n))), ("gpt", text(("say", n))))]
    chat: list[Row] = [
        *(chat_row(f"Tell of {text(('chat', n))}?", f"Gladly: {text(('reply', n), 8)}.") for n in range(12)),
        {"conversations": [{"from": speaker, "value": value} for speaker, value in said]},
        {"conversations": [{"from": speaker, "value": value} for speaker, value in long]},
        chat_row(f"{text('same')} 7", "One."),
        chat_row(f"{text('same')} 8", "Two."),
        chat_row(f"{text('same')} 8", "Three of these."),
        chat_row(f"{text('near', 21)} {text('one', 3)}", "Four."),
        chat_row(f"{text('near', 21)} {text('two', 3)}", "Five."),
        chat_row(f"{text('asked', 5)} indeed", "A question of the benchmark."),
        chat_row("What is one and one? /no_think", "Two."),
        chat_row("What is one and two?", "<think>\nhm\n</think>\n\nThree."),
        chat_row("What is two and two?", "It is four.\n</think>\n\nFour."),
        chat_row("中文 的 问题 在 这里", text("story", 60)),
        chat_row(f"Find {text(3)}.", "A chat that asks a problem of the other source."),
        chat_row("A very long answer, please.", text("story", 400)),
        chat_row("Go round and round, please.", " ".join([text("loop", 12)] * 10)),
    ]
    math: list[Row] = [math_row(n) for n in range(12)]
    more: list[Row] = [chat_row(f"More of {text(('more', n))}?", f"Well: {n}.") for n in range(6)]
    return {"math/0": math, "chat/0": chat[:16], "chat/1": chat[16:], "more/0": more}


def statement() -> dict[str, Any]:
    """State the recipe that is changed."""
    chat = {"kind": "local", "format": "sharegpt"}
    return {
        "name": "small",
        "sources": [
            {"name": "math", "kind": "local", "files": ["math/*.jsonl"], "format": "openmathreasoning"},
            {"name": "chat", "files": ["chat/*.jsonl"], **chat},
            {"name": "more", "files": ["more/*.jsonl"], **chat},
        ],
        "mix": {
            "shares": {"math": 0.5, "chat": 0.5},
            "replay": ["more"],
            "eval_share": 0.1,
            "size": 60,
        },
        "decontaminate": {"benchmarks": [{"name": "asked", "files": ["asked.jsonl"]}]},
    }


def changed(path: str) -> dict[str, Any]:
    """State the recipe with another value at a path."""
    stated = statement()
    *rooms, last = path.split(".")
    value: Any = ANOTHER[path]
    place = stated
    for room in rooms:
        inside = place.setdefault(room, {})
        at = 1 if room == "sources" and last not in OF_PROBLEMS else 0
        place = inside if isinstance(inside, dict) else inside[at]
    place[last] = list(value) if isinstance(value, tuple) else value
    if path == "sources.name":
        stated["mix"]["shares"] = {"math": 0.5, "other": 0.5}
    if path == "mix.replay":
        stated["mix"]["shares"] = {"math": 1.0}
    if path in ("sources.select.with", "sources.select.without"):
        stated["rules"] = {"repetition": "flag"}
    if path == "dedup.permutations":
        stated["dedup"]["bands"] = 20
    return stated


def paths(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Yield the paths of all settings that a recipe may state, without those of row formats and rules."""
    for name, field in model.model_fields.items():
        path = f"{above}{name}"
        inner = [
            one
            for one in recipe_errors._models(field.annotation)
            if not issubclass(one, (*FORMATS, Auto, Rule, OwnRule))
        ]
        for one in inner:
            yield from paths(one, f"{path}.")
        if not inner:
            yield path


EVERY = sorted(set(paths(Recipe)))


def why_not(path: str) -> str | None:
    """Return why no byte depends on a setting; None if bytes do."""
    return NOT_OF_BYTES.get(path) or NOT_OF_BYTES.get(f"{path.partition('.')[0]}.*")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the sources."""
    folder = tmp_path_factory.mktemp("every")
    for name, made in rows().items():
        write_rows(folder / f"{name}.jsonl", made)
    words = text(("chat", 3)).split()
    words[5::6] = text("unasked", len(words[5::6])).split()
    near = " ".join(words)  # three quarters of it are in a row, never 13 words without a break
    asked = [
        {"question": f"{text('asked', 5)}", "more": f"Tell of {text(('chat', 2))}?"},
        {"question": f"Tell of {near}?", "more": "Anything?"},
    ]
    write_rows(folder / "asked.jsonl", asked)
    return folder


def outcome(stated: Mapping[str, Any], store: Path, base: Path) -> object:
    """Build, and return the digests of all files of all outputs, or the sentence why there is no mixture."""
    try:
        recipe = Recipe.model_validate(stated)
        quick_build(recipe, store, base)
    except ThinkmixError as error:
        return str(error).partition(" The rows: ")[0]
    found = []
    for name in Store(store).cache.outputs(recipe.name):
        manifest = json.loads((store / ".cache" / name / "manifest.json").read_bytes())
        found.append(
            (name.partition("/")[0], tuple(sorted(manifest["files"].items())), str(manifest["result"]))
        )
    return sorted(found)


@pytest.fixture(scope="module")
def first(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object]:
    """Return a store with the recipe as it is stated, and what its outputs hold."""
    store = tmp_path_factory.mktemp("store") / "store"
    return store, outcome(statement(), store, base)


def test_every_setting_has_another_value_or_a_reason():
    """A setting that is added to a recipe has to be added here."""
    assert {path for path in EVERY if not why_not(path)} <= ANOTHER.keys()
    assert {path for path in NOT_OF_BYTES if not path.endswith("*")} <= set(EVERY)
    assert ANOTHER.keys() <= set(EVERY)


@pytest.mark.acceptance("A20")
@pytest.mark.parametrize("path", sorted(ANOTHER))
def test_setting_decides_bytes_or_a_list_says_why_not(path, base, first, tmp_path):
    """Built upon the outputs of the recipe as it was, and from nothing: the same bytes, other than before."""
    store, before = first
    upon = outcome(changed(path), store, base)
    assert upon == outcome(changed(path), tmp_path / "fresh", base)
    assert (upon == before) == bool(why_not(path))


def test_no_output_depends_on_where_rows_lie():
    """What a stage takes of a source has no field that says where, at which commit, by which licence."""
    taken = {path.partition(".")[2] for path in NOT_OF_BYTES if path.startswith("sources.")}
    for kind in KINDS:
        bases = [base for base in kind.__mro__ if base.__module__.endswith("curation.validate.settings")]
        assert len(bases) == 2
        for settings in bases:
            assert not taken & settings.model_fields.keys()


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.__name__)
def test_every_setting_of_a_format_is_in_the_key_of_its_rows(kind):
    """Each of them, whichever format a source has."""
    plain = kind.model_construct(**dict.fromkeys(kind.model_fields, "one"))
    for field in kind.model_fields.keys() - {"type"}:
        assert argument_key(plain.model_copy(update={field: "another"})) != argument_key(plain), field


@pytest.mark.parametrize("kind", [*RULES, OwnRule], ids=lambda kind: kind.__name__)
def test_every_setting_of_a_rule_is_in_the_key_of_validation(kind):
    """Each of them, and its action, whichever rule is on; of one in a file, also the file's text."""
    plain = kind.model_construct(**dict.fromkeys(kind.model_fields, "one"))
    for field in kind.model_fields:
        assert argument_key(Judging((plain.model_copy(update={field: "another"}),))) != argument_key(
            Judging((plain,))
        ), field
