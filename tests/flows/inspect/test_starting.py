"""`thinkmix init`: a recipe out of rows, which builds as it was written."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness.builders import ROOT, Row, chat_row, math_row, quick_build, text, thinkmix, write_rows
from tests.harness.loopback_hub import LoopbackHub, serve
from thinkmix.flows.inspect.checking import check
from thinkmix.flows.inspect.shards import families, patterns, title
from thinkmix.flows.inspect.starting import Started, start
from thinkmix.flows.recipe.recipes import load
from thinkmix.flows.sources.hub_source import HubSource
from thinkmix.flows.sources.patience import Patience
from thinkmix.schemas.errors import RecipeError, SourceError, SourceNotFound

SHARED = (ROOT / "../shared").resolve()
FORMATS = sorted((SHARED / "formats").glob("*.json*")) if SHARED.is_dir() else []
IMPATIENT = Patience(tries=2, sleep=lambda seconds: None)


def chats(count: int, start: int = 0) -> list[Row]:
    """Return good rows without traces."""
    numbers = range(start, start + count)
    return [chat_row(f"Tell of {text((n, 'q'))}?", f"So: {text((n, 'a'))}.") for n in numbers]


def started(folder: Path, *asked: object, name: str = "mine.yaml") -> tuple[Started, str]:
    """Return what was begun and the recipe's text."""
    found = start([str(one) for one in asked], folder / name, patience=IMPATIENT)
    return found, (folder / name).read_text(encoding="utf-8")


def test_the_recipe_builds_as_it_is(tmp_path: Path) -> None:
    """Two files of different formats become two sources in equal parts, without an edit."""
    write_rows(tmp_path / "chats.jsonl", chats(40))
    rows = [{"instruction": f"Of {text(n)}?", "output": text((n, "a"))} for n in range(40)]
    (tmp_path / "alpaca.json").write_text(json.dumps(rows), encoding="utf-8")
    found, said = started(tmp_path, tmp_path / "chats.jsonl", tmp_path / "alpaca.json")

    assert [(one.name, one.format) for one in found.sources] == [("alpaca", "alpaca"), ("chats", "sharegpt")]
    located = load(str(tmp_path / "mine.yaml"))
    built = quick_build(located.recipe, tmp_path / "store", located.base)
    assert built.status == "published"
    train = {share.source: share.examples for share in built.manifest.shares if share.split == "train"}
    assert train["alpaca"] == train["chats"] > 30
    assert "files: [alpaca.json]" in said
    assert "shares: {alpaca: 1, chats: 1}" in said


def test_comments_state_what_was_seen(tmp_path: Path) -> None:
    """Rows, format and why, languages, mode, and fields that nobody reads."""
    more = {"loss_weights": 1, "odd\nname": "x\n- name: evil"}
    rows = [{**row, **more} for row in chats(30)]  # type: ignore[dict-item]
    write_rows(tmp_path / "a.jsonl", [*rows, '{"conversations": ['])
    found, said = started(tmp_path, tmp_path / "a.jsonl")

    for words in (
        "# 1 file, ",
        "31 rows; 31 looked at",
        "# format sharegpt, by the columns conversations",
        "# 30 of 31 rows are kept; examples: 30, none thinks; ",
        "rows by language: en 30",
        "# dropped: 1 row as bad_json, the first a.jsonl row 30: ",
        "# nobody reads loss_weights (30 values, which looks like weight), for example 1",
        "# nobody reads odd·name (30 values), for example ",
    ):
        assert words in said
    assert load(str(tmp_path / "mine.yaml")).recipe.mix.shares == {"a": 1}
    assert [line for line in said.splitlines() if line.startswith(("- name: evil", "name: evil"))] == []
    assert set(found.sources[0].notes) <= {line.strip("# ") for line in said.splitlines()}


def test_a_setting_that_reads_a_field_is_proposed(tmp_path: Path) -> None:
    """As a line that only waits for its # to be taken away."""
    rows = [{**chat_row(f"Of {text(n)}?", text((n, "a"))), "my_rating": n} for n in range(20)]
    write_rows(tmp_path / "a.jsonl", rows)
    _, said = started(tmp_path, tmp_path / "a.jsonl")
    (proposed,) = [line for line in said.splitlines() if "# format: {" in line]
    taken = said.replace("    format: sharegpt\n", "").replace(proposed, proposed.replace("# ", "", 1))

    assert "# reads my_rating, which looks like score" in proposed
    source = yaml.safe_load(taken)["sources"][0]
    assert source["format"] == {"type": "sharegpt", "score": "my_rating"}


