"""The language of file patterns: the same on a hub's list of names as on a disk."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.flows.sources.local import _glob
from thinkmix.flows.sources.patterns import match_names, nearest

NAMES = [
    "a.jsonl",
    "data/train.jsonl",
    "data/part[1].jsonl",
    "data/part1.jsonl",
    "data/old/train.jsonl",
    "data/old/er/train.jsonl",
    "data/.cache/x.jsonl",
    ".hidden.jsonl",
]


@pytest.mark.parametrize(
    ("pattern", "want"),
    [
        ("*.jsonl", ["a.jsonl"]),
        ("data/*.jsonl", ["data/train.jsonl", "data/part[1].jsonl", "data/part1.jsonl"]),
        ("data/*/*.jsonl", ["data/old/train.jsonl"]),
        ("**/train.jsonl", ["data/train.jsonl", "data/old/train.jsonl", "data/old/er/train.jsonl"]),
        ("data/old/**", ["data/old/train.jsonl", "data/old/er/train.jsonl"]),
        ("data/**/er/*", ["data/old/er/train.jsonl"]),
        ("**/a.jsonl", ["a.jsonl"]),
        ("?.jsonl", ["a.jsonl"]),
        ("[!b].jsonl", ["a.jsonl"]),
        ("data/part[[]1].jsonl", ["data/part[1].jsonl"]),
        ("data/part[1].jsonl", ["data/part[1].jsonl"]),
        ("data/part[1-3].jsonl", ["data/part1.jsonl"]),
        ("./a.jsonl", ["a.jsonl"]),
        (".*.jsonl", [".hidden.jsonl"]),
        ("data/.cache/*", ["data/.cache/x.jsonl"]),
        ("data", []),
        ("A.jsonl", []),
    ],
)
def test_what_a_pattern_means(pattern: str, want: list[str]) -> None:
    """`*`, `?` and brackets stay inside a folder, `**` crosses folders, and an exact name is that file."""
    assert match_names(pattern, NAMES) == want


PARTS = st.sampled_from(
    ["*", "**", "a", "b", "a*", "?", "[ab]", "[!a]", "[a]", ".*", ".a", "*b", "[[]a]", "**b"]
)
FILES = st.sampled_from(["a", "b", "ab", ".a", "[a]", "[ab]"])
FOLDERS = st.sampled_from(["a", "b", ".a", "[a]", "ba"])


@given(
    st.lists(st.tuples(st.lists(FOLDERS, max_size=2), FILES), min_size=1, max_size=6),
    st.lists(PARTS, min_size=1, max_size=4),
)
def test_a_disk_and_a_list_of_names_agree(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[str], str]], parts: list[str]
) -> None:
    """One language for all kinds of sources."""
    base = tmp_path_factory.mktemp("tree")
    names = set()
    for folders, file in files:
        path = Path(base, *(f"{name}.d" for name in folders), file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        names.add(path.relative_to(base).as_posix())
    pattern = (
        "/".join(part if part == "**" else f"{part}.d" for part in parts[:-1])
        + "/" * (len(parts) > 1)
        + parts[-1]
    )
    on_disk = {path.relative_to(base).as_posix() for path in _glob(pattern, base)}
    assert on_disk == set(match_names(pattern, sorted(names)))


def test_names_that_are_alike_come_first_and_readable_ones_before_others() -> None:
    """Five of them, and how many more there are."""
    names = ["README.md", *(f"data/train-{n}.parquet" for n in range(9)), "data/test-0.parquet"]
    assert nearest("data/tset-*.parquet", names).startswith("'data/test-0.parquet', 'data/train-0.parquet', ")
    assert nearest("x", names).endswith(" and 6 more")
    assert nearest("README", ["README.md", "z.csv"]) == "'z.csv', 'README.md'"
    assert nearest("x", []) == "no files at all"
