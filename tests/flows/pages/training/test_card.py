"""The model card: front matter that a hub reads, a body that names the data, and nothing that is obeyed."""

from itertools import cycle

import pytest
import yaml
from markdown_it import MarkdownIt

from tests.flows.pages.test_report import EVIL, Page
from tests.harness.trained import clock, manifest, trained
from thinkmix.flows.pages.training.card import model_card
from thinkmix.schemas.training import TrainPlan

HEADINGS = ["Held-out loss", "Thinking on and off", "How to load it", "What it was trained on"]
HEADINGS += ["How it was trained"]


def front(card: str) -> dict[str, object]:
    """Return what a hub reads at the top of a card."""
    return yaml.safe_load(card.split("---\n", 2)[1])


def body(card: str) -> str:
    """Return the card below it as HTML, as a hub shows it."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(card.split("---\n", 2)[2])


def shown(card: str) -> str:
    return " ".join("".join(Page(body(card)).text).split())


def local(**changes: object):
    """Return a run whose model lay in a local folder."""
    return trained(model=trained().model.model_copy(update={"name": "my-qwen", "revision": None}), **changes)


def test_a_hub_reads_base_model_library_and_datasets():
    """The datasets are those of the hub, where a local source has no id; nobody knows a licence."""
    assert front(model_card(trained(), clock(), manifest())) == {
        "license": "unknown",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "base_model": "Qwen/Qwen3-4B",
        "base_model_relation": "adapter",
        "datasets": ["nvidia/math", "some/chat"],
        "tags": ["qwen3", "sft", "thinkmix", "lora"],
    }


def test_a_whole_model_is_read_by_transformers_and_a_local_base_has_no_id():
    """The name of a folder is not a hub id, so it is not given as one; no dataset is known."""
    found = front(model_card(local(plan=TrainPlan(method="freeze")), None, None))
    assert found == {
        "license": "unknown",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["qwen3", "sft", "thinkmix"],
    }


def test_the_card_names_what_it_was_trained_on_and_what_came_of_it():
    """Mixture, digest, sources with commits, licences and parts; losses; switch; plan; versions."""
    text = shown(model_card(trained(), clock(), manifest()))
    said = ["These weights may be used. The held-out loss fell", "all rows 112 2.000 1.400 −0.600"]
    said += [
        "Protected: chat, which might rise by 0.05",
        "to think 16 16 16 16 0",
        f"version {'a7' * 32}: 3120",
    ]
    said += [f"math nvidia/math {'6b0' * 10} apache-2.0 1900 60.9% 1900", "max_steps 200", "torch 2.13.0"]
    said += [
        "33030144 trainable parameters, 200 steps",
        "it took 1 h 20 min and 19.4 GB of memory",
        "3d" * 20,
    ]
    assert [one for one in said if one not in text] == []
    titles = body(model_card(trained(), clock(), manifest())).split("<h2>")[1:]
    assert [title.partition("</h2>")[0] for title in titles] == HEADINGS


def test_the_card_of_a_bare_run_says_what_is_not_known():
    """Nothing measured, no switch, no version, no setting."""
    text = shown(model_card(trained(evals=(), protected={}, switch=None, plan=TrainPlan()), None, None))
    said = [
        "Not measured.",
        "Not checked: the trained model was not asked",
        "on the dataset card of that version",
        "at their defaults",
    ]
    assert [one for one in said if one not in text] == []
    one_mode = shown(model_card(trained(template="qwen3-instruct-2507", switch=None), None, None))
    assert "The template qwen3-instruct-2507 has one mode only." in one_mode
    assert "enable_thinking" not in one_mode


def test_sources_without_a_licence_say_so():
    """A licence that no source states is not made up."""
    assert shown(model_card(trained(), None, manifest(licence=None))).count("not stated") == 3


@pytest.mark.parametrize(
    ("result", "said", "unsaid"),
    [
        (
            trained(),
            ['revision="3d', "--model Qwen/Qwen3-4B", 'dtype="auto"'],
            ["BitsAndBytes"],
        ),
        (local(), ['base = "PATH/OF/THE/BASE/MODEL"', "called my-qwen"], ["revision="]),
        (
            trained(plan=TrainPlan(method="qlora4", init="loftq", keep_16bit=("o_proj",))),
            [
                "import torch",
                "quantization_config=quantised",
                'skip_modules=["lm_head", "o_proj"]',
                "quantised in the same way",
                '_quant_type="nf4"',
            ],
            ['dtype="auto"'],
        ),
        (trained(plan=TrainPlan(method="full")), ["PATH/OF/THIS/FOLDER", "whole model"], ["peft", "merge"]),
    ],
)
def test_the_card_says_how_these_weights_are_loaded(result, said: list[str], unsaid: list[str]):
    """By method, first values, and where the base model lay; its Python compiles."""
    card = model_card(result, None, None)
    loading = card.partition("## How to load it")[2].partition("## What it was trained on")[0]
    text = shown(f"---\n---\n{loading}")
    assert [one for one in said if one not in text] == []
    assert [one for one in unsaid if one in text] == []
    for block in loading.split("```python\n")[1:]:
        compile(block.partition("```")[0], "card", "exec")


@pytest.mark.parametrize("start", range(len(EVIL)))
def test_evil_texts_make_no_tag_link_heading_or_field(start: int):
    """Whatever the texts are, the card has the same fields, headings and tables, and Python that compiles."""
    strings, said = cycle([*EVIL[start:], *EVIL[:start]]), {}

    def text(string: str) -> str:
        return said.setdefault(string, next(strings))

    card = model_card(trained(text=text), clock(text=text), manifest(text=text))
    calm = model_card(trained(), clock(), manifest())
    assert set(front(card)) == set(front(calm))
    assert front(card)["base_model"] == text("Qwen/Qwen3-4B")
    assert front(card)["datasets"] == sorted([text("nvidia/math"), text("some/chat")])
    page, plain = Page(body(card)), Page(body(calm))
    assert page.tags == plain.tags
    assert page.links | page.attributes == plain.links | plain.attributes
    for tag in ("<tr>", "<td", "<h1>", "<h2>", "<p>", "<code"):
        assert body(card).count(tag) == body(calm).count(tag)
    for block in card.split("```python\n")[1:]:
        compile(block.partition("\n```")[0], "card", "exec")
