"""Rules in a build: dropped and flagged rows, their columns, and rows chosen by their flags."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tests.harness.builders import chat_row, quick_build, text, write_rows
from thinkmix.curation.tables import EXAMPLES, FLAGS, OUTCOMES
from thinkmix.flows.pages.report.content import content
from thinkmix.flows.pages.report.page import render_page
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.errors import SourceEmpty
from thinkmix.schemas.manifest import Manifest

LOOP = "we go round and round in circles until somebody tells us to stop now. "
DROP = {"action": "drop", "reviewed": {"read": 50, "right": 50}}
LOOPS = {3: f"Well. {LOOP * 20}", 8: "你好，" + "今天天气很好我们去公园散步吧。" * 12}


def stated(extension: str = "jsonl", **settings: Any) -> dict[str, Any]:
    source = {"name": "chat", "kind": "local", "format": "sharegpt", "files": [f"chat.{extension}"]}
    plain = {**source, "name": "plain", "files": ["plain.jsonl"]}
    source |= settings.pop("source", {})
    mix = {"shares": {"chat": 0.5, "plain": 0.5}, "size": 24, "eval_share": 0.1}
    return {"name": "small", "sources": [source, plain], "mix": mix, **settings}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the same rows as lines of JSON and as a table, and another source."""
    folder = tmp_path_factory.mktemp("rules")
    rows = [
        chat_row(f"Tell of {text(('chat', n))}?", LOOPS.get(n) or f"Gladly: {text(('say', n), 8)}.")
        for n in range(12)
    ]
    write_rows(folder / "chat.jsonl", rows)
    pl.DataFrame({"conversations": [row["conversations"] for row in rows]}).write_parquet(
        folder / "chat.parquet"
    )
    write_rows(folder / "plain.jsonl", [chat_row(f"Say {text(n)}?", text((n, n))) for n in range(14)])
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store that all builds share."""
    return tmp_path_factory.mktemp("store") / "store"


def built(base: Path, store: Path, **settings: Any) -> Path:
    return quick_build(Recipe.model_validate(stated(**settings)), store, base).version


def examples(version: Path) -> pl.DataFrame:
    return pl.concat(
        [pl.read_parquet(path) for split in ("train", "eval") for path in version.glob(f"{split}-*.parquet")]
    )


def outcomes(version: Path) -> pl.DataFrame:
    return pl.read_parquet(version / "outcomes/chat.parquet")


EXTENSIONS = pytest.mark.parametrize("extension", ["jsonl", "parquet"])


@EXTENSIONS
def test_a_dropped_row_has_the_rule_as_its_reason_and_the_evidence_as_its_detail(base, store, extension):
    """Validated by rows or by columns; the ledger counts it, and the row is kept whole."""
    version = built(base, store, extension=extension, rules={"repetition": DROP})
    lost = outcomes(version).filter(pl.col("reason").is_not_null())
    lost = lost.filter(pl.col("reason") != "not_sampled")
    assert lost["row"].to_list() == list(LOOPS)
    assert set(lost["reason"]) == {"repetition"}
    assert set(lost["stage"]) == {"validate"}
    assert "messages[1].content, characters 6 to 75: we go round" in lost["detail"][0]
    manifest = Manifest.model_validate_json((version / "manifest.json").read_bytes())
    count = manifest.ledger.check().of("validate")["chat"]
    assert (count.read.rows, count.kept.rows, count.dropped["repetition"].rows) == (12, 10, 2)
    kept = pl.concat([pl.read_parquet(path) for path in (version / "rejects").glob("chat-*")])
    assert kept["row"].to_list() == list(LOOPS)


def test_the_report_shows_what_rules_find_with_their_words_marked(base, store):
    """Flagged rows in the section on content, with its verdict; dropped ones among the samples."""
    flagged, dropped = (
        quick_build(Recipe.model_validate(stated(rules={"repetition": action})), store, base).run
        for action in ("flag", DROP)
    )
    told = content(flagged)
    assert (told.level, told.sentence) == (
        "warn",
        "chat: repetition flags 16.7 % (2 of 12 rows); the limit is 5 %.",
    )
    (count,) = told.counts
    assert (count.source, count.rule, count.flagged, count.mixed, count.dropped) == (
        "chat",
        "repetition",
        2,
        2,
        0,
    )
    (group,) = told.examples
    marked = [one["marked"] for one in group["rows"]]
    assert sorted(words[:12] for words in marked) == ["we go round ", "今天天气很好我们去公园散"]
    page = render_page(flagged)
    assert "<mark>we go round and round in circles" in page
    (count,) = content(dropped).counts
    assert (count.flagged, count.dropped) == (0, 2)
    assert content(dropped).level == "pass"
    assert "<mark>we go round and round in circles" in render_page(dropped)


def test_a_report_without_rules_says_that_nothing_is_known(base, store):
    """The verdict is neither green nor amber."""
    told = content(quick_build(Recipe.model_validate(stated()), store, base).run)
    assert told.level == "none"
    assert told.sentence.startswith("No rule is on")


@EXTENSIONS
def test_a_flagged_row_carries_its_flag_into_the_published_files(base, store, extension):
    """Its outcome has it, too; rows without one have empty lists, those of other sources as well."""
    version = built(base, store, extension=extension, rules={"repetition": "flag"})
    rows = outcomes(version)
    assert rows.schema == pl.Schema({**OUTCOMES, **FLAGS})
    flagged = rows.filter(pl.col("flags").list.len() > 0)
    assert flagged["row"].to_list() == list(LOOPS)
    assert flagged["reason"].to_list() == [None, None]
    (check,) = flagged["checks"][0].to_list()
    assert (check["rule"], check["evidence"]["message"], check["evidence"]["start"]) == ("repetition", 1, 6)
    assert check["value"] > 0.8
    published = examples(version)
    assert published.schema == pl.Schema({**EXAMPLES, **FLAGS})
    assert published.null_count().select("flags", "checks").row(0) == (0, 0)
    mine = published.filter(pl.col("flags").list.len() > 0)
    assert set(mine["conversation_id"]) == set(flagged["id"])
    assert mine["checks"].to_list() == [
        flagged.filter(id=row)["checks"][0].to_list() for row in mine["conversation_id"]
    ]


def test_both_validators_say_the_same_of_a_row(base, store):
    """A file of JSON lines is judged row by row, a table by its columns."""
    said = [
        outcomes(built(base, store, extension=extension, rules={"repetition": action})).drop("file").rows()
        for action in ("flag", DROP)
        for extension in ("jsonl", "parquet")
    ]
    assert said[0] == said[1]
    assert said[2] == said[3]


def test_a_rule_that_is_off_leaves_the_files_as_they_are(base, store):
    """The columns are not there, and every byte that is trained on is as if there was no rule."""
    plain, off = (built(base, store, **rules) for rules in ({}, {"rules": {"repetition": "off"}}))
    assert examples(plain).schema == EXAMPLES
    assert outcomes(plain).schema == OUTCOMES
    files = [
        {path.name: path.read_bytes() for path in version.glob("*-*.parquet")} for version in (plain, off)
    ]
    assert files[0] == files[1]


def test_a_source_has_a_rule_of_its_own(base, store):
    """What it states goes before what the recipe states, setting by setting."""
    own = {"rules": {"repetition": {"above": 0.98}}}
    version = built(base, store, rules={"repetition": "flag"}, source=own)
    assert outcomes(version)["flags"].list.len().sum() == 0
    lower = {"rules": {"repetition": {"action": "flag", "above": 0.2}}}
    version = built(base, store, source=lower)
    assert outcomes(version)["flags"].list.len().sum() == 2
    assert examples(version).schema == pl.Schema({**EXAMPLES, **FLAGS})


@pytest.mark.parametrize(("select", "left"), [("without", set(LOOPS)), ("with", set(range(12)) - set(LOOPS))])
@EXTENSIONS
def test_a_source_selects_rows_by_their_flags(base, store, extension, select, left):
    """The others are left out as `not_selected`, with the flag in question."""
    version = built(
        base,
        store,
        extension=extension,
        rules={"repetition": "flag"},
        source={"select": {select: ["repetition"]}},
    )
    lost = outcomes(version).filter(reason="not_selected")
    assert set(lost["row"]) == left
    assert all("repetition" in detail for detail in lost["detail"])


def test_a_source_without_a_selected_row_ends_the_build(base, store):
    """The sentence says which reason and setting; the outcomes of the failed run have flags, too."""
    settings = {"rules": {"repetition": DROP}, "source": {"rules": {"repetition": "flag"}}}
    select = {"select": {"with": ["repetition"]}, "files": ["plain.jsonl"]}
    with pytest.raises(SourceEmpty, match=r"not_selected 14 .*see `select:`"):
        built(base, store, **{**settings, "source": {**settings["source"], **select}})
    (failed,) = {path.parent for path in store.glob("small/runs/*/outcomes/chat.parquet")}
    rows = pl.read_parquet(failed / "chat.parquet")
    assert rows.schema == pl.Schema({**OUTCOMES, **FLAGS})
    assert rows["flags"].to_list() == [[]] * 14


@pytest.mark.parametrize(("rules", "named"), [({"repetition": "flag"}, True), ({}, False)])
def test_an_export_names_the_flags_that_it_leaves_out(base, store, run, tmp_path, rules, named):
    """Columns of a version that an export does not hold are told, those that rules add as well."""
    version = built(base, store, rules=rules)
    code, _, err = run("export", version, "--to", "messages", "--output", tmp_path / "out")
    assert (code, err) == (0, "")
    told = json.loads((tmp_path / "out" / "export.json").read_bytes())["left_out"]
    assert ({"flags", "checks"} <= told.keys()) == named


def test_a_look_at_a_recipe_applies_its_rules_and_tries_the_others(base, run, tmp_path):
    """`check` says what a build would drop by them, and what each one finds, on or off, with its words."""
    (base / "drop.yaml").write_text(yaml.safe_dump(stated(rules={"repetition": DROP})), encoding="utf-8")
    code, out, _ = run("check", base / "drop.yaml", "--json")
    assert code == 0
    (chat, *_) = json.loads(out)["sources"]
    assert [(drop["reason"], drop["count"]) for drop in chat["preview"]["dropped"]] == [("repetition", 2)]
    tried = {one["rule"]: one for one in chat["preview"]["rules"]}
    assert (tried["repetition"]["action"], tried["repetition"]["hits"]) == ("drop", 2)
    assert (tried["html_entities"]["action"], tried["html_entities"]["hits"]) == ("off", 0)
    (base / "off.yaml").write_text(yaml.safe_dump(stated()), encoding="utf-8")
    _, out, _ = run("check", base / "off.yaml")
    words = " ".join(out.split())
    assert "repetition would find 2 of 12 rows (16.7%" in words
    assert "the first is chat.jsonl row 3: Well. »we go round and round in circles" in words