@pytest.mark.parametrize(
    ("traces", "line"),
    [
        (20, "    thinking: required  # every example thinks"),
        (15, "    # thinking: required  # drops the 5 rows of 20 without a trace"),
        (5, "    # thinking: forbidden  # drops rows with a trace; 5 examples have one"),
    ],
)
def test_the_mode_of_the_rows_is_stated_or_proposed(traces: int, line: str, tmp_path: Path) -> None:
    """A source of nothing but traces requires them; where both occur, a person decides."""
    rows = [{**math_row(n, trace=None if n < traces else ""), "generation_model": "R1"} for n in range(20)]
    write_rows(tmp_path / "a.jsonl", rows)
    found, said = started(tmp_path, tmp_path / "a.jsonl")

    assert line in said.splitlines()
    assert found.sources[0].format == "openmathreasoning"


def test_a_setting_without_which_nothing_is_kept_is_stated(tmp_path: Path) -> None:
    """Traces that the template opened are read, and the source then requires them no less than others."""
    rows = [
        chat_row(f"Of {text(n)}?", f"hm {text((n, 't'))}\n</think>\n\n{text((n, 'a'))}") for n in range(20)
    ]
    write_rows(tmp_path / "a.jsonl", rows)
    found, said = started(tmp_path, tmp_path / "a.jsonl")

    assert "    unopened_trace: read  # keeps 20 rows instead of 0" in said.splitlines()
    assert (found.sources[0].preview.kept, found.sources[0].preview.thinking) == (20, 20)


def test_a_list_in_an_object_is_found(tmp_path: Path) -> None:
    """The keys that lead to the longest list of objects become `rows`."""
    (tmp_path / "a.json").write_text(json.dumps({"meta": [{"x": 1}], "result": {"items": chats(20)}}))
    _, said = started(tmp_path, tmp_path / "a.json")

    assert "    rows: result.items" in said.splitlines()
    assert (
        check(load(str(tmp_path / "mine.yaml")), name="", downloads=tmp_path / "no").sources[0].preview.kept
        == 20
    )


@pytest.mark.parametrize(("encoding", "reads"), [("gbk", "gb18030"), ("utf-16", "utf-16"), ("utf-8", None)])
def test_an_encoding_other_than_utf_8_is_stated(encoding: str, reads: str | None, tmp_path: Path) -> None:
    """The recipe says what the file is in, so that its rows are read and not dropped."""
    rows = [{"instruction": f"请回答第{n}个问题。", "output": f"今天天气很好，编号{n}。"} for n in range(60)]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "a.jsonl").write_text(lines, encoding=encoding)
    found, _ = started(tmp_path, tmp_path / "a.jsonl")
    assert found.sources[0].preview.kept == 60
    located = load(str(tmp_path / "mine.yaml"))
    assert located.recipe.sources[0].encoding == reads
    (source,) = check(located, name="", downloads=tmp_path / "no").sources
    assert (source.preview.kept, source.mend) == (60, ())


def test_shards_of_one_set_are_one_source(tmp_path: Path) -> None:
    """Whether the folder or the files are named; other files of the folder are sources of their own."""
    for number in range(3):
        write_rows(tmp_path / f"rows/chat-0000{number}-of-00003.jsonl", chats(10, start=10 * number))
    write_rows(tmp_path / "rows/extra.jsonl", chats(5, start=900))
    by_folder, said = started(tmp_path, tmp_path / "rows")
    by_file, _ = started(tmp_path, *sorted((tmp_path / "rows").iterdir())[:2], name="two.yaml")

    assert [(one.name, one.files) for one in by_folder.sources] == [
        ("chat", ("rows/chat-*.jsonl",)),
        ("extra", ("rows/extra.jsonl",)),
    ]
    assert 'files: ["rows/chat-*.jsonl"]' in said
    assert by_file.sources[0].files == (  # not the third one
        "rows/chat-00000-of-00003.jsonl",
        "rows/chat-00001-of-00003.jsonl",
    )


