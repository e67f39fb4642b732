"""`thinkmix check`: what a build would make of the first rows, told before anything is built."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.harness.builders import (
    ROOT,
    Row,
    chat_row,
    quick_build,
    recipe,
    text,
    thinkmix,
    write_recipe,
    write_rows,
)
from tests.harness.loopback_hub import LoopbackHub, serve
from thinkmix.flows.inspect import sampling
from thinkmix.flows.inspect.checking import Check, check
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import Located, load
from thinkmix.flows.sources.glimpse import MOST
from thinkmix.flows.sources.patience import Patience
from thinkmix.schemas.errors import RecipeError, SourceNotFound

SHARED = (ROOT / "../shared").resolve()
IMPATIENT = Patience(tries=2, sleep=lambda seconds: None)


def checked(stated: Recipe, base: Path, *, downloads: Path | None = None) -> Check:
    """Check a recipe that lies in `base`."""
    located = Located(stated, base)
    return check(located, name="mine.yaml", downloads=downloads or base / "none", patience=IMPATIENT)


def one_source(folder: Path, rows: list[Row], **changes: object) -> Recipe:
    """Return a recipe over one file of rows."""
    write_rows(folder / "rows.jsonl", rows)
    source = {"name": "a", "kind": "local", "files": ["rows.jsonl"], "format": "sharegpt", **changes}
    return Recipe.model_validate({"name": "m", "sources": [source], "mix": {"shares": {"a": 1}}})


def chats(count: int, start: int = 0) -> list[Row]:
    """Return good rows."""
    return [
        chat_row(f"Tell of {text((start + n, 'q'))}?", f"So: {text((start + n, 'a'))}.") for n in range(count)
    ]


@pytest.mark.parametrize(
    ("licence", "says"), [(None, "no licence"), ("cc-by-nc-4.0", "commercial"), ("apache-2.0", "")]
)
def test_licences_that_limit_use_are_named_and_fail_nothing(licence: str, says: str, tmp_path: Path) -> None:
    """A recipe over one's own files states none, which changes no exit code."""
    found = checked(one_source(tmp_path, chats(60), licence=licence), tmp_path)
    assert says in found.sources[0].licence
    assert bool(says) == bool(found.sources[0].licence)
    assert not any("licence" in sentence for sentence in found.mend)


def test_what_is_dropped_and_why_is_what_a_build_drops(sources: Path, built) -> None:
    """Of sources that are looked at whole, every reason of reading has the count of the build's ledger."""
    found = checked(recipe(), sources)
    ledger = built.manifest.ledger.of("validate")

    for source in found.sources:
        counted = ledger[source.name]
        lost = {drop.reason: drop.count for drop in source.preview.dropped if drop.stage == "validate"}
        assert (source.rows, source.exact) == (counted.read.rows, True)
        assert (source.preview.read, source.preview.kept) == (counted.read.rows, counted.kept.rows)
        assert lost == {reason: amount.rows for reason, amount in counted.dropped.items() if amount.rows}


def test_examples_are_those_that_a_build_publishes(sources: Path, built) -> None:
    """The text that is shown as trained stands in the mixture, character for character."""
    import polars as pl  # noqa: PLC0415 - here alone

    published = pl.read_parquet(sorted(built.version.glob("*-0*.parquet")))
    pairs = set(published.select("prompt", "completion").iter_rows())

    for source in checked(recipe(), sources).sources:
        assert source.preview.example is not None
        assert (source.preview.example.prompt, source.preview.example.completion) in pairs


