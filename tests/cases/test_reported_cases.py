"""Small inputs that are made after public bug reports give the value that each report calls right."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import thinkmix
from tests.harness.builders import quick_build
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.errors import TrainError

CASES = (Path(__file__).parents[2] / "../shared/cases").resolve()
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the reported cases are not beside the checkout")

LATER = {
    "data/08-total-loss": "nothing misleads",
    "data/16-decontamination": "duplicates",
}
"""Cases that another change is about, with its subject; those of `audit` and `operations` are, too."""

ELSEWHERE = {
    "data/23-hub-globs": "tests/flows/sources",
    "training/04-trl-double-end": "tests/train and `make docs-snippets`",
    "training/05-base-model-stop": "tests/train",
    "training/18-accumulate": "tests/train",
    "training/24-safetensors-0600": "tests/train",
    "training/26-relative-base-path": "tests/train",
}
"""Cases that take more than a build, and where they are tested."""


@dataclass
class Seen:
    """A finished build, as the cases speak of it."""

    built: Built
    rows: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        """Read the examples in the order of their texts."""
        shards = sorted(self.built.version.glob("train-*.parquet"))
        self.rows = pl.concat([pl.read_parquet(shard) for shard in shards]).sort("prompt", "turn")

    @property
    def completions(self) -> list[str]:
        """What is learned, without the end of the turn."""
        return [text.removesuffix("<|im_end|>\n") for text in self.rows["completion"]]

    @property
    def prompts(self) -> str:
        """All that is shown."""
        return "\n".join(self.rows["prompt"])

    def kept(self, source: str) -> int:
        """How many rows validation kept."""
        return self.built.manifest.ledger.of("validate")[source].kept.rows

    def dropped(self, source: str, stage: str = "validate") -> dict[str, int]:
        """How many rows a stage dropped, by reason."""
        count = self.built.manifest.ledger.of(stage)[source]
        return {reason: amount.rows for reason, amount in count.dropped.items()}

    def lost(self, source: str) -> dict[str, int]:
        """How many examples rendering lost, by reason."""
        count = self.built.manifest.ledger.of("render")[source]
        return {reason: amount.examples for reason, amount in count.dropped.items()}

    def found(self, source: str) -> dict[str, int]:
        """What was found in rows that stay."""
        return next(dict(one.found) for one in self.built.run.report.findings if one.source == source)

    def unread(self, source: str) -> dict[str, int]:
        """Which fields nobody read."""
        found = next(one for one in self.built.run.report.findings if one.source == source)
        return {one.path: one.count for one in found.unread}


@pytest.fixture
def see(tmp_path: Path) -> Callable[..., Seen]:
    """Give what builds a case's recipe, with changes to the recipe or to all of its sources."""

    def build(case: str, stated: str = "recipe.yaml", *, source: object = None, **changes: object) -> Seen:
        recipe = yaml.safe_load((CASES / case / stated).read_text()) | changes
        recipe["sources"] = [one | (source or {}) for one in recipe["sources"]]
        return Seen(
            quick_build(Recipe.model_validate(recipe), tmp_path / f"{stated}-{len(changes)}", CASES / case)
        )

    return build


def test_every_case_is_tested_somewhere() -> None:
    """A case that is added to the folder fails here until somebody says where it belongs."""
    source = Path(__file__).read_text()
    folders = [f"{part}/{path.name}" for part in ("data", "training") for path in (CASES / part).iterdir()]
    silent = [name for name in folders if not (CASES / name / "expect.md").is_file()]
    missing = [name for name in folders if name not in {*LATER, *ELSEWHERE, *silent}]
    assert [name for name in missing if f'"{name}"' not in source] == []


CALLS = ("data/01-arrow-null-padding", "training/01-parquet-nulls", "training/01b-datasets-json-type")


@pytest.mark.parametrize("case", CALLS)
def test_null_keys_that_the_file_added_are_not_trained(see: Callable[..., Seen], case: str) -> None:
    """Calls and definitions hold the keys that their rows stated."""
    seen = see(case)
    assert "null" not in "".join(seen.completions) + seen.prompts
    if "json" not in case:
        assert seen.found("a")["padding_null"] > 0


def test_parquet_and_jsonl_of_the_same_rows_give_the_same_examples(see: Callable[..., Seen]) -> None:
    """Whichever file the rows lie in."""
    one, two = (see("data/01-arrow-null-padding", f"{kind}.yaml") for kind in ("jsonl", "parquet"))
    assert one.rows.select("id", "prompt", "completion").equals(two.rows.select("id", "prompt", "completion"))


