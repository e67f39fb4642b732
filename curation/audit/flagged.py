"""A few rows of the mixture for each flag that rules gave, with the words that a rule marks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from thinkmix.curation.audit.samples import CHARACTERS, EACH, SampledShard, cut_around, places_of
from thinkmix.curation.files.shards import read_groups
from thinkmix.curation.rules.contract import said
from thinkmix.schemas.ledger import VALIDATE
from thinkmix.schemas.report import Sample

_READ = ["source", "conversation_id", "turn", "flags"]
_ORDER = ["source", "flag", "conversation_id", "turn"]
_FOUND = {"source": pl.String, "conversation_id": pl.String, "turn": pl.Int64, "flag": pl.String}
_PLACE = {"path": pl.Int64, "group": pl.Int64, "place": pl.Int64}


def flagged_samples(
    shards: Sequence[Path],
    sampled: Sequence[SampledShard],
    *,
    each: int = EACH,
    characters: int = CHARACTERS,
) -> tuple[Sample, ...]:
    """Return up to `each` rows of the mixture per source and flag, by smallest id.

    The reason of each is its flag. A row is shown by its longest example, which holds most of its turns.

    Args:
        shards: published shards, schema `tables.EXAMPLES` with flags; of each, only the row groups that hold
            a row that is shown are read whole.
        sampled: what was sampled of each shard of the sources: where a row comes from.
        each: rows per source and flag.
        characters: how much of a row is shown.
    """
    best = pl.DataFrame(schema={**_FOUND, **_PLACE})
    for number, path in enumerate(shards):
        for group, rows in enumerate(read_groups(path, columns=_READ)):
            found = (
                rows.with_columns(
                    path=pl.lit(number, dtype=pl.Int64),
                    group=pl.lit(group, dtype=pl.Int64),
                    place=pl.int_range(pl.len(), dtype=pl.Int64),
                )
                .explode("flags", empty_as_null=True)
                .drop_nulls("flags")
                .rename({"flags": "flag"})
                .select(best.columns)
            )
            best = pl.concat([best, found]).sort(_ORDER, descending=[False, False, False, True])
            best = best.unique(_ORDER[:3], keep="first", maintain_order=True)
            best = best.filter(pl.int_range(pl.len()).over("source", "flag") < each)
    places = places_of(sampled, best.select(id="conversation_id").unique())
    shown: dict[tuple[str, str, str], Sample] = {}
    for (number, group), rows in best.group_by("path", "group"):
        with pq.ParquetFile(shards[int(str(number))]) as file:
            columns = ["messages", "checks"]
            whole = file.read_row_group(int(str(group)), columns=columns, use_threads=False)
        for row in rows.iter_rows(named=True):
            messages, checks = (whole[name][row["place"]].as_py() for name in columns)
            check = next(one for one in checks if one["rule"] == row["flag"])
            key = (row["source"], row["conversation_id"])
            where = places[key][0] if places.get(key) else ("", 0)
            shown[(*key, row["flag"])] = _sample(row, where, messages, check, characters)
    order = best.select("source", "conversation_id", "flag").iter_rows()
    return tuple(shown[key] for key in order)


def _sample(
    row: Mapping[str, Any],
    where: tuple[str, int],
    messages: Sequence[Mapping[str, Any]],
    check: Mapping[str, Any],
    characters: int,
) -> Sample:
    evidence = check["evidence"]
    text, highlight = evidence["text"], None
    number = evidence["message"]
    if number is not None and number < len(messages):  # an example ends with the turn that it teaches
        part = "reasoning_content" if evidence["part"] == "reasoning" else "content"
        text = messages[number][part] or ""
        if evidence["end"] <= len(text):
            highlight = (evidence["start"], evidence["end"])
    content, highlight = cut_around(text, highlight, characters)
    return Sample(
        id=row["conversation_id"],
        source=row["source"],
        file=where[0],
        row=where[1],
        stage=VALIDATE,
        reason=row["flag"],
        detail=said(check["value"], evidence),
        content=content,
        highlight=highlight,
    )
