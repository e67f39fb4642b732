"""What `select` keeps of a source's rows, one by one and by columns alike."""

import polars as pl
import pyarrow as pa
import pytest
from pydantic import ValidationError

from thinkmix.curation.answers.statuses import NONE
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawBatch, RawSlice
from thinkmix.curation.rules.contract import Judging
from thinkmix.curation.rules.selection import CRITERIA, Select, Stated, failures
from thinkmix.curation.rules.wrong_answer import WrongAnswer
from thinkmix.curation.validate import rowwise
from thinkmix.curation.validate.rowwise import Origin
from thinkmix.flows.sources.local_source import LocalSource

FACTS = (0.5, "proof", "qwq", 100)

LIMITS = {"pass_rate": (0.5, 0.5), "text_bytes": (100, 100), "turns": (2, 2)}

CASES = [
    ({"with": ("loop",)}, ["repetition"], "it has none of the flags loop"),
    ({"without": ("loop",)}, ["loop"], "it has the flag loop"),
    ({"pass_rate": (0.6, 1.0)}, [], "its pass rate is 0.5, not from 0.6 to 1"),
    ({"problem_types": ("answer",)}, [], "its problem type is proof"),
    ({"solvers": ("r1",)}, [], "its solver is qwq"),
    ({"verified": True}, [], "its answer is not verified"),
    ({"text_bytes": (0, 99)}, [], "its text in bytes is 100, not from 0 to 99"),
    ({"turns": (3, 9)}, [], "its number of turns is 2, not from 3 to 9"),
]


@pytest.mark.parametrize(("stated", "flags", "says"), CASES)
def test_a_row_that_fails_a_criterion_says_which(stated, flags, says):
    """And a row at the limit stays."""
    (name,) = stated
    assert list(failures(Select.of(Stated(**stated)), flags, FACTS, NONE, 2)) == [(name, says)]
    kept = {name: LIMITS[name]} if name in LIMITS else {}
    assert list(failures(Select.of(Stated(**kept)), flags, FACTS, NONE, 2)) == []


def test_every_criterion_is_asked_in_its_order():
    """A row that fails all of them names each once; the first is its detail."""
    every = {name: value for stated, *_ in CASES for name, value in stated.items()}
    assert set(every) == set(CRITERIA) == set(Stated.model_fields)
    failed = [
        name for name, _ in failures(Select.of(Stated(**every)), ["none"], (None, None, None, 100), None, 2)
    ]
    assert failed == [name for name in CRITERIA if name != "without"]


def test_what_is_not_stated_is_in_no_band():
    """A row without a pass rate is left out by a band, and says so."""
    found = failures(Select(pass_rate=(0.0, 1.0)), [], (None, None, None, 0), None, 1)
    assert [why for _, why in found] == ["its pass rate is not stated, not from 0 to 1"]


@pytest.mark.parametrize(
    "stated", [{"pass_rate": [0.9, 0.1]}, {"pass_rate": [0, 2]}, {"turns": [1]}, {"solver": ["a"]}]
)
def test_what_no_row_can_be_is_refused(stated):
    """A band is ascending, and no setting has another name."""
    with pytest.raises(ValidationError):
        Stated.model_validate(stated)


@pytest.mark.parametrize(
    ("select", "kept"),
    [
        (Select(pass_rate=(0.2, 0.6)), [1, 2]),
        (Select(problem_types=("has_answer_extracted",), solvers=("qwq",)), [0, 3]),
        (Select(verified=True), [0, 2]),
        (Select(text_bytes=(0, 90)), [0, 1, 2, 3]),
        (Select(turns=(3, 9)), []),
    ],
)
def test_columns_select_the_rows_that_are_selected_one_by_one(select, kept):
    """Of a table, whose clean rows are judged by columns, and of its rows judged one by one."""
    table = pa.table(
        {
            "problem": [f"What is {n} + 1?" for n in range(5)],
            "generated_solution": [
                f"<think>hm {'x' * 99 * (n == 4)}</think>\\boxed{{{n + 1 if n != 1 else 9}}}"
                for n in range(5)
            ],
            "expected_answer": ["1", "2", "3", None, "x y"],
            "problem_type": ["has_answer_extracted"] * 4 + ["no_answer_extracted"],
            "pass_rate_72b_tir": ["0.1", "0.2", "0.6", "n/a", "0.9"],
            "generation_model": ["qwq", "r1", "r1", "qwq", "qwq"],
        }
    )
    (batch,) = table.to_batches()
    source = LocalSource(name="s", files=("f.parquet",), format={"type": "openmathreasoning"})
    judging = Judging((WrongAnswer(action="flag"),), select)
    origin = Origin(source, "f.parquet", judging=judging)
    raw = RawBatch(RawSlice(file="f.parquet", content=Blob("f.parquet", ""), row_groups=(0, 1)), 0, batch)

    frames = rowwise._batch_frames(raw, origin, 10**6, rowwise.Sight("s"))
    by_columns = [pl.concat(each) for each in zip(*frames, strict=True)]
    judged = [rowwise.judge(row, origin=origin, max_row_bytes=10**6) for row in raw.rows(max_row_bytes=10**6)]
    one_by_one = list(rowwise.apply_rules(judged, origin))

    assert by_columns[0]["row"].to_list() == kept
    assert [item.row.number for item in one_by_one if item.conversation] == kept
    told = {item.row.number: item.detail for item in one_by_one if not item.conversation}
    assert dict(by_columns[1].select("row", "detail").iter_rows()) == told
    assert set(by_columns[1]["reason"]) <= {"not_selected"}