@pytest.mark.parametrize("stated", ["recipe.yaml", "sharegpt.yaml"])
def test_marked_turns_are_context(see: Callable[..., Seen], stated: str) -> None:
    """`weight: 0`, `loss: false`, `train: false`: shown, and never learned."""
    seen = see("data/02-turn-weight", stated)
    assert not [text for text in seen.completions if "WRONG-ANSWER" in text]
    assert "WRONG-ANSWER" in seen.prompts
    (count,) = seen.built.run.report.turns
    assert count.context["marked"] == count.trained == seen.rows.height


def test_text_files_are_read_whatever_their_line_ends(see: Callable[..., Seen]) -> None:
    """BOM, CRLF, blank lines, empty files, members of gzip."""
    assert see("data/03-text-files").kept("a") >= 8


@pytest.mark.parametrize(
    "stated", ["lines_json", "array_one_line_jsonl", "array_pretty_jsonl", "wrapped_json"]
)
def test_a_file_is_read_by_what_it_holds(see: Callable[..., Seen], stated: str) -> None:
    """Not by its name; an object around the rows takes one setting."""
    settings = {"rows": "data"} if stated == "wrapped_json" else None
    assert see("data/04-json-named-otherwise", f"{stated}.yaml", source=settings).kept("a") == 6


def test_speakers_have_the_names_that_sets_give_them(see: Callable[..., Seen]) -> None:
    """And the keys of turns, too."""
    seen = see("data/05-role-names")
    assert (seen.kept("a"), seen.kept("b"), seen.kept("c")) == (12, 4, 4)


def test_orders_that_the_template_renders_are_kept(see: Callable[..., Seen]) -> None:
    """Two questions in a row, a greeting first, a question last, a system turn in the middle, two of them."""
    seen = see("data/06-turn-order")
    assert seen.kept("a") == 6
    assert "Hello! A greeting comes first." not in "".join(seen.completions)
    assert "Thanks!" not in seen.prompts
    assert seen.dropped("a") == {"empty_turn": 2, "role_order": 1}


def test_layouts_of_parquet_are_read(see: Callable[..., Seen]) -> None:
    """Large and fixed lists, dictionaries, maps, a struct of lists, JSON text, binary text."""
    seen = see("data/07-parquet-layouts")
    assert [seen.dropped(source) for source in seen.built.manifest.ledger.of("validate")] == [{}]


def test_columns_of_mixed_types_cost_no_row(see: Callable[..., Seen]) -> None:
    """NaN and Infinity, ids that change their type; a text that is not one is refused."""
    seen = see("data/09-mixed-types")
    assert seen.dropped("a") == {"wrong_type": 5}
    assert seen.found("a")["score_unusable"] == 1


def test_short_texts_are_compared_whole(see: Callable[..., Seen]) -> None:
    """Three spellings of one word are one, all others stay."""
    assert sum(see("data/10-short-texts").dropped("a", "dedup").values()) == 2


def test_numbers_are_told_apart_by_sign_point_and_word(see: Callable[..., Seen]) -> None:
    """All 20 exercises differ in a number, but one that has a typographic minus sign."""
    assert see("data/11c-distinguish").dropped("a", "dedup") == {"near_dup": 1}


@pytest.mark.parametrize("stated", ["recipe.yaml", "system.yaml", "threshold.yaml"])
def test_an_instruction_around_ten_inputs_does_not_make_them_one(
    see: Callable[..., Seen], stated: str
) -> None:
    """Whether it stands in the question or is the system prompt."""
    assert see("data/12-boilerplate", stated).dropped("a", "dedup") == {}


def test_system_prompts_and_later_turns_tell_chats_apart(see: Callable[..., Seen]) -> None:
    """Four tasks for the same words of the user, and three talks that begin with Hi, are seven rows."""
    seen = see("data/13-same-first-turn")
    assert (seen.dropped("system", "dedup"), seen.dropped("multi", "dedup")) == ({}, {})


def test_forms_of_characters_that_readers_take_for_one_are_one(see: Callable[..., Seen]) -> None:
    """Of thirteen pairs the eight that are one question are found, and no other."""
    pairs = json.loads((CASES / "data/14-cjk-unicode/pairs.json.txt").read_text(encoding="utf-8"))
    assert see("data/14-cjk-unicode").dropped("a", "dedup") == {"near_dup": sum(same for *_, same in pairs)}


