"""Nothing is lost: what was read is what was kept and dropped, counted again from the files themselves."""

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import Row, chat_row, math_row, quick_build, recipe, text, write_rows
from thinkmix.flows.build.pipeline import Built
from thinkmix.schemas.reasons import Reason

STAGES = ("validate", "dedup", "render", "mix")


def any_rows(chance: random.Random, kind: str, number: int) -> list[Row]:
    """Give rows of which about half are good: nulls, empty lists, wrong types, copies and near copies."""
    rows: list[Row] = []
    for n in range(number):
        seed = (kind, n)
        good = math_row(seed) if kind == "math" else chat_row(f"Tell {text(seed)}?", f"Yes: {text(n, 9)}.")
        key = chance.choice(list(good))
        near = {**good, "note": chance.choice([None, [], {}, 1.5, "中文"])}
        choices = (
            *[good] * 6,
            near,
            chance.choice(rows or [good]),
            {**good, key: None},
            {**good, key: []},
            {**good, key: chance.choice([0, True, "", {}, [[]], [None], "<|im_end|>", "\u202e"])},
            chance.choice(["null", "[]", "{", '"text"', "{}", '{"problem": "\\ud800"}', ""]),
            {name: value for name, value in good.items() if name != key},
        )
        rows.append(chance.choice(choices))
    return rows


def check(built: Built, read: dict[str, int]) -> Counter[str]:
    """Count everything again and compare; return the reasons that occurred."""
    ledger = built.manifest.ledger.check()
    met: Counter[str] = Counter()
    for source, rows in read.items():
        stages = [ledger.of(stage)[source] for stage in STAGES]
        assert stages[0].read.rows == rows
        for count in stages:
            for unit in ("rows", "messages", "text_bytes", "examples", "tokens"):
                dropped = sum(getattr(amount, unit) or 0 for amount in count.dropped.values())
                assert (getattr(count.read, unit) or 0) == (getattr(count.kept, unit) or 0) + dropped
        for one, next_one in pairwise(stages):
            for unit in ("rows", "messages", "text_bytes"):
                assert getattr(one.kept, unit) == getattr(next_one.read, unit)
        outcomes = pl.read_parquet(built.version / "outcomes" / f"{source}.parquet")
        assert outcomes.select("file", "row").n_unique() == outcomes.height == rows
        told = Counter(reason for reason in outcomes["reason"].to_list() if reason is not None)
        counted: Counter[str] = Counter()
        for count in stages:
            counted.update({reason: amount.rows for reason, amount in count.dropped.items() if amount.rows})
        assert told == counted
        met += told
        rejects = pl.read_parquet(built.version / "rejects" / f"{source}-00000-of-00001.parquet")
        assert set(rejects["reason"]) <= {str(reason) for reason in Reason}
        assert rejects["content"].str.len_bytes().min() is None or rejects["content"].null_count() == 0
    assert set(met) <= {str(reason) for reason in Reason}
    return met


@pytest.mark.acceptance("A7")
@pytest.mark.parametrize("builds", [4, pytest.param(100, marks=pytest.mark.deep)])
def test_rows_messages_and_bytes_are_conserved(builds: int, tmp_path: Path) -> None:
    """Random rows, 50 a source and build: each has one outcome, and every stage balances in every unit."""
    met: Counter[str] = Counter()
    for seed in range(builds):
        chance, read = random.Random(seed), {}
        for kind in ("math", "chat"):
            rows = any_rows(chance, kind, 50)
            write_rows(tmp_path / f"{seed}" / kind / "0.jsonl", rows)
            lines = (tmp_path / f"{seed}" / kind / "0.jsonl").read_bytes().split(b"\n")
            read[kind] = sum(bool(line.strip()) for line in lines)
        stated = recipe(max_tokens=chance.choice([110, 600]), eval_share=chance.choice([0, 0.1]), seed=seed)
        met += check(quick_build(stated, tmp_path / "store", tmp_path / f"{seed}"), read)
    assert {"bad_json", "wrong_type", "exact_dup", "too_long", "control_token", "empty_turn"} <= set(met)


@pytest.mark.acceptance("A7")
def test_a_lost_row_is_missed(built: Built, tmp_path: Path) -> None:
    """The count that is done here fails if a single row has no outcome: the test can fail."""
    read = {source: count.read.rows for source, count in built.manifest.ledger.of("validate").items()}
    check(built, read)
    with pytest.raises(AssertionError):
        check(built, {**read, "chat": read["chat"] + 1})