def test_a_table_is_read_as_a_build_reads_it(tmp_path: Path) -> None:
    """Rows of parquet, which a build screens by columns, have the same outcomes when they are looked at."""
    rows = [*chats(30), chat_row("Who?", "Nobody.", speakers=("human", "oracle")), chat_row("Silence?", " ")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    stated = one_source(tmp_path, [], files=["rows.parquet"])
    built = quick_build(stated, tmp_path / "store", tmp_path)
    (source,) = checked(stated, tmp_path).sources

    dropped = built.manifest.ledger.of("validate")["a"].dropped
    assert {drop.reason: drop.count for drop in source.preview.dropped} == {
        reason: amount.rows for reason, amount in dropped.items()
    }
    assert source.preview.turns == built.run.report.turns[0]


def test_nothing_is_mended_where_all_is_well(tmp_path: Path) -> None:
    """Good rows have no sentence, and an example."""
    found = checked(one_source(tmp_path, chats(40)), tmp_path)

    assert found.mend == ()
    assert found.estimate is not None
    assert (found.estimate.size, found.estimate.limited_by, found.estimate.download) == (40, "a", 0)


@pytest.mark.parametrize(
    ("rows", "changes", "says"),
    [
        (
            [{**row, "reasoning_chain": "hm"} for row in chats(20)],
            {},
            "a: 'reasoning_chain' in 20 rows was not read and looks like reasoning",
        ),
        (chats(20), {"format": "alpaca"}, "a: none of the first 20 rows becomes an example; did you mean"),
        (
            [*chats(20), *['{"conversations": ['] * 20],
            {},
            "a: bad_json took 50 % (20 of 40 rows); the limit is",
        ),
        (chats(20), {"thinking": "required"}, "a: none of the first 20 rows becomes an example"),
        (chats(20), {"expect_rows": 21}, "a: 20 rows, and the recipe expects 21 (`expect_rows`)"),
        ([], {}, "a: its files hold no row"),
        (
            [chat_row(f"{text(n)} /no_think", f"<think>\nhm\n</think>\n\n{n}") for n in range(20)],
            {},
            "a: 20 answers that do the opposite of the /think or /no_think before them",
        ),
    ],
)
def test_what_should_be_mended_is_a_sentence(
    rows: list[Row], changes: dict[str, object], says: str, tmp_path: Path
) -> None:
    """In the words of the gates that a build is judged by."""
    found = checked(one_source(tmp_path, rows, **changes), tmp_path)

    assert [sentence for sentence in found.mend if sentence.startswith(says)] != []


def test_a_file_in_another_encoding_is_told_with_the_way_out(tmp_path: Path) -> None:
    """Even where other files of the source are read."""
    (tmp_path / "a.csv").write_text("question,answer\nwhy?,because\n")
    (tmp_path / "b.csv").write_bytes("question,answer\n你好,世界\n".encode("gbk"))
    found = checked(one_source(tmp_path, [], files=["*.csv"], format="qa"), tmp_path)

    words = "a: b.csv: the file is not UTF-8 text, it may be gb18030: say `encoding: gb18030`"
    assert words in found.mend


def test_a_gate_that_is_off_has_nothing_to_say(tmp_path: Path) -> None:
    """A person has decided about it."""
    rows: list[Row] = [{**row, "reasoning_chain": "hm"} for row in chats(20)]  # type: ignore[dict-item]
    stated = one_source(tmp_path, rows)
    gates = stated.gates.model_copy(
        update={"unread_fields": stated.gates.unread_fields.model_copy(update={"action": "off"})}
    )

    assert checked(stated, tmp_path).mend != ()
    assert checked(stated.model_copy(update={"gates": gates}), tmp_path).mend == ()


def test_the_scarcest_source_for_its_share_is_named(tmp_path: Path) -> None:
    """Of 90 and 30 examples in equal parts the smaller one bounds the mixture, and `size` if it is below."""
    write_rows(tmp_path / "big.jsonl", chats(90))
    write_rows(tmp_path / "small.jsonl", chats(30, start=1000))
    sources = [
        {"name": name, "kind": "local", "files": [f"{name}.jsonl"], "format": "sharegpt"}
        for name in ("big", "small")
    ]

    def limit(**mix: object) -> tuple[int, str]:
        stated = {"name": "m", "sources": sources, "mix": {"shares": {"big": 1, "small": 1}, **mix}}
        estimate = checked(Recipe.model_validate(stated), tmp_path).estimate
        assert estimate is not None
        return estimate.size, estimate.limited_by

    assert limit() == (60, "small")
    assert limit(size=40) == (40, "size")
    assert limit(size=400) == (60, "small")
    assert limit(size=400, when_short="repeat") == (400, "size")


def test_a_size_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    """Where a build would fail for it."""
    stated = one_source(tmp_path, chats(30))
    mix = stated.mix.model_copy(update={"size": 100, "when_short": "fail"})

    (sentence,) = checked(stated.model_copy(update={"mix": mix}), tmp_path).mend
    assert sentence.startswith("mix: `size: 100` is more than the sources seem to allow, about 30: a has too")


@pytest.mark.parametrize("name", ["set.jsonl", "set.json", "set.csv", "set.jsonl.gz", "set.jsonl.zst"])
def test_rows_of_a_large_file_are_estimated(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the density of the first ones, within a tenth, however the file is written."""
    import gzip  # noqa: PLC0415 - here alone

    rows = [{"question": f"Of {text(n)}?", "answer": text((n, "a"))} for n in range(3000)]
    monkeypatch.setattr(sampling, "_COUNTED", 100_000)  # such a file is counted otherwise
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    content = {
        "set.jsonl": lines,
        "set.json": json.dumps(rows).encode(),
        "set.csv": ("question,answer\n" + "".join(f"{r['question']},{r['answer']}\n" for r in rows)).encode(),
        "set.jsonl.gz": gzip.compress(lines),
        "set.jsonl.zst": pa.compress(lines, "zstd", asbytes=True),
    }[name]
    (tmp_path / name).write_bytes(content)
    stated = one_source(tmp_path, [], files=[name], format="qa")
    (source,) = checked(stated, tmp_path).sources

    assert (source.exact, source.preview.read) == (False, 200)
    assert 2700 <= source.rows <= 3300


@pytest.mark.parametrize("name", ["rows.jsonl", "set.csv"])
def test_rows_of_a_small_file_are_counted(name: str, tmp_path: Path) -> None:
    """To its end, and no word of about."""
    stated = one_source(tmp_path, chats(300), files=[name], format="auto")
    lines = "".join(f'"{n}\n?",{n}\n' for n in range(300))
    (tmp_path / "set.csv").write_text(f"question,answer\n{lines}")
    (source,) = checked(stated, tmp_path).sources

    assert (source.exact, source.rows, source.preview.read) == (True, 300, 200)


def test_rows_come_from_all_files(tmp_path: Path) -> None:
    """Two hundred in all, spread over the files, and all rows of short ones."""
    for number in range(4):
        write_rows(tmp_path / f"part-{number}.jsonl", chats(10 if number == 1 else 300, start=1000 * number))
    stated = one_source(tmp_path, [], files=["part-*.jsonl"])
    (source,) = checked(stated, tmp_path).sources

    assert source.read_from == tuple(f"part-{number}.jsonl" for number in range(4))
    assert source.matched == {"part-*.jsonl": 4}
    assert source.preview.read == 200


def test_long_chats_are_rendered_as_far_as_a_second_goes(tmp_path: Path) -> None:
    """What was rendered is said, and the estimate is that of all rows."""
    turns = [turn for n in range(300) for turn in (("human", text((n, "q"))), ("gpt", text((n, "a"))))]
    long = {"conversations": [{"from": speaker, "value": said} for speaker, said in turns]}
    rows = [
        {"conversations": [{"from": "system", "value": f"No {n}."}, *long["conversations"]]}
        for n in range(40)
    ]
    found = checked(one_source(tmp_path, rows), tmp_path)
    (source,) = found.sources

    assert source.preview.kept == 40
    assert 0 < source.preview.rendered < 20
    lost = sum(drop.count for drop in source.preview.dropped)
    assert source.preview.examples + lost == 300 * source.preview.rendered
    assert source.supply == pytest.approx(source.preview.examples / source.preview.rendered * 40, abs=1)


def test_questions_of_evaluations_are_looked_at(tmp_path: Path) -> None:
    """Their files are found, and a field that they do not have ends the check as it ends a build."""
    write_rows(tmp_path / "evals.jsonl", [{"question": "Why?"}, {"question": "How?"}])

    def stated(field: str) -> Recipe:
        plan = {"benchmarks": [{"name": "gsm", "files": ["evals.jsonl"], "field": field}]}
        said = one_source(tmp_path, chats(5)).model_dump(mode="json")
        return Recipe.model_validate({**said, "decontaminate": plan})

    assert checked(stated("question"), tmp_path).benchmarks == {"gsm": {"evals.jsonl": 1}}
    with pytest.raises(RecipeError, match=r"benchmark gsm: evals\.jsonl: row 0 has no text in field 'ask'"):
        checked(stated("ask"), tmp_path)


def test_auto_is_recognised_and_refused_as_in_a_build(tmp_path: Path) -> None:
    """The format is told, and rows that have none end the check in the build's sentence."""
    (source,) = checked(one_source(tmp_path, chats(5), format="auto"), tmp_path).sources
    assert (source.format, source.recognised) == ("sharegpt", True)
    with pytest.raises(RecipeError, match="in no layout that is known"):
        checked(one_source(tmp_path, [{"left": "a", "right": "b"}], format="auto"), tmp_path)
    with pytest.raises(SourceNotFound, match="no file matches"):
        checked(one_source(tmp_path, [], files=["none.jsonl"]), tmp_path)


def test_the_command_speaks_to_people_and_machines(run, tmp_path: Path) -> None:
    """Exit code 0 with nothing to fix, 3 with something, 2 for a wrong recipe, 4 for a source not there."""
    rows = chats(20)
    write_rows(tmp_path / "rows.jsonl", rows)
    source = {"name": "a", "kind": "local", "files": ["rows.jsonl"], "format": "sharegpt"}
    stated = {"name": "m", "sources": [source], "mix": {"shares": {"a": 1}}}
    path = tmp_path / "mine.yaml"

    path.write_text(yaml.safe_dump(stated))
    code, out, err = run("check", path, "--store", tmp_path / "store")
    assert (code, err) == (0, "")
    for words in (
        "rows.jsonl → 1",
        "20 looked at of 20; 20 kept",
        "carries the loss",
        "nothing to fix",
        "limited by a",
    ):
        assert words in out
    assert not (tmp_path / "store").exists()

    write_rows(tmp_path / "rows.jsonl", [{**row, "loss_weights": 1} for row in rows])  # type: ignore[dict-item]
    code, out, _ = run("check", path, "--json")
    assert code == 3
    told = json.loads(out)
    assert told["sources"][0]["preview"]["kept"] == 20
    assert "looks like a weight" in told["mend"][0]

    path.write_text(yaml.safe_dump({**stated, "nme": 1}))
    assert run("check", path, "--json")[0] == 2
    path.write_text(yaml.safe_dump({**stated, "sources": [{**source, "files": ["gone.jsonl"]}]}))
    assert run("check", path)[0] == 4


def test_text_of_rows_does_not_steer_the_terminal(run, tmp_path: Path) -> None:
    """Neither that of an example nor names of columns and files."""
    rows = [{**chat_row(f"{n} [red]x[/red] \x1b]0;owned\x07", "b" * 9000), "we\x1bird": 1} for n in range(5)]
    write_rows(tmp_path / "rows.jsonl", rows)
    path = write_recipe(
        tmp_path / "mine.yaml",
        sources=[{"name": "a", "kind": "local", "files": ["rows.jsonl"], "format": "sharegpt"}],
        shares={"a": 1},
    )
    code, out, _ = run("check", path)

    assert "\x1b" not in out
    assert "\x07" not in out
    assert code == 3


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """An empty hub."""
    with serve() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


def table(rows: int, *, groups: int, words: int = 200) -> bytes:
    """Return a parquet file of chats that do not compress well."""
    sink = pa.BufferOutputStream()
    listed = [chat_row(f"Of {text(n)}?", os.urandom(words * 4).hex()) for n in range(rows)]
    pq.write_table(pa.Table.from_pylist(listed), sink, row_group_size=groups)
    return sink.getvalue().to_pybytes()


def on_hub(files: list[str], **changes: object) -> Recipe:
    """Return a recipe over one set of the hub."""
    source = {
        "name": "a",
        "kind": "hub",
        "dataset": "org/chats",
        "files": files,
        "format": "sharegpt",
        **changes,
    }
    return Recipe.model_validate({"name": "m", "sources": [source], "mix": {"shares": {"a": 1}}})


@pytest.mark.parametrize("groups", [500, 20_000])
def test_of_a_set_on_a_hub_a_part_of_one_file_is_fetched(
    groups: int, hub: LoopbackHub, tmp_path: Path
) -> None:
    """Footer and first pages of a table, in however large row groups; how much it was is said."""
    files = {f"data/train-{n}.parquet": table(6_000, groups=groups) for n in range(2)}
    commit = hub.add("org/chats", files)
    size = sum(map(len, files.values()))
    (source,) = checked(on_hub(["data/*.parquet"]), tmp_path).sources

    assert (source.commit, source.files, source.preview.read, source.preview.kept) == (commit, 2, 200, 200)
    assert 0 < source.fetched < min(MOST, 0.6 * size)
    assert (source.rows, source.exact, source.size) == (pytest.approx(12_000, rel=0.01), False, size)
    assert {Path(request.path).name for request in hub.bodies()} == {"train-0.parquet"}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.jsonl.gz", "rows.csv"])
def test_of_a_text_on_a_hub_the_beginning_is_fetched(name: str, hub: LoopbackHub, tmp_path: Path) -> None:
    """Four megabytes, in which a row may be cut off; it is not taken for a broken one."""
    import gzip  # noqa: PLC0415 - here alone

    rows = [{"question": f"{n}?", "answer": os.urandom(20_000).hex()} for n in range(400)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    content = {
        "rows.jsonl": lines,
        "rows.json": json.dumps(rows).encode(),
        "rows.jsonl.gz": gzip.compress(lines, 1),
        "rows.csv": (
            "question,answer\n" + "".join(f"{r['question']},{r['answer']}\n" for r in rows)
        ).encode(),
    }[name]
    hub.add("org/chats", {name: content})
    (source,) = checked(on_hub([name], format="qa"), tmp_path).sources

    assert source.fetched == 4 * 1024 * 1024
    assert 50 < source.preview.read <= 200
    assert source.preview.kept == source.preview.read
    assert 300 < source.rows < 500


def test_what_the_store_holds_is_not_fetched_again(hub: LoopbackHub, tmp_path: Path) -> None:
    """Nor is it a part of the download that is estimated."""
    files = {f"data/train-{n}.parquet": table(50, groups=50) for n in range(2)}
    commit = hub.add("org/chats", files)
    held = tmp_path / "store/hub/org/chats" / commit / "files/data/train-1.parquet"
    held.parent.mkdir(parents=True)
    held.write_bytes(files["data/train-1.parquet"])
    found = checked(on_hub(["data/*.parquet"]), tmp_path, downloads=tmp_path / "store")

    assert hub.bodies() == []
    assert (found.sources[0].fetched, found.sources[0].read_from) == (0, ("data/train-1.parquet",))
    assert found.estimate is not None
    assert found.estimate.download == len(files["data/train-0.parquet"])


def test_a_hub_that_breaks_off_is_asked_again(hub: LoopbackHub, tmp_path: Path) -> None:
    """What the first answer lacked, the second one brings."""
    hub.add("org/chats", {"a.parquet": table(50, groups=50)})
    hub.fault("*/a.parquet", "cut", after=100)
    (source,) = checked(on_hub(["*.parquet"]), tmp_path).sources

    assert (source.preview.read, source.exact) == (50, True)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reference material does not lie beside the checkout")
def test_a_check_of_real_rows_takes_few_seconds_of_a_core(tmp_path: Path) -> None:
    """Two sources of 25,755 rows: under eight seconds; interpreter and math-verify take four to start."""
    math = {"name": "math", "kind": "local", "format": "openmathreasoning", "thinking": "required"}
    math["files"] = [str(SHARED / "hub/nvidia/OpenMathReasoning/data/cot-*.parquet")]  # type: ignore[assignment]
    chat = {"name": "chat", "kind": "local", "format": "sharegpt"}
    chat["files"] = [str(SHARED / "hub/mlabonne/FineTome-100k/data/*.parquet")]  # type: ignore[assignment]
    path = write_recipe(tmp_path / "r.yaml", sources=[math, chat], shares={"math": 7, "chat": 3})
    before = os.times()
    ended = thinkmix("check", path, "--json")
    after = os.times()

    assert ended.returncode in (0, 3), ended.stderr
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    assert spent < 8
    told = json.loads(ended.stdout)
    assert [source["rows"] for source in told["sources"]] == [11_046, 14_709]
    assert [source["preview"]["read"] for source in told["sources"]] == [sampling.ROWS] * 2


def test_shipped_recipes_have_nothing_to_mend_that_stops_a_build() -> None:
    """The embedded mixture is estimated whole."""
    found = check(load("sample-7-3"), name="sample-7-3", downloads=Path("none"))

    assert found.estimate is not None
    assert {source.name for source in found.sources} == {"math", "chat", "tools"}