def test_a_chain_keeps_a_row_in_every_neighbourhood(see: Callable[..., Seen]) -> None:
    """At least seven of twenty windows stay, and each of the others is like one that stays."""
    version = see("data/22-chain").built.version
    outcomes = pl.read_parquet(version / "outcomes" / "a.parquet")
    dropped = outcomes.filter(pl.col("reason") == "near_dup")
    stays = outcomes.filter(pl.col("reason").is_null())
    assert stays.height >= 7
    assert dropped["similarity"].min() >= 0.8
    assert dropped["winner"].is_in(stays["id"].implode()).all()


def test_the_order_of_rows_and_files_does_not_matter(see: Callable[..., Seen]) -> None:
    """The same rows, shuffled and cut in two files, are the same mixture."""
    one, two = (see("data/15b-order", stated) for stated in ("recipe.yaml", "cut.yaml"))
    assert one.built.manifest.content_sha256 == two.built.manifest.content_sha256


@pytest.mark.parametrize("stated", ["mscore.yaml", "mscore_plain.yaml"])
def test_messages_have_scores_too(see: Callable[..., Seen], stated: str) -> None:
    """Between duplicates the row of the higher score stays."""
    assert see("data/18-who-stays", stated).completions == ["Best answer."]


def test_calls_in_text_are_calls(see: Callable[..., Seen]) -> None:
    """Hermes text is read into structure; arguments that say nothing are left out."""
    seen = see("data/19-hermes-tool-calls")
    assert seen.dropped("h") == {}
    assert seen.dropped("o") == {"tool_call_invalid": 1}  # a literal of Python
    assert 'moon_phase", "arguments": {}}' in "".join(seen.completions)


def test_tools_are_trained_as_servers_show_them(see: Callable[..., Seen]) -> None:
    """Bare, wrapped, one object, texts: one form; words for nothing mean none; one system prompt."""
    seen = see("data/24-bare-tools")
    assert seen.dropped("a") == {}
    assert '\n{"name": "tide"' not in seen.prompts.replace("<tool_call>\n", "<tool_call>")
    assert seen.prompts.count('<tools>\n{"type": "function", "function": {"name": "tide"') > 5
    assert seen.prompts.count("Be brief.") == 1


def test_a_trace_beside_the_text_is_the_trace(see: Callable[..., Seen]) -> None:
    """In a turn, or in a column where only one answer can be meant."""
    seen = see("data/25-reasoning-elsewhere")
    assert seen.rows["thinking"].to_list() == [True] * 4


def test_a_trace_in_hermes_text_is_one_tool_one_call_one_response(see: Callable[..., Seen]) -> None:
    """Two examples, the form as Qwen3's template prints it."""
    seen = see("training/07-hermes-inline")
    assert seen.completions == [
        '<tool_call>\n{"name": "fx_rate", "arguments": {"pair": "EURCHF"}}\n</tool_call>',
        "One euro is 0.94 francs.",
    ]
    assert (
        "within <tool_call></tool_call> tags.\n" not in seen.prompts
    )  # the template says it in its own words


def test_answers_against_their_switch_are_counted(see: Callable[..., Seen]) -> None:
    """`/no_think` before a trace, `/think` before none."""
    assert see("training/06-soft-switch").found("a") == {"switch_ignored": 2}


def test_rows_that_speak_of_tags_are_left_out_and_counted(see: Callable[..., Seen]) -> None:
    """Never in silence."""
    assert sum(see("training/08-tags-in-text").dropped("a").values()) > 0


def test_windows_line_breaks_are_line_breaks(see: Callable[..., Seen]) -> None:
    """Those around a trace and an answer are the template's; other white space is the author's."""
    seen = see("training/09-crlf-seam")
    assert sorted(seen.completions) == [
        " \nThe Black Sea.",  # tokens keep apart here, see the next test
        "    x = 1",
        "<think>\nTiticaca, shared with Peru.\n</think>\n\nLake Titicaca.",
        "It is 1,085 m tall.",
    ]
    assert seen.found("a") == {"crlf": 2}


def test_the_seam_is_looked_at_when_a_version_is_built(see: Callable[..., Seen]) -> None:
    """For whichever template."""
    seen = see("training/12-seam-2507")
    assert (seen.rows.height, seen.lost("a")) == (2, {"seam": 1})


