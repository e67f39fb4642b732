"""A build that fails: the sentence that says what to change, and what is kept of its rows for people."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import chat_row, chat_rows, math_row, quick_build, recipe, text, write_rows
from thinkmix.flows.inspect.rejects import rejects
from thinkmix.flows.runs.failure import why
from thinkmix.flows.store.log import FAILED
from thinkmix.flows.store.paths import open_rows
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import MixtureError, NotFound, SourceEmpty, SourceNotFound
from thinkmix.schemas.run import FailedRun

GOOD = {"name": "good", "kind": "local", "files": ["good.jsonl"], "format": "sharegpt"}


def stated(**changes: object):
    """State a recipe of a good source and one that has something wrong with it."""
    mine = {"name": "mine", "kind": "local", "files": ["mine.jsonl"], "format": "sharegpt"}
    settings = changes.pop("settings", {})
    return recipe(
        name="t",
        sources=[GOOD, {**mine, **settings}],
        shares={"good": 0.5, "mine": 0.5},
        eval_share=0,
        **changes,
    )


def turns(number: int) -> list[dict[str, str]]:
    """Return a chat in the layout of `messages`."""
    return [
        {"role": "user", "content": f"What is {text(number)}?"},
        {"role": "assistant", "content": f"It is {number}."},
    ]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with the good source."""
    write_rows(tmp_path / "base" / "good.jsonl", chat_rows()[:20])
    return tmp_path / "base"


@pytest.fixture
def fail(base: Path, tmp_path: Path) -> Callable[..., str]:
    """Build with rows of the other source, and return why that failed."""

    def build(rows: Sequence[object] | bytes, **changes: object) -> str:
        if isinstance(rows, bytes):
            (base / "mine.jsonl").write_bytes(rows)
        else:
            write_rows(base / "mine.jsonl", rows)
        with pytest.raises(SourceEmpty) as raised:
            quick_build(stated(**changes), tmp_path / "store", base)
        return str(raised.value)

    return build


def failed(store: Path) -> FailedRun:
    """Return what the newest failed run left."""
    return FailedRun.model_validate_json((open_rows(store / "t") / FAILED).read_bytes())


def test_sentence_names_rows_reason_detail_columns_and_setting(fail: Callable[..., str]):
    """All that a person needs to mend the recipe is said at once, and where the rows are."""
    said = fail([{"dialog": turns(n)} for n in range(7)])
    assert said.startswith(
        "mine: 7 of 7 rows dropped: wrong_type 7 (conversations is missing, not a list; the first is "
        "mine.jsonl row 0); columns: dialog; see `format:`; did you mean `format: {type: messages, "
        "messages: dialog}`? The rows: thinkmix rejects "
    )


@pytest.mark.parametrize(
    ("rows", "changes", "says"),
    [
        ([{"instruction": text(n), "output": "Yes."} for n in range(5)], {}, "mean `format: alpaca`?"),
        (
            [{"conversations": turns(n)} for n in range(5)],
            {"settings": {"format": "alpaca"}},
            "did you mean `format: {type: messages, messages: conversations}`?",
        ),
        ([{"a": 1, "b": "x"}], {}, "columns: a, b; see `format:`."),
        ([], {}, "mine: its files hold no row (mine.jsonl)."),
        (
            [chat_row(f"{text(n)}?", "No.") for n in range(3)],
            {"settings": {"thinking": "required"}},
            "see `thinking:`.",
        ),
        (
            [math_row(n, trace=f"<think>\n{text(n, 500)}\n</think>\n\n") for n in range(3)],
            {"max_tokens": 300, "settings": {"format": "openmathreasoning"}},
            "mine: 3 of 3 rows dropped: too_long 3 (",
        ),
        ([{"chosen": text(n), "rejected": text(-n)} for n in range(3)], {}, "its rows are preferences"),
    ],
    ids=["other format", "other turns", "no format", "empty", "no trace", "too long", "preferences"],
)
def test_each_mistake_has_a_sentence_of_its_own(rows, changes, says: str, fail: Callable[..., str]):
    """What is wrong with a source is told apart by reason, setting and format."""
    assert says in fail(rows, **changes)


def test_other_encoding_is_named(fail: Callable[..., str]):
    """A file in another encoding is told from one that holds no JSON."""
    lines = [json.dumps(chat_row(f"第{n}个问题是什么？", "答案。"), ensure_ascii=False) for n in range(5)]
    said = fail("".join(f"{line}\n" for line in lines).encode("gb18030"))
    assert "not UTF-8 text, it may be gb18030: say `encoding: gb18030`" in said


