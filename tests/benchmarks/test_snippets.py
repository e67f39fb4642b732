"""What the documents say of other tools parses and forms their rows; `make docs-snippets` runs it."""

import json

import pytest
import yaml

from benchmarks.measure import ROOT
from benchmarks.snippets import (
    MODEL,
    PAGE,
    SECTION,
    TOOLS,
    VERSION,
    Snippet,
    commands_of,
    functions_of,
    snippets_of,
)

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.fixture
def function():
    """Return a function that the page's Python defines."""

    def find(name: str):
        (source,) = [
            found[name]
            for one in snippets_of(PAGE.read_text(encoding="utf-8"))
            if one.language == "python" and name in (found := functions_of(one.text))
        ]
        names: dict[str, object] = {}
        exec(source, names)
        return names[name]

    return find


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_of_the_documents_parses(page):
    """Python, YAML, JSON, and the words of commands."""
    readers = {"python": lambda text: compile(text, page.name, "exec"), "yaml": yaml.safe_load}
    readers |= {"json": json.loads, "console": commands_of}
    for one in snippets_of(page.read_text(encoding="utf-8")):
        if one.language in readers:
            readers[one.language](one.text)


def test_every_snippet_about_another_tool_is_run_against_it():
    """None is left to itself, and each names the version and the model that are put in their place."""
    told = [one for one in snippets_of(PAGE.read_text(encoding="utf-8")) if one.section == SECTION]
    run = {place for tool in TOOLS for place in tool.files.values()}
    assert sorted((one.heading, one.language) for one in told) == sorted(run)
    text = "".join(one.text for one in told)
    assert text.count(VERSION) == text.count("load_dataset(") == 2
    assert text.count(MODEL) == len(TOOLS)


def test_a_row_for_trl_ends_with_its_end_token(function):
    """A completion that ends with anything else is given a second one; the answer's own line breaks stay."""
    row = {"prompt": "<|im_start|>assistant\n", "completion": "One.\n\nTwo.<|im_end|>\n", "messages": []}
    assert function("trl_row")(row) == {
        "prompt": "<|im_start|>assistant\n",
        "completion": "One.\n\nTwo.<|im_end|>",
    }


def test_a_row_for_the_others_has_the_trace_of_its_answer_in_the_text(function):
    """Earlier traces are no part of a prompt; an answer without one stays as it is."""
    asked = {"role": "user", "content": "Q", "reasoning_content": None, "tool_calls": None}
    answer = {"role": "assistant", "content": "A", "reasoning_content": "T", "tool_calls": None}
    want = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    plain = {"messages": [asked, answer | {"reasoning_content": None}], "source": "chat"}
    assert function("inline")(plain) == {"messages": want, "channel": "chat"}
    row = {"messages": [asked, answer, asked, answer], "source": "math"}
    traced = {"role": "assistant", "content": "<think>\nT\n</think>\n\nA"}
    assert function("inline")(row) == {"messages": [*want, want[0], traced], "channel": "math"}


def test_snippets_are_told_by_their_headings_and_language():
    """A block within a list or a comment in code is not a heading."""
    text = "# Page\n```python\n# not a heading\n```\n## One\n### Two\ntext\n```yaml\na: 1\n\nb: 2\n```\n"
    assert snippets_of(text) == [
        Snippet("", "Page", "python", "# not a heading\n"),
        Snippet("One", "Two", "yaml", "a: 1\n\nb: 2\n"),
    ]


def test_commands_are_told_from_what_they_print():
    """Lines that go on are one command; a comment is not part of it."""
    assert commands_of('$ a --b \\\n    "c d"  # why\nprinted\n$ e\n') == [["a", "--b", "c d"], ["e"]]
