"""`format: auto`: the layout is recognised before a row is read, and everything that follows knows it."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.harness.builders import quick_build, statement, text, write_rows
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.build.watch import Watch
from thinkmix.flows.cli.show.show import version_facts
from thinkmix.flows.inspect.examples import seen
from thinkmix.flows.inspect.explain import explain
from thinkmix.flows.inspect.rows import Rows
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.store import Store
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.errors import Blocked, RecipeError

Row = dict[str, object]

TAGGED = {"type": "sharegpt", "answer_tag": "answer"}


def asked(seed: object) -> str:
    return f"Tell me of {text(seed)}?"


def tagged(seed: object) -> Row:
    """Make a row with its answer in a tag."""
    answer = f"<think>{text((seed, 'why'), 6)}</think><answer>{text((seed, 'a'), 9)}</answer>"
    turns = [{"from": "human", "value": asked(seed)}, {"from": "gpt", "value": answer}]
    return {"conversations": turns}


def pair(seed: object) -> Row:
    return {"query": asked(seed), "response": text((seed, "a"), 9)}


def stated(format: object = "auto", **changes: object) -> Recipe:
    """State a recipe of one source, `chat`, whose files are those of the folder `chat`."""
    source = {"name": "chat", "kind": "local", "files": ["chat/*"], "format": format}
    return Recipe.model_validate(statement(sources=[source], shares={"chat": 1.0}, **changes))


def write(folder: Path, **files: Sequence[Row]) -> None:
    for name, rows in files.items():
        write_rows(folder / "chat" / f"{name}.jsonl", rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of answers in tags, one row of them spoiled."""
    folder = tmp_path_factory.mktemp("auto")
    write(folder, a=[tagged(n) for n in range(20)], b=[tagged(n) for n in range(20, 40)], empty=[])
    with (folder / "chat/b.jsonl").open("a") as lines:
        lines.write(json.dumps(pair("stranger")) + "\n")
        lines.write(json.dumps(tagged(0)) + "\n")
    return folder


@pytest.fixture(scope="module")
def told() -> list[Event]:
    """What the build told while it ran."""
    return []


@pytest.fixture(scope="module")
def built(folder: Path, told: list[Event]) -> Built:
    """The folder's mixture, its layout recognised."""
    return quick_build(stated(size=30), folder / "store", folder, watch=Watch(notify=told.append))


def refusal(folder: Path, **files: Sequence[Row]) -> str:
    """Return why the layout of such files is not recognised."""
    write(folder, **files)
    with pytest.raises(RecipeError) as caught:
        quick_build(stated(), folder / "store", folder)
    return str(caught.value)


def test_the_mixture_is_that_of_the_stated_format(built: Built, folder: Path, tmp_path: Path) -> None:
    """Recognising reads no row otherwise than the recipe that says the same."""
    pinned = quick_build(stated(TAGGED, size=30), tmp_path / "store", folder)

    assert built.manifest.content_sha256 == pinned.manifest.content_sha256
    assert built.manifest.sources == pinned.manifest.sources


def test_what_was_recognised_is_told_and_stands_in_the_version(built: Built, told: list[Event], run) -> None:
    """In the words that pin it: on the terminal, for machines, in the manifest and on the page."""
    words = "format: {type: sharegpt, answer_tag: answer}"
    shown = run("report", built.version)[1]
    (entry,) = built.manifest.sources

    assert [event.note for event in told if event.stage == "layout" and event.note] == [
        f"recognised chat: {words}"
    ]
    assert f"recognised chat: {words}" in shown
    assert entry.format == built.run.report.sources[0].format
    assert (entry.format["answer_tag"], entry.format["conversations"]) == ("answer", "conversations")
    assert version_facts(built.version)["formats"] == {"chat": entry.format}
    page = (built.folder / "report.html").read_text(encoding="utf-8")
    assert "<code>{type: sharegpt, answer_tag: answer}</code>" in page


def test_a_field_that_nothing_reads_is_told_with_a_setting_of_what_was_recognised(tmp_path: Path) -> None:
    """The setting stands beside those that were recognised, and `auto` has none of its own."""
    write(tmp_path, a=[{**tagged(n), "score_of_judge": 3} for n in range(20)])
    built = quick_build(stated(), tmp_path / "store", tmp_path)

    ((field,),) = (one.unread for one in built.run.report.findings)
    assert field.setting == "format: {type: sharegpt, score: score_of_judge, answer_tag: answer}"


def test_a_row_further_down_that_does_not_fit_is_dropped(built: Built) -> None:
    """It has a reason like any other, and nothing else is lost."""
    validate = built.manifest.ledger.of("validate")["chat"]

    assert (validate.read.rows, {reason: part.rows for reason, part in validate.dropped.items()}) == (
        42,
        {"wrong_type": 1},
    )


def test_a_night_without_a_change_recognises_nothing_again(built: Built, folder: Path, store_copy) -> None:
    """No stage runs, and the version is the same."""
    again = quick_build(stated(size=30), store_copy(), folder)

    assert (again.digest, again.made, again.reused, again.status) == (built.digest, 0, 0, "unchanged")


