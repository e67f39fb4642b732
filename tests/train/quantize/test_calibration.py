"""A sample stands for the mixture: every kind of row its share, none held out, the same wherever rows lie."""

import json

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.templates.chat.tokenizer import reference_tokenizer
from thinkmix.train.data.rows import index_rows, read_manifest
from thinkmix.train.quantize.calibration import (
    calibration_ids,
    quotas,
    read_sampled,
    sample_calibration,
    write_sampled,
)


@pytest.fixture
def index(digest_of):
    """Open the training rows of a version."""

    def rows(version, *, max_tokens=16_384):
        manifest = read_manifest(version, digest=digest_of(version))
        return index_rows(version, manifest, split="train", max_tokens=max_tokens)

    return rows


@pytest.fixture(scope="module")
def mixed(chat):
    """Give 120 rows: 60 replies, 40 traces, 20 of them long, each different."""
    short = [chat(f"Say {n}.", f"{n}!") for n in range(60)]
    traces = [chat(f"{n} + 2 = ?", f"It is {n + 2}.", reasoning=f"{n} plus 2") for n in range(40)]
    return short + traces + [chat(f"{n} - 2 = ?", "So.", reasoning="hm, " * (150 + n)) for n in range(20)]


SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=12)


@given(SIZES, st.integers(0, 400))
def test_quotas_add_up_and_no_stratum_is_empty_or_overdrawn(sizes, more):
    """Whatever the sizes: the sum is exact, each gives at least one row and at most all it has."""
    count = len(sizes) + more
    sampled = quotas(sizes, count)
    assert sum(sampled) == min(count, sum(sizes))
    assert all(1 <= mine <= size for mine, size in zip(sampled, sizes, strict=True))


@given(SIZES, st.integers(0, 100))
def test_one_row_more_takes_none_away(sizes, more):
    """A sample of one row more holds the smaller sample: no stratum gives less."""
    fewer, count = quotas(sizes, len(sizes) + more), len(sizes) + more + 1
    assert all(a <= b for a, b in zip(fewer, quotas(sizes, count), strict=True))


@pytest.mark.parametrize(
    ("sizes", "count", "want"),
    [
        ([700, 300], 100, [70, 30]),
        ([990, 9, 1], 100, [98, 1, 1]),
        ([5, 5], 100, [5, 5]),
        ([1000, 1, 1], 3, [1, 1, 1]),
    ],
)
def test_quotas_are_proportional(sizes, count, want):
    """Large strata give their share, small ones a single row."""
    assert quotas(sizes, count) == want


def test_every_source_mode_and_length_is_drawn_by_its_share(publish, mixed, index):
    """Of 60, 40 and 20 rows in three strata, a sample of 30 takes 15, 10 and 5."""
    sample = sample_calibration(index(publish(mixed)), count=30, seed=1)
    told = [(s.source, s.mode, s.up_to, s.available, s.sampled) for s in sample.strata]
    assert told == [
        ("chat", "non_thinking", 256, 60, 15),
        ("math", "thinking", 256, 40, 10),
        ("math", "thinking", 512, 20, 5),
    ]
    rows = read_sampled(sample)
    assert [sum(row.source == source for row in rows) for source in ("chat", "math")] == [15, 15]
    assert sum(len(row.input_ids) > 256 for row in rows) == 5
    assert all((row.mode == "thinking") == (row.source == "math") for row in rows)


def test_the_draw_depends_on_no_position(publish, mixed, index, tmp_path):
    """Other order, other shards, other row groups: the same bytes in both files."""
    for name, rows, shards in (("one", mixed, 1), ("two", mixed[::-1], 4)):
        sample = sample_calibration(index(publish(rows, shards=shards, name=name)), count=30, seed=1)
        (tmp_path / f"{name}-out").mkdir()
        write_sampled(read_sampled(sample), tmp_path / f"{name}-out")
    for file in ("calibration.jsonl", "calibration.parquet"):
        assert (tmp_path / "one-out" / file).read_bytes() == (tmp_path / "two-out" / file).read_bytes(), file


def test_a_larger_draw_holds_the_smaller_and_another_seed_draws_others(publish, mixed, index):
    """Seeds decide which rows, the count only how many."""
    rows = index(publish(mixed))
    names = {
        (count, seed): {row.id for row in read_sampled(sample_calibration(rows, count=count, seed=seed))}
        for count, seed in ((10, 1), (30, 1), (30, 2))
    }
    assert names[10, 1] < names[30, 1]
    assert len(names[30, 1] & names[30, 2]) < 20