def test_every_source_without_a_row_is_named(base: Path, tmp_path: Path):
    """Two mistakes take one build to find, not two."""
    for name in ("good", "mine"):
        write_rows(base / f"{name}.jsonl", [{"x": n} for n in range(3)])
    with pytest.raises(SourceEmpty, match=r"good: 3 of 3 rows dropped.* mine: 3 of 3 rows dropped"):
        quick_build(stated(), tmp_path / "store", base)


def test_history_keeps_counts_and_sentence(fail: Callable[..., str], tmp_path: Path):
    """The line of a failed run says how many rows were read and dropped, and why it failed."""
    said = fail([{"dialog": turns(n)} for n in range(7)])
    (line,) = Store(tmp_path / "store").log.runs("t")
    assert (line["status"], line["error"], line["read"], line["dropped"]) == ("failed", "source_empty", 27, 7)
    assert said.startswith(str(line["sentence"]))


def test_run_keeps_ledger_outcomes_and_rejects(fail: Callable[..., str], tmp_path: Path):
    """What the stages found out until then lies in the run's folder, as a version would hold it."""
    fail([{"dialog": turns(n)} for n in range(7)])
    folder = open_rows(tmp_path / "store" / "t")
    told = failed(tmp_path / "store")
    assert told.ledger.check().of("validate")["mine"].dropped["wrong_type"].rows == 7
    assert told.ledger.of("validate")["good"].kept.rows == 20
    outcomes = pl.read_parquet(folder / "outcomes" / "*.parquet")
    assert outcomes.group_by("source", "reason").len().sort("source").rows() == [
        ("good", None, 20),
        ("mine", "wrong_type", 7),
    ]
    found = rejects(folder, source="mine")
    assert (found.total, json.loads(found.rows[0].content or "")) == (7, {"dialog": turns(0)})


def test_rows_dropped_after_validation_are_kept_whole(fail: Callable[..., str], tmp_path: Path):
    """Rows that were too long lie in the run's folder with their text, and the ledger has the stage."""
    long = [math_row(n, trace=f"<think>\n{text(n, 500)}\n</think>\n\n") for n in range(3)]
    fail(long, max_tokens=300, settings={"format": "openmathreasoning"})
    found = rejects(open_rows(tmp_path / "store" / "t"), reason="too_long")
    assert [json.loads(row.content or "") for row in found.rows] == long
    assert failed(tmp_path / "store").ledger.check().of("render")["mine"].dropped["too_long"].rows == 3


def test_commands_on_rows_work_on_a_failed_run(fail: Callable[..., str], tmp_path: Path, run):
    """`rejects` and `explain` take the mixture's folder, although it has no version."""
    fail([{"dialog": turns(n)} for n in range(7)])
    mixture = tmp_path / "store" / "t"
    code, out, _ = run("rejects", mixture)
    assert (code, out.splitlines()[-1]) == (0, "7 of 7 dropped rows: wrong_type 7")
    row = json.loads(run("rejects", mixture, "--json")[1])["rows"][0]["id"]
    code, out, _ = run("explain", row, "--in", mixture)
    assert (code, "conversations is missing, not a list" in out) == (0, True)
    good = pl.read_parquet(open_rows(mixture) / "outcomes" / "good.parquet")["id"][0]
    code, out, _ = run("explain", good, "--in", mixture)
    assert code == 0
    assert "good so far: the build ended before it was sampled or left out" in out
    assert "· mix      not reached" in out


def test_a_version_is_still_what_the_mixture_means(fail: Callable[..., str], base: Path, tmp_path: Path):
    """Once a version is published, the mixture's folder means it, whatever later runs came to."""
    write_rows(base / "mine.jsonl", [chat_row(f"{text(n)}?", f"{text(-n)}.") for n in range(20)])
    built = quick_build(stated(), tmp_path / "store", base)
    fail([{"dialog": turns(n)} for n in range(7)])
    assert open_rows(tmp_path / "store" / "t") == built.version
    with pytest.raises(NotFound, match="neither a version"):
        open_rows(tmp_path / "store" / "other")


def test_source_that_is_gone_leaves_a_page_and_no_rows(base: Path, tmp_path: Path):
    """A run that ended before it read a row has a page, and its rows are none."""
    with pytest.raises(SourceNotFound):
        quick_build(stated(), tmp_path / "store", base)
    folder = open_rows(tmp_path / "store" / "t")
    assert rejects(folder).total == 0
    assert "The run ended before it had read a row." in (folder / "report.html").read_text(encoding="utf-8")


def test_sentences_hold_no_secret(monkeypatch: pytest.MonkeyPatch):
    """A token is taken out of our own sentences, and those of other errors are not copied at all."""
    monkeypatch.setenv("HF_TOKEN", "hf_canary0123456789")
    assert why(MixtureError("asked with hf_canary0123456789")) == "asked with ***"
    assert "hf_canary" not in why(ValueError("hf_canary0123456789"))