def test_to_pin_what_was_recognised_makes_no_row_anew(
    built: Built, told: list[Event], folder: Path, store_copy
) -> None:
    """The printed line is what the recipe states; every output is reused, and no gate objects."""
    (line,) = [event.note for event in told if event.stage == "layout" and event.note]
    format = yaml.safe_load(line.partition(": ")[2])["format"]
    pinned = quick_build(stated(format, size=30), store_copy(), folder)

    assert (pinned.made, pinned.status) == (0, "published")
    assert {gate.level for gate in pinned.run.gates if gate.gate == "layout"} == {"pass"}
    assert pinned.run.changes is not None
    assert pinned.run.changes.settings == ()


def test_another_layout_on_another_night_awaits_a_person(tmp_path: Path) -> None:
    """The version is built, and blocked; the last good one stays current."""
    write(tmp_path, a=[tagged(n) for n in range(20)])
    first = quick_build(stated(), tmp_path / "store", tmp_path)
    write(tmp_path, a=[pair(n) for n in range(20)])
    second = quick_build(stated(), tmp_path / "store", tmp_path)

    assert (first.status, second.status) == ("published", "blocked")
    with pytest.raises(Blocked) as blocked:
        second.check()
    assert "chat is read as {type: qa, question: query, answer: response}" in str(blocked.value)
    assert second.run.changes is not None
    assert "recipe: sources.chat.format.type sharegpt → qa" in second.run.changes.settings
    assert Store(tmp_path / "store").versions.current("small") == first.version


def test_rows_are_looked_up_by_what_was_recognised(built: Built) -> None:
    """A kept row, a dropped one and one that was not sampled say what the build read in them."""
    outcomes = Rows(built.version).outcomes.collect()
    kept, lost, twin = (
        outcomes.filter(pl.col("reason").eq_missing(reason))["id"][0]
        for reason in (None, "not_sampled", "exact_dup")
    )
    for row in (lost, twin):
        assert (explain(built.version, row).text or "").startswith("user: Tell me of ")
        assert "<answer>" not in (explain(built.version, row).text or "<answer>")
    assert "<answer>" not in seen(built.version, kept).examples[0].completion
    assert "<answer>" not in seen(built.version, lost).examples[0].completion


def test_files_that_do_not_agree_are_both_named(tmp_path: Path) -> None:
    """With what each was recognised as."""
    assert refusal(tmp_path, a=[tagged(1)], b=[pair(1)]) == (
        "source chat: its files are laid out in two ways, "
        "chat/a.jsonl as `{type: sharegpt, answer_tag: answer}` and "
        "chat/b.jsonl as `{type: qa, question: query, answer: response}`; make two sources of them"
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"question": "q", "answer": "a", "response": "b"},
            "fit `format: {type: qa}` and `format: {type: qa, answer: response}` equally well; state one",
        ),
        ({"left": "q", "right": "a"}, "are in no layout that is known; their columns are `left`, `right`"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "are preferences (`chosen` and `rejected`)"),
        ({**tagged(1), "image": "a.png"}, "come with media (column `image`)"),
    ],
)
def test_rows_without_one_format_end_the_build_in_a_sentence(row: Row, words: str, tmp_path: Path) -> None:
    """With the source, the file, and what to do."""
    said = refusal(tmp_path, a=[row])

    assert said.startswith("source chat: ")
    assert "a.jsonl" in said
    assert words in said


def test_files_without_a_row_that_can_be_read_have_no_format(tmp_path: Path) -> None:
    """Neither has a source of nothing but broken lines."""
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat/a.jsonl").write_text("[1]\n{broken\n")
    words = "source chat: no row can be read that would show its format"

    why = "; chat/a.jsonl, row 0: wrong_type, the row is list, not an object"
    assert refusal(tmp_path, b=[]) == f"{words}{why}"
    (tmp_path / "chat/a.jsonl").write_text("")
    assert refusal(tmp_path, b=[]) == f"{words}: there is none in its files"


@pytest.mark.parametrize("groups", [30, 1_000])
def test_the_first_hundred_rows_of_a_table_decide(groups: int, tmp_path: Path) -> None:
    """In however many groups of rows they lie; those that come later are dropped if they do not fit."""
    columns = {
        "query": [asked(n) for n in range(100)] + [None] * 150,
        "response": [text((n, "a"), 9) for n in range(100)] + [None] * 150,
        "question": [None] * 100 + [asked(n) for n in range(150)],
        "answer": [None] * 100 + [text((n, "b"), 9) for n in range(150)],
    }
    (tmp_path / "chat").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "chat/a.parquet", row_group_size=groups)
    built = quick_build(stated(), tmp_path / "store", tmp_path)

    assert built.manifest.sources[0].format["question"] == "query"
    assert built.manifest.ledger.of("validate")["chat"].dropped["wrong_type"].rows == 150


def test_a_stated_format_stands_in_the_manifest_too(tmp_path: Path) -> None:
    """Every setting, as plain JSON; and nothing is told of it."""
    write(tmp_path, a=[pair(n) for n in range(20)])
    told: list[Event] = []
    format = {"type": "qa", "question": "query", "answer": "response"}
    built = quick_build(stated(format), tmp_path / "store", tmp_path, watch=Watch(notify=told.append))

    assert built.manifest.sources[0].format == {**format, "system": None, "reasoning": None, "score": "score"}
    assert [event.note for event in told if event.stage == "layout" and event.note] == []
