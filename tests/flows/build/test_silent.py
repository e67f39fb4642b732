"""A build that loses most of something without an error says so in amber, and names the way out."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import chat_row, quick_build, statement, text, write_rows
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import load


def chats(word: object, number: int) -> list[dict[str, object]]:
    return [
        chat_row(f"Tell me of {text((word, n))}?", f"Gladly: {text((word, n), 8)}.") for n in range(number)
    ]


def stated(sources: Sequence[str], **mix: object) -> Recipe:
    """Return a recipe over files of chats, with shares that are equal unless they are stated."""
    mix = {"shares": {name: 1 / len(sources) for name in sources}, "eval_share": 0, **mix}
    listed = [
        {"name": name, "kind": "local", "files": [f"{name}.jsonl"], "format": "sharegpt"} for name in sources
    ]
    return Recipe.model_validate(statement(sources=listed, **mix))


def ambers(built: Built) -> dict[str, str]:
    """Return the sentences of gates that warn, by gate and subject."""
    return {
        f"{one.gate} {one.subject}".strip(): one.sentence for one in built.run.gates if one.level == "warn"
    }


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Two sources of chats; one is small."""
    write_rows(tmp_path / "rows" / "big.jsonl", chats("big", 60))
    write_rows(tmp_path / "rows" / "rare.jsonl", chats("rare", 6))
    return tmp_path / "rows"


def test_size_that_was_not_reached_is_amber_and_on_page_and_terminal(base: Path, tmp_path: Path):
    """100,000 were asked for, and 12 came for the sake of one source."""
    built = quick_build(stated(["big", "rare"], size=100_000), tmp_path / "store", base)
    sentence = ambers(built)["size"]
    assert sentence.startswith(
        "12 of 100,000 examples came: rare limits the mixture, with 6 of its 6 examples"
    )
    assert "when_short: repeat" in sentence
    assert built.status == "published"
    assert sentence in (built.folder / "summary.md").read_text(encoding="utf-8").replace("\\", "")
    assert "12 of 100,000 examples came" in (built.folder / "report.html").read_text(encoding="utf-8")


def test_source_that_shrinks_all_others_is_amber(base: Path, tmp_path: Path):
    """Without a stated size, too."""
    found = ambers(quick_build(stated(["big", "rare"]), tmp_path / "store", base))
    assert found["bottleneck rare"].startswith(
        "12 of 66 examples are sampled (18.2 %): rare limits the mixture"
    )


def test_share_of_0_is_amber(base: Path, tmp_path: Path):
    """Its rows take duplicates out of others and are not in the mixture."""
    found = ambers(quick_build(stated(["big", "rare"], shares={"big": 1, "rare": 0}), tmp_path / "s", base))
    assert set(found) == {"absent rare"}


def test_questions_that_only_system_prompts_tell_apart_are_amber(base: Path, tmp_path: Path):
    """`compare: first_user` takes them for one, and the sentence names it; by default they all stay."""
    rows = chats("other", 2)
    for n in range(8):
        turns = [("system", f"Task {n}: {text(n, 8)}"), ("human", text("same")), ("gpt", text(n, 5))]
        rows.append({"conversations": [{"from": who, "value": said} for who, said in turns]})
    write_rows(base / "big.jsonl", rows)
    recipe = stated(["big"]).model_dump(mode="json")
    recipe["sources"][0]["compare"] = "first_user"
    found = ambers(quick_build(Recipe.model_validate(recipe), tmp_path / "store", base))
    took = "big: near_dup took 70 % (7 of 10 rows); the limit is 25 %"
    assert found["near_duplicates big"].startswith(f"{took}: `compare: first_user` looks at")
    assert ambers(quick_build(stated(["big"]), tmp_path / "other", base)) == {}


def test_chinese_rows_of_a_gbk_file_are_named_and_read_where_the_recipe_says_so(base: Path, tmp_path: Path):
    """Rows of ASCII are good in both; `encoding` reads the rest, and gives what UTF-8 gives."""
    rows = [
        *chats("ascii", 20),
        *(chat_row(f"第{n}个问题：{text(n)}是什么？", "答案是好。") for n in range(4)),
    ]
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    (base / "big.jsonl").write_bytes(lines.encode("gbk"))
    lost = quick_build(stated(["big"]), tmp_path / "store", base)
    assert ambers(lost) == {
        "encoding big: gb18030": "big: 4 rows could not be read whole for bytes that are not UTF-8 and seem "
        "to be gb18030: say `encoding: gb18030` if the files are, or write them in UTF-8"
    }
    recipe = stated(["big"]).model_dump(mode="json")
    recipe["sources"][0]["encoding"] = "gb18030"
    read = quick_build(Recipe.model_validate(recipe), tmp_path / "store", base)
    assert "encoding" not in " ".join(ambers(read))
    (base / "big.jsonl").write_text(lines, encoding="utf-8")
    plain = quick_build(stated(["big"]), tmp_path / "other", base)
    assert read.manifest.content_sha256 == plain.manifest.content_sha256
    assert sum(share.examples for share in read.manifest.shares) == 24


@pytest.mark.parametrize("name", ["sample-7-3", "sample-5-5"])
def test_shipped_samples_are_without_amber(name: str, sample: Built, tmp_path: Path):
    """Nothing in them is silent, and nothing is cried over."""
    located = load(name)
    is_built = name == sample.manifest.mixture
    assert ambers(sample if is_built else quick_build(located.recipe, tmp_path, located.base)) == {}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_media_of_dropped_rows_are_not_called_unread(kind: str, base: Path, tmp_path: Path):
    """They were looked at: that is why the rows were dropped, or kept where the column says nothing."""
    rows = [{**row, "image": None, "images": None} for row in chats("big", 6)]
    rows += [{**row, "image": "1.png", "images": None} for row in chats("seen", 2)]
    rows += [{**row, "image": None, "images": ["2.png"]} for row in chats("more", 1)]
    write_rows(base / "big.jsonl", rows)
    recipe = stated(["big"])
    if kind == "parquet":
        pl.read_ndjson(base / "big.jsonl").write_parquet(base / "big.parquet")
        (base / "big.jsonl").unlink()
        source = recipe.sources[0].model_copy(update={"files": ("big.parquet",)})
        recipe = recipe.model_copy(update={"sources": (source,)})
    built = quick_build(recipe, tmp_path / "store", base)
    assert built.manifest.ledger.of("validate")["big"].dropped["media"].rows == 3
    assert "unread_fields" not in " ".join(ambers(built))
