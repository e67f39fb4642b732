"""A few rows to read of each outcome: dropped ones around what they were dropped for, and kept ones."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from thinkmix.curation.audit.highlights import Highlight, find_highlight
from thinkmix.curation.files.shards import read_groups, read_many
from thinkmix.curation.sample import mix
from thinkmix.curation.sample.pools import bits
from thinkmix.curation.tables import REJECTS
from thinkmix.schemas.report import Sample

EACH = 3
"""Rows per source and reason, and rows of the mixture per source."""
CHARACTERS = 600
"""How much of a row is shown."""

_BEFORE = 200  # of the text before an offending place
_SHOWN = ["id", "source", "file", "row", "stage", "reason", "detail"]
_ORDER = ["source", "reason", "id", "file", "row"]
_READ_OF_KEPT = 256  # first rows of a published shard, in the random order of sampling, in which one looks
_PLACE = {"path": pl.Int64, "group": pl.Int64, "place": pl.Int64}


class SampledShard(NamedTuple):
    """One shard of a source, and what was sampled of it."""

    source: str
    file: str
    """The source's file that it is a part of."""
    sampled: Path
    """Schema `tables.SAMPLED`."""


def dropped_samples(
    rejects: Sequence[Path], *, each: int = EACH, characters: int = CHARACTERS
) -> tuple[Sample, ...]:
    """Return up to `each` dropped rows per source and reason, by smallest id, cut around the offending place.

    Args:
        rejects: shards of schema `tables.REJECTS`; of each, only the row groups that hold a row that is
            shown are read whole.
        each: rows per source and reason.
        characters: how much of a row is shown.
    """
    best = pl.DataFrame(schema={**{name: REJECTS[name] for name in _SHOWN}, **_PLACE})
    for number, path in enumerate(rejects):
        for group, rows in enumerate(read_groups(path, columns=_SHOWN)):
            places = rows.select(
                *_SHOWN,
                path=pl.lit(number, dtype=pl.Int64),
                group=pl.lit(group, dtype=pl.Int64),
                place=pl.int_range(pl.len(), dtype=pl.Int64),
            )
            # an exact copy of a row may stand beside it, in another file or in the same one
            best = pl.concat([best, places]).sort(_ORDER)
            best = best.filter(pl.int_range(pl.len()).over("source", "reason") < each)
    shown = {}
    for (number, group), rows in best.group_by("path", "group"):
        with pq.ParquetFile(rejects[int(str(number))]) as file:
            whole = file.read_row_group(int(str(group)), columns=["content"], use_threads=False)["content"]
        for row in rows.iter_rows(named=True):
            content = whole[row["place"]].as_py()
            shown[row["path"], row["group"], row["place"]] = _sample(row, content, characters)
    return tuple(shown[key] for key in best.select(*_PLACE).iter_rows())


def kept_samples(
    shards: Sequence[Path], sampled: Sequence[SampledShard], *, each: int = EACH, characters: int = CHARACTERS
) -> tuple[Sample, ...]:
    """Return up to `each` rows of the mixture per source, of those that stand first in it.

    A source without a row among the first ones has no sample: it is a very small part of the mixture.

    Args:
        shards: published shards, schema `tables.EXAMPLES`, in the order of sampling.
        sampled: what was sampled of each shard of the sources: where a row comes from.
        each: rows per source.
        characters: how much of a row is shown, shared by its turns.
    """
    found: dict[str, dict[str, str]] = {}
    for example in _first_examples(shards):
        known = found.setdefault(example["source"], {})
        if len(known) < each and example["conversation_id"] not in known:
            known[example["conversation_id"]] = _told(example["messages"], characters)
    wanted = [(source, row_id, text) for source, rows in found.items() for row_id, text in rows.items()]
    places = places_of(sampled, pl.DataFrame({"id": [row_id for _, row_id, _ in wanted]}, {"id": pl.String}))
    kept = [
        Sample(
            id=row_id,
            source=source,
            file=file,
            row=row,
            stage=mix.STAGE,
            reason="",
            detail=None,
            content=text,
        )
        for source, row_id, text in sorted(wanted)
        for file, row in places.get((source, row_id), ())[:1]
    ]
    return tuple(kept)


def _sample(row: Mapping[str, Any], content: str, characters: int) -> Sample:
    highlight = find_highlight(row["reason"], row["detail"] or "", content)
    text, highlight = cut_around(content, highlight, characters)
    return Sample(**{name: row[name] for name in _SHOWN}, content=text, highlight=highlight)


def cut_around(content: str, highlight: Highlight | None, characters: int) -> tuple[str, Highlight | None]:
    """Return `characters` of the text from shortly before the span on, and where the span lies in them."""
    if highlight is None:
        return content[:characters], None
    # the text before tells more than the text after, but not if all of it fits
    start = max(0, min(highlight[0] - min(_BEFORE, characters // 3), len(content) - characters))
    text = content[start : start + characters]
    return text, (highlight[0] - start, min(highlight[1] - start, len(text)))


def _first_examples(shards: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    columns = ["source", "conversation_id", "messages"]
    for path in shards:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_READ_OF_KEPT, row_groups=[0], columns=columns):
                yield from batch.to_pylist()
                break


def _told(messages: Sequence[Mapping[str, Any]], characters: int) -> str:
    """Return what is said in a conversation, by whom; long texts are cut so that each speaker is heard."""
    parts = [
        (speaker, text)
        for message in messages
        for speaker, text in (
            (f"{message['role']} (thinking)", message["reasoning_content"]),
            (message["role"], message["content"]),
        )
        if text
    ]
    each = max(characters // max(len(parts), 1), characters // 6)
    told = "\n".join(
        f"{speaker}: {text if len(text) <= each else text[: each - 1] + '…'}" for speaker, text in parts
    )
    return told[: 2 * characters]


def places_of(
    sampled: Sequence[SampledShard], wanted: pl.DataFrame
) -> Mapping[tuple[str, str], list[tuple[str, int]]]:
    """Return file and row of sampled rows; rows of one id are copies, and one of them is sampled."""
    keys = wanted.select(name="id", id=bits("id", 0))
    places: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for rows in read_many([shard.sampled for shard in sampled], ["id", "row"]):
        found = rows.join(keys, on="id").select("shard", "name", "row").unique()
        for number, name, row in found.sort("shard", "name", "row").iter_rows():
            places.setdefault((sampled[number].source, name), []).append((sampled[number].file, row))
    return places
