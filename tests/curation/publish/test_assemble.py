"""Putting the sampled examples into published shards, in the order of sampling."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from thinkmix.curation.files import shards
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.publish import assemble
from thinkmix.curation.publish.assemble import partition, publish_shard, regions
from thinkmix.curation.sample.targets import assign_shards
from thinkmix.curation.tables import EXAMPLES


def example(number: int, text: str = "text") -> dict[str, Any]:
    return {
        "id": f"{number:04d}-1",
        "source": "s",
        "conversation_id": f"{number:04d}",
        "turn": 1,
        "thinking": False,
        "messages": [{"role": "user", "content": text, "reasoning_content": None, "tool_calls": None}],
        "tools": None,
        "prompt": f"prompt {number}",
        "completion": f"{text} {number}",
        "prompt_tokens": 2,
        "completion_tokens": 2,
    }


def selected(*rows: tuple[int, int, int], split: str = "train", size: int = 100) -> pl.DataFrame:
    """Make a selection of (place, copy, order) of one part."""
    return pl.DataFrame(
        [
            {"part": 0, "place": place, "split": split, "copy": copy, "order": order, "text_bytes": size}
            for place, copy, order in rows
        ],
        schema_overrides={"order": pl.UInt64, "place": pl.Int32},
    )


def targets(selection: pl.DataFrame, shard_bytes: int) -> list[str]:
    return assign_shards(selection, shard_bytes=shard_bytes)["target"].to_list()


def hashes(count: int) -> list[int]:
    """Return hashes that lie as far from each other as they can."""
    return [(2 * n + 1) * 2**63 // count for n in range(count)]


def test_shards_are_ranges_of_the_order_of_about_equal_size() -> None:
    """Names tell the place and the number of shards, per split."""
    train, held = (
        selected(*((n, 0, order) for n, order in enumerate(hashes(4)))),
        selected((9, 0, 0), split="eval"),
    )
    assert targets(pl.concat([held, train]), 200) == [
        "eval-00000-of-00001.parquet",
        *["train-00000-of-00002.parquet"] * 2,
        *["train-00001-of-00002.parquet"] * 2,
    ]


def test_an_example_larger_than_a_shard_leaves_no_gap() -> None:
    """The numbers run through, whatever the sizes."""
    sizes = [10, 5000, 10, 10, 5000, 10]
    rows = pl.concat(
        [
            selected((n, 0, order), size=size)
            for n, (order, size) in enumerate(zip(hashes(6), sizes, strict=True))
        ]
    )
    names = targets(rows, 100)
    assert [name[6:11] for name in names] == [f"{n:05d}" for n in range(6)]
    assert {name[15:20] for name in names} == {"00006"}


def test_a_row_more_or_less_leaves_the_others_where_they_are() -> None:
    """The shard of an example depends on its own hash, and on the size of the whole only coarsely."""
    rows = selected(*((n, 0, order) for n, order in enumerate(hashes(700))))
    names = targets(rows, 10_000)
    assert len(set(names)) == 8
    assert targets(rows[1:], 10_000) == names[1:]
    assert targets(rows[:-60], 10_000) == names[:-60]


@pytest.mark.parametrize(
    ("text", "shards"), [(100, 1), (101, 2), (25_600, 256), (102_400, 256), (102_401, 512)]
)
def test_a_large_mixture_has_larger_shards_before_it_has_more(text: int, shards: int) -> None:
    """Up to 256 of a hundred bytes, then 256 of up to four hundred, then more of these."""
    count = max(shards, 2)
    sizes = [text // count] * (count - 1)
    rows = pl.concat(
        [
            selected((n, 0, order), size=size)
            for n, (order, size) in enumerate(zip(hashes(count), [*sizes, text - sum(sizes)], strict=True))
        ]
    )
    assert len(set(targets(rows, 100))) == shards


def test_nothing_drawn_has_no_shards() -> None:
    """An empty selection stays empty."""
    assert targets(selected((0, 0, 0)).clear(), 100) == []


def spread(folder: Path, layout: list[list[int]], order: dict[int, int]) -> tuple[bytes, str]:
    """Publish the examples `order` from shards of the given layout; return bytes and digest."""
    folder.mkdir()
    parts = []
    for number, numbers in enumerate(layout):
        rows = pl.DataFrame([example(n) for n in numbers], schema=EXAMPLES, orient="row")
        write_shard(folder / f"examples-{number}", rows)
        sampled = [(place, 0, order[n]) for place, n in enumerate(numbers) if n in order]
        if sampled:
            chosen = selected(*sampled).with_columns(target=pl.lit("train-00000-of-00001.parquet"))
            places = partition(folder / f"examples-{number}", chosen, folder / f"{number}.arrow")
            parts += regions(folder / f"{number}.arrow", places["train-00000-of-00001.parquet"])
    content = publish_shard(parts, folder / "out.parquet")
    return (folder / "out.parquet").read_bytes(), content


ORDER = {n: (n * 7919) % 101 for n in range(0, 40, 2)}


def test_published_bytes_do_not_depend_on_the_layout_of_the_parts(tmp_path: Path) -> None:
    """However the examples were spread over shards, the published one is the same."""
    one = spread(tmp_path / "a", [list(range(40))], ORDER)
    two = spread(tmp_path / "b", [list(range(30, 40)), [*range(29, -1, -1)]], ORDER)
    three = spread(tmp_path / "c", [[n] for n in range(40)], ORDER)
    assert one == two == three
    rows = pl.read_parquet(tmp_path / "a/out.parquet")
    assert rows.schema == EXAMPLES
    assert rows["conversation_id"].to_list() == [f"{n:04d}" for n in sorted(ORDER, key=ORDER.__getitem__)]


def test_the_content_digest_does_not_depend_on_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another cut of the file is the same content; another order or text is not."""
    one = spread(tmp_path / "a", [list(range(40))], ORDER)
    monkeypatch.setattr(shards, "GROUP_BYTES", 300)
    two = spread(tmp_path / "b", [list(range(40))], ORDER)
    assert one[0] != two[0]
    assert one[1] == two[1]
    other = spread(tmp_path / "c", [list(range(40))], {**ORDER, 0: 10**6})
    assert other[1] != one[1]


