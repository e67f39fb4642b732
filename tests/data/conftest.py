"""The committed sample, row by row, for the tests of this folder."""

import json
from collections import defaultdict
from pathlib import Path

import orjson
import polars as pl
import pytest

from thinkmix.schemas.reasons import Reason
from tools.generate.files import SHARDS

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
SOURCE_OF = {name: source for source, names in SHARDS.items() for name in names}


def _raw(name):
    path = SAMPLES / name
    if path.suffix == ".jsonl":
        return path.read_text(encoding="utf-8").splitlines()
    return pl.read_parquet(path).to_dicts()


@pytest.fixture(scope="package")
def groups():
    """Planted groups: `count` of the `rows` (file, row) of a `source` leave for a `reason`."""
    text = (SAMPLES / "planted_rows.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="package")
def rows():
    """All rows by (file, row); those of the jsonl as text."""
    return {(name, at): row for name in SOURCE_OF for at, row in enumerate(_raw(name))}


def _by_source(rows, left_out):
    found = defaultdict(list)
    for place, row in rows.items():
        if place not in left_out:
            found[SOURCE_OF[place[0]]].append(orjson.loads(row) if isinstance(row, str) else row)
    return found


@pytest.fixture(scope="package")
def clean_rows(rows, groups):
    """Rows that no group names, by source."""
    return _by_source(rows, {tuple(place) for group in groups for place in group["rows"]})


@pytest.fixture(scope="package")
def sound_rows(rows, groups):
    """Rows that hold a conversation, whatever deduplication or length make of it later, by source."""
    later = {Reason.EXACT_DUP, Reason.NEAR_DUP, Reason.SOLUTION_CAP, Reason.TOO_LONG}
    faulty = {tuple(place) for group in groups if group["reason"] not in later for place in group["rows"]}
    return _by_source(rows, faulty)