@pytest.mark.parametrize("stem", ["2024", "on", "null", "my-rows", "a_b", "1e5", "对话"])
def test_names_that_yaml_reads_otherwise_stay_names(stem: str, tmp_path: Path) -> None:
    """Numbers and words of YAML stand in quotes; a name without a letter that fits is `rows`."""
    write_rows(tmp_path / f"{stem}.jsonl", chats(5))
    started(tmp_path, tmp_path / f"{stem}.jsonl")

    stated = load(str(tmp_path / "mine.yaml")).recipe
    assert stated.sources[0].name in (stem.replace("_", "-"), "rows")
    assert set(stated.mix.shares) == {stated.sources[0].name}


def test_shards_of_two_layouts_are_refused(tmp_path: Path) -> None:
    """A build would drop the rows of one of them."""
    write_rows(tmp_path / "a-0.jsonl", chats(5))
    write_rows(tmp_path / "a-1.jsonl", [{"query": f"{n}?", "response": "b"} for n in range(5)])
    with pytest.raises(
        RecipeError, match=r"laid out in several ways, a-0\.jsonl as `sharegpt`, a-1\.jsonl as `"
    ):
        started(tmp_path, tmp_path / "a-0.jsonl", tmp_path / "a-1.jsonl")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["data/cot-0-of-2.parquet", "data/cot-1-of-2.parquet"], ("cot", ["data/cot-*.parquet"])),
        (["v1_demo.jsonl"], ("v1_demo", ["v1_demo.jsonl"])),
        (["math/0.jsonl", "math/1.jsonl"], ("math", ["math/*.jsonl"])),
        (["set/data/train-00000-of-00001.parquet"], ("set", ["set/data/train-00000-of-00001.parquet"])),
        (["a[1]/r-1.csv", "a[1]/r-2.csv"], ("r", ["a[[]1]/r-*.csv"])),
    ],
)  # fmt: skip
def test_a_family_of_files_has_a_title_and_patterns(names: list[str], found: tuple[str, list[str]]) -> None:
    """Numbers of shards are not part of what they are called, and the pattern means them alone."""
    (family,) = families(names)
    assert (title(family), patterns(family, [*names, "other-9.txt"])) == found


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    """Nor is anything left where the rows have no format."""
    write_rows(tmp_path / "a.jsonl", chats(3))
    (tmp_path / "mine.yaml").write_text("mine")
    with pytest.raises(RecipeError, match="exists and is not overwritten; give another --output"):
        start([str(tmp_path / "a.jsonl")], tmp_path / "mine.yaml")
    assert (tmp_path / "mine.yaml").read_text() == "mine"

    write_rows(tmp_path / "b.jsonl", [{"left": "a", "right": "b"}])
    with pytest.raises(RecipeError, match="in no layout that is known; their columns are `left`, `right`"):
        start([str(tmp_path / "b.jsonl")], tmp_path / "b.yaml")
    assert not (tmp_path / "b.yaml").exists()


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ("none.jsonl", SourceNotFound, "no file matches 'none.jsonl'"),
        ("folder/none.jsonl", SourceNotFound, "no file matches"),
        ("notes.txt", SourceError, "not a kind of file that can be read"),
        ("empty", SourceNotFound, "no file in this folder can be read"),
        (
            "no.jsonl",
            RecipeError,
            "no row can be read to recognise its format: its files have no rows",
        ),
        (
            "odd.csv",
            RecipeError,
            "the file is not UTF-8 text: state its `encoding`",
        ),
        ("bad.jsonl", RecipeError, "no row can be read to recognise its format: bad.jsonl row 0: "),
    ],
)
def test_what_is_no_rows_is_told(
    asked: str, error: type[Exception], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sentence, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.jsonl").write_text("")
    (tmp_path / "odd.csv").write_bytes(b"question,answer\n" + bytes(range(256)) * 4)
    (tmp_path / "bad.jsonl").write_text("{\n{\n")
    with pytest.raises(error) as caught:
        start([asked], None, patience=IMPATIENT)

    assert says in str(caught.value)
    assert list(tmp_path.glob("*.yaml")) == []


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """An empty hub."""
    with serve() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


def test_a_set_on_a_hub_is_pinned_and_its_training_files_are_named(hub: LoopbackHub, tmp_path: Path) -> None:
    """The commit of now; files that are held out, or say what the set is, are not taken, and are told."""
    lines = "".join(json.dumps(row) + "\n" for row in chats(30)).encode()
    files = {f"data/train-0000{n}-of-00002.jsonl": lines for n in range(2)}
    files |= {"data/test-00000-of-00001.jsonl": lines * 9, "dataset_infos.json": b"{}", "README.md": b"#"}
    commit = hub.add("org/My-Chats", files)
    found, said = started(tmp_path, "org/My-Chats")
    (source,) = load(str(tmp_path / "mine.yaml")).recipe.sources

    assert isinstance(source, HubSource)
    assert (source.name, source.dataset, source.revision) == ("my-chats", "org/My-Chats", commit)
    assert source.files == ("data/train-*.jsonl",)
    assert "# files of the set that are not read: data/test-00000-of-00001.jsonl" in said
    assert found.sources[0].fetched == len(lines)
    assert f"{len(lines) / 1e3:.1f} kB fetched to look at them" in said


def test_the_command_says_what_it_wrote_and_what_is_next(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name of the rows in this folder unless --output is given; --json for machines."""
    write_rows(tmp_path / "My Chats.jsonl", chats(20))
    monkeypatch.chdir(tmp_path)
    code, out, err = run("init", "My Chats.jsonl")
    assert (code, err) == (0, "")
    assert "recipe  my-chats.yaml" in out
    assert "thinkmix check my-chats.yaml" in out
    assert load(str(tmp_path / "my-chats.yaml")).recipe.name == "my-chats"
    code, _, err = run("init", "My Chats.jsonl")
    assert code == 2
    assert err.startswith("thinkmix: my-chats.yaml exists and is not overwritten")

    told = json.loads(run("init", "My Chats.jsonl", "--output", "b.yaml", "--json")[1])
    assert (told["recipe"], told["sources"][0]["format"]) == ("b.yaml", "sharegpt")
    assert run("check", tmp_path / "b.yaml")[0] == 0


def test_the_line_for_editors_is_written_where_there_is_a_schema(tmp_path: Path) -> None:
    """Beside a schema it holds; without one it stands in a comment with how to make one."""
    write_rows(tmp_path / "a.jsonl", chats(5))
    line = "# yaml-language-server: $schema=recipe.schema.json"
    _, said = started(tmp_path, tmp_path / "a.jsonl")
    assert line not in said.splitlines()
    assert f"#   {line}" in said.splitlines()
    (tmp_path / "recipe.schema.json").write_text("{}")
    _, said = started(tmp_path, tmp_path / "a.jsonl", name="b.yaml")
    assert said.splitlines()[0] == line


@pytest.mark.skipif(not FORMATS, reason="the reference material does not lie beside the checkout")
def test_a_look_at_real_rows_takes_few_seconds_of_a_core(tmp_path: Path) -> None:
    """Two sets of 25,755 rows: under eight seconds of a core, half of them for math-verify to start."""
    sets = [SHARED / "hub/nvidia/OpenMathReasoning", SHARED / "hub/mlabonne/FineTome-100k"]
    before = os.times()
    ended = thinkmix("init", *sets, "--output", tmp_path / "mine.yaml", "--json")
    after = os.times()

    assert ended.returncode == 0, ended.stderr
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    assert spent < 8
    assert {one["format"] for one in json.loads(ended.stdout)["sources"]} == {"openmathreasoning", "sharegpt"}


@pytest.mark.skipif(not FORMATS, reason="the reference material does not lie beside the checkout")
@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.stem)
def test_files_of_many_formats_become_recipes_without_a_word(path: Path, tmp_path: Path) -> None:
    """Each is recognised, and the recipe keeps what was kept; one set has nothing but foreign tags."""
    found, _ = started(tmp_path, path)
    (source,) = check(load(str(tmp_path / "mine.yaml")), name="", downloads=tmp_path / "no").sources

    assert source.preview.kept == found.sources[0].preview.kept
    assert (source.preview.kept > 0.9 * source.preview.read) == (path.stem != "marco_o1_cot_demo")