def test_scattered_examples_go_to_their_targets_from_all_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each target gets exactly its examples, read by themselves out of one file for all targets."""
    monkeypatch.setattr(shards, "GROUP_BYTES", 300)
    monkeypatch.setattr(assemble, "_AT_ONCE", 300)
    rows = pl.DataFrame([example(n) for n in range(20)], schema=EXAMPLES, orient="row")
    write_shard(tmp_path / "examples", rows)
    chosen = selected(*((n, 0, n) for n in range(1, 20, 3)))
    chosen = chosen.with_columns(target=pl.Series([f"t{n % 2}" for n in range(chosen.height)]))
    places = partition(tmp_path / "examples", chosen, tmp_path / "parts")
    found = {}
    for target, batches in places.items():
        publish_shard(regions(tmp_path / "parts", batches), tmp_path / target)
        found[target] = pl.read_parquet(tmp_path / target)["id"].to_list()
    assert len(places["t0"]) > 1
    assert found == {
        "t0": ["0001-1", "0007-1", "0013-1", "0019-1"],
        "t1": ["0004-1", "0010-1", "0016-1"],
    }


def test_what_goes_to_a_shard_is_told_by_its_own_rows(tmp_path: Path) -> None:
    """Neighbours that go elsewhere change where a batch lies, and not its digest."""
    rows = [example(n) | {"tools": None if n % 3 else "[]", "thinking": n % 2 == 0} for n in range(12)]
    digests = []
    for name, texts in (("a", "text"), ("b", "another, longer text")):
        changed = [
            row if at % 4 == 1 else row | {"tools": texts, "thinking": True} for at, row in enumerate(rows)
        ]
        write_shard(tmp_path / name, pl.DataFrame(changed, schema=EXAMPLES, orient="row"))
        chosen = selected(*((n, 0, n) for n in range(12)))
        chosen = chosen.with_columns(target=pl.Series([f"t{n % 4}" for n in range(12)]))
        places = partition(tmp_path / name, chosen, tmp_path / f"{name}-parts")
        digests.append({target: [content for *_, content in found] for target, found in places.items()})
    one, two = digests
    assert {target for target in one if one[target] != two[target]} == {"t0", "t2", "t3"}


def test_copies_of_an_example_have_ids_of_their_own(tmp_path: Path) -> None:
    """`#2`, `#3`, in the order of sampling."""
    write_shard(tmp_path / "examples", pl.DataFrame([example(0), example(1)], schema=EXAMPLES, orient="row"))
    chosen = selected((0, 0, 9), (0, 1, 3), (0, 2, 5), (1, 0, 4)).with_columns(target=pl.lit("t"))
    places = partition(tmp_path / "examples", chosen, tmp_path / "parts")
    publish_shard(regions(tmp_path / "parts", places["t"]), tmp_path / "out")
    got = pl.read_parquet(tmp_path / "out")
    assert got["id"].to_list() == ["0000-1#2", "0001-1", "0000-1#3", "0000-1"]
    assert got["conversation_id"].to_list() == ["0000", "0001", "0000", "0000"]