def test_no_row_is_drawn_twice_and_none_is_held_out(publish, mixed, index):
    """Copies of a repeated row count as that row; all that can be sampled are the training rows, once each."""
    train = mixed[10:]
    copies = [{**row, "id": f"{row['id']}#2"} for row in train[:40]]
    version = publish(train + copies, held_out=mixed[:10])
    sampled = read_sampled(sample_calibration(index(version), count=1000, seed=1))
    assert sorted(row.id for row in sampled) == sorted(row["id"] for row in train)


def test_text_is_whole_and_ids_are_its_tokens(publish, mixed, index, tmp_path):
    """Each line is prompt and completion; the ids are what the official tokenizer makes of it, unpadded."""
    by_text = {row["prompt"] + row["completion"]: row for row in mixed}
    write_sampled(read_sampled(sample_calibration(index(publish(mixed)), count=12, seed=1)), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "calibration.jsonl").read_text().splitlines()]
    table = pl.read_parquet(tmp_path / "calibration.parquet")
    for line, row in zip(lines, table.iter_rows(named=True), strict=True):
        published = by_text[line["text"]]
        assert line == {"text": line["text"], "source": published["source"]}
        assert row["id"] == published["id"]
        assert row["input_ids"] == reference_tokenizer().encode(line["text"], add_special_tokens=False).ids
        assert row["attention_mask"] == [1] * row["tokens"]
        assert (row["tokens"], row["prompt_tokens"]) == (len(row["input_ids"]), published["prompt_tokens"])
        assert row["mode"] == ("thinking" if published["thinking"] else "non_thinking")


def test_adapters_begin_from_the_same_rows(publish, mixed, index, digest_of, tmp_path):
    """`calibration_ids` gives the ids of the parquet file, in its order, for the same plan."""
    version, plan = publish(mixed), TrainPlan(seed=3, max_tokens=256)
    sample = sample_calibration(index(version, max_tokens=256), count=20, seed=3)
    write_sampled(read_sampled(sample), tmp_path)
    got = calibration_ids(version, digest=digest_of(version), plan=plan, rows=20)
    want = pl.read_parquet(tmp_path / "calibration.parquet")["input_ids"].to_list()
    assert got == want
    assert max(map(len, want)) <= 256


def test_text_that_is_not_drawn_stays_unread(publish, mixed, index):
    """With the text of all other row groups destroyed, the rows of sampling are still read."""
    version = publish(mixed)
    sample = sample_calibration(index(version), count=3, seed=1)
    want = [row.text for row in read_sampled(sample)]
    wanted = sample.rows.frame["position"].to_numpy() // 5  # row groups of five
    path = version / "train-00000.parquet"
    data, groups = bytearray(path.read_bytes()), pq.read_metadata(path)
    for group in set(range(groups.num_row_groups)) - set(wanted.tolist()):
        for column in range(groups.num_columns):
            chunk = groups.row_group(group).column(column)
            if chunk.path_in_schema in ("prompt", "completion"):
                start = chunk.dictionary_page_offset or chunk.data_page_offset
                data[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    path.write_bytes(data)
    assert [row.text for row in read_sampled(sample)] == want
    with pytest.raises(OSError, match=r"."):
        pq.read_table(path, columns=["prompt"])


def test_what_cannot_be_drawn_is_said(publish, mixed, index):
    """Fewer rows than kinds, and a mixture without a row that fits, are refused; long rows are counted."""
    version = publish(mixed)
    with pytest.raises(TrainError, match=r"2 rows are fewer than the 3 kinds .*: sample at least 3"):
        sample_calibration(index(version), count=2, seed=1)
    with pytest.raises(TrainError, match="no row to sample from; 120 are longer"):
        sample_calibration(index(version, max_tokens=5), count=10, seed=1)
    assert sample_calibration(index(version, max_tokens=256), count=10, seed=1).rows.too_long == 20


def test_the_order_mixes_kinds(publish, mixed, index):
    """A quantiser that takes the first rows sees every source among them."""
    sampled = read_sampled(sample_calibration(index(publish(mixed)), count=120, seed=1))
    assert {row.source for row in sampled[:10]} == {"chat", "math"}
    assert np.mean([row.source == "chat" for row in sampled[:60]]) == pytest.approx(0.5, abs=0.2)
