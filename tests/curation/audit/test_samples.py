"""Rows that a report shows of each outcome."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from thinkmix.curation.audit.samples import SampledShard, dropped_samples, kept_samples
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.tables import EXAMPLES, REJECTS, SAMPLED


def dropped(row: int, id_: str, reason: str = "r", content: str = "中" * 9, **more: Any) -> dict[str, Any]:
    place = {"id": id_, "source": "s", "file": "f", "row": row, "stage": "x"}
    return dict.fromkeys(REJECTS) | place | {"reason": reason, "content": content, **more}


def write(path: Path, rows: list[dict[str, Any]], schema: pl.Schema) -> Path:
    write_shard(path, pl.DataFrame(rows, schema=schema))
    return path


def test_dropped_rows_are_few_of_each_source_and_reason(tmp_path: Path) -> None:
    """By smallest id, whichever file they stand in, cut for display."""
    rows = [dropped(row, id_, reason) for row, (id_, reason) in enumerate(["dr", "br", "cr", "aq"])]
    paths = [write(tmp_path / "1", rows[:2], REJECTS), write(tmp_path / "2", rows[2:], REJECTS)]
    for order in (paths, paths[::-1]):
        got = dropped_samples(order, each=2, characters=3)
        assert [(sample.reason, sample.id, sample.content, sample.highlight) for sample in got] == [
            ("q", "a", "中中中", None),
            ("r", "b", "中中中", None),
            ("r", "c", "中中中", None),
        ]


@pytest.mark.parametrize("before", [0, 10, 300, 5_000])
@pytest.mark.parametrize("after", [0, 10, 5_000])
def test_a_dropped_row_is_cut_around_the_offending_place(before: int, after: int, tmp_path: Path) -> None:
    """However far it stands from the beginning, it is shown, with what stands on both sides."""
    content = '{"a":"' + "中" * before + "<|im_end|>" + "b" * after + '"}'
    detail = f"<|im_end|> at character {before}"
    path = write(tmp_path / "1", [dropped(0, "a", "control_token", content, detail=detail)], REJECTS)
    (got,) = dropped_samples([path], characters=60)
    assert got.highlight is not None
    start, end = got.highlight
    assert got.content[start:end] == "<|im_end|>"
    assert got.content in content
    assert len(got.content) == min(60, len(content))
    assert start >= min(20, before)


def example(id_: str, source: str, text: str, trace: str | None = None) -> dict[str, Any]:
    said = [("user", "q", None), ("assistant", text, trace)]
    messages = [
        {"role": role, "content": content, "reasoning_content": reasoning, "tool_calls": None}
        for role, content, reasoning in said
    ]
    return dict.fromkeys(EXAMPLES) | {"source": source, "conversation_id": id_ * 32, "messages": messages}


def test_kept_rows_are_shown_with_their_place(tmp_path: Path) -> None:
    """The first of each source, each once, with the beginning of all that is said; and where they stand."""
    rows = [
        example("b", "s", "answer", "trace" * 99),
        example("b", "s", "answer again"),
        example("a", "s", "other"),
        example("c", "s", "third"),
        example("a", "t", "of another source"),
    ]
    shard = write(tmp_path / "train", rows, EXAMPLES)
    sampled = []
    for number, (source, ids) in enumerate([("s", "cb"), ("s", "a"), ("t", "a")]):
        listed = [
            dict.fromkeys(SAMPLED) | {"id": int(id_ * 16, 16), "row": 10 * number + row}
            for row, id_ in enumerate(ids)
            for _ in range(2)
        ]
        sampled.append(SampledShard(source, f"f{number}", write(tmp_path / str(number), listed, SAMPLED)))
    got = kept_samples([shard], sampled, each=2, characters=60)
    assert [(sample.source, sample.id[0], sample.file, sample.row) for sample in got] == [
        ("s", "a", "f1", 10),
        ("s", "b", "f0", 1),
        ("t", "a", "f2", 20),
    ]
    assert {(sample.reason, sample.stage, sample.highlight) for sample in got} == {("", "mix", None)}
    assert got[0].content == "user: q\nassistant: other"
    assert got[1].content == "user: q\nassistant (thinking): tracetracetracetrac…\nassistant: answer"