@pytest.mark.parametrize("case", ["training/00-smoke", "training/10-history", "training/11-tool-zoo"])
def test_what_was_right_stays_right(see: Callable[..., Seen], case: str) -> None:
    """Every row is kept."""
    assert see(case).dropped("a") == {}


def test_responses_follow_the_order_of_their_calls(see: Callable[..., Seen]) -> None:
    """And calls without a response, or of tools that are not defined, are counted."""
    seen = see("training/11b-tool-order")
    assert seen.prompts.index("opened") < seen.prompts.index("logged")
    assert seen.found("a") == {"call_unanswered": 2, "reordered": 2, "tool_undefined": 6}


def test_five_rows_are_a_mixture(see: Callable[..., Seen]) -> None:
    """However small a held-out part would be."""
    assert see("training/13-five-rows").rows.height == 5


def test_turns_and_calls_as_json_text_are_parsed(see: Callable[..., Seen]) -> None:
    """As tools and arguments are."""
    assert see("training/15-json-text").rows.height == 2


def test_rows_beyond_the_limit_are_left_out_and_never_cut(see: Callable[..., Seen]) -> None:
    """With a reason."""
    assert see("training/16-too-long").lost("a")["too_long"] == 2


def test_forms_of_a_trace_are_one(see: Callable[..., Seen]) -> None:
    """Parts, fields, tags, with line breaks or without."""
    assert {*see("training/17-think-forms").dropped("a")} <= {"think_unclosed", "think_unopened"}


def test_held_out_rows_are_their_own_split(see: Callable[..., Seen]) -> None:
    """Beside those that are trained."""
    seen = see("training/19-eval-split")
    assert {share.split for share in seen.built.manifest.shares} == {"train", "eval"}


def test_an_answer_without_the_required_trace_is_context(see: Callable[..., Seen]) -> None:
    """In a source that requires traces, earlier answers without one are shown and not learned."""
    seen = see("training/21-thinking-required")
    assert seen.rows["thinking"].all()
    (count,) = seen.built.run.report.turns
    assert count.context["untraced"] > 0
    assert see("training/21b-last-only").rows["thinking"].to_list() == [True]


def test_turns_that_nobody_answers_are_cut_and_empty_system_turns_are_none(see: Callable[..., Seen]) -> None:
    """Only two answers in a row cost a row, and one setting joins them."""
    seen = see("training/22-roles")
    assert seen.dropped("a") == {"role_order": 1}
    assert see("training/22-roles", source={"turns": "join"}, title="joined").kept("a") == 7


def test_a_trace_that_the_template_opened_is_a_trace(see: Callable[..., Seen]) -> None:
    """Thinking-2507 opens it in the prompt."""
    seen = see("training/23-close-only-2507")
    assert sorted(seen.completions) == [
        "7 times 13 is 91.\n</think>\n\nNo, 91 = 7 * 13.",
        "Nothing up to 9 divides it.\n</think>\n\nYes.",
    ]


def test_a_mixture_smaller_than_asked_names_the_source_that_shrank_it(see: Callable[..., Seen]) -> None:
    """`when_short: shrink` does what it promises, and says so."""
    run = see("data/15-mix").built.run
    (said,) = [gate.sentence for gate in run.gates if gate.gate == "size" and gate.level == "warn"]
    assert said.startswith("10 of 40 examples came: small limits the mixture, with 5 of its 5 examples")


def test_an_adapter_is_trained_further_and_stays_one_of_the_same_base(
    see: Callable[..., Seen], tmp_path: Path, tiny: None
) -> None:
    """`adapter` goes on from what the report names as `model`, and the refusal of `model` says so."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    version = see("training/25-second-stage").built.version
    first, second = tmp_path / "O1", tmp_path / "O2"
    settings: dict[str, Any] = {"max_steps": 1, "progress": False}
    one = thinkmix.train(version, model="tiny-random", output=first, **settings)
    with pytest.raises(TrainError, match=rf"is an adapter: .* with `thinkmix train --adapter {first}`"):
        thinkmix.train(version, model=first, output=second, **settings)
    two = thinkmix.train(version, adapter=first, output=second, **settings)
    before, after = (json.loads((folder / "adapter_config.json").read_bytes()) for folder in (first, second))
    assert before == after
    assert one.model == two.model
    (stage,) = two.lineage
    assert stage.adapter_sha256 == one.files["adapter_model.safetensors"]
    assert (stage.mixture_digest, stage.steps) == (version.name, 1)
    assert two.losses[0] < one.losses[0]
