"""The work of sampling: one round of it, and rendering what it asks of one slice, block by block."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.outputs import Make, numbered_name
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.read.read import RawSlice
from thinkmix.curation.sample import blocks, mix, render
from thinkmix.curation.sample.model_files import ModelFiles
from thinkmix.curation.sample.pools import PoolShard, read_pool
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.curation.sample.targets import assign_shards
from thinkmix.curation.validate.reading import Reading, Reopened, reopen
from thinkmix.templates.chat.families.contract import Family


def sample(
    out: Path,
    candidates: Sequence[tuple[str, Sequence[PoolShard]]],
    plan: MixPlan,
    seed: int,
    max_tokens: int,
) -> dict[str, object]:
    """Write what a round must have rendered, or, once all is known, what was sampled of each shard.

    `candidates` are the shards of each source, with its name.
    """
    pools = {name: read_pool(shards) for name, shards in candidates}
    mixture = mix.mix(pools, plan, seed=seed, max_tokens=max_tokens)
    if mixture.wanted.height:
        return {"rows": 0, "wanted": _write_wanted(mixture.wanted, out)}
    shares = [share.model_dump() for share in mixture.shares]
    sampled = assign_shards(mixture.selection)
    shards = [shard for _, shards in candidates for shard in shards]
    return {"rows": sampled.height, "shares": shares, "sampled": _write_sampled(sampled, shards, out)}


def _write_wanted(wanted: pl.DataFrame, out: Path) -> dict[str, list[str]]:
    """Write what is wanted of each shard, cut into blocks; return the digest of each block."""
    found = {}
    for (number,), rows in blocks.cut(wanted).partition_by("shard", include_key=False, as_dict=True).items():
        write_shard(out / numbered_name("wanted", number), rows)
        found[str(number)] = list(blocks.prints(rows, "block").values())
    return found


def _write_sampled(sampled: pl.DataFrame, shards: Sequence[PoolShard], out: Path) -> dict[str, str]:
    """Write what was sampled of each shard's parts; return the digest of what was sampled of each part.

    Without the numbers of shard and part: what follows then depends on what was sampled of it and no more.
    """
    places = {part.number: nth for shard in shards for nth, part in enumerate(shard.parts)}
    nth = pl.col("part").replace_strict(places, return_dtype=pl.Int32)
    by_part = sampled.with_columns(nth=nth).sort("shard", "nth", maintain_order=True)
    of = by_part.partition_by("shard", include_key=False, as_dict=True)
    found: dict[int, str] = {}
    for shard in shards:
        mine = of.get((shard.number,), by_part.clear().drop("shard"))
        write_shard(out / numbered_name("selection", shard.number), mine.drop("part"))
        found |= blocks.prints(mine.drop("nth"), "part")
    return {str(number): found.get(number, blocks.NOTHING) for number in places}


def render_blocks(
    piece: RawSlice,
    reading: Reading,
    max_row_bytes: int,
    model: ModelFiles,
    max_tokens: int,
    blocks: Sequence[Blob],
) -> Iterator[Make]:
    """Yield what renders each of the blocks of what is wanted (schema `tables.WANTED`), in one pass."""
    asked = _wanted(blocks)
    of_row = {row: nth for nth, rows in enumerate(asked) for row in rows["row"].unique().to_list()}
    reopened = reopen(piece, np.array(sorted(of_row), np.int64), reading=reading, max_row_bytes=max_row_bytes)
    by_block = groupby(reopened, key=lambda item: of_row[item.row])
    for rows, (_, mine) in zip(asked, by_block, strict=True):
        yield partial(_examples, piece, reading, mine, rows, model.family, max_tokens)


def _wanted(blocks: Sequence[Blob]) -> list[pl.DataFrame]:
    """Return the wanted examples of each block; they lie in one file, a block after another."""
    cut = pl.read_parquet(blocks[0].path).partition_by("block", maintain_order=True, include_key=False)
    return [cut[block.region[0]] for block in blocks]


def try_rows(
    piece: RawSlice,
    reading: Reading,
    max_row_bytes: int,
    model: ModelFiles,
    max_tokens: int,
    wanted: Path,
    first: int,
    last: int,
) -> int:
    """Render the wanted examples of the rows from `first` to before `last`, and keep nothing."""
    rows = pl.read_parquet(wanted)
    some = rows.filter(pl.col("row").is_between(first, last, closed="left")).drop("block").sort("row")
    numbers = some["row"].unique().sort().to_numpy()
    opened = reopen(piece, numbers, reading=reading, max_row_bytes=max_row_bytes)
    with TemporaryDirectory() as out:
        _examples(piece, reading, opened, some, model.family, max_tokens, Path(out))
    return last - first if rows.filter(pl.col("row") >= last).height else 0


def _examples(
    piece: RawSlice,
    reading: Reading,
    rows: Iterable[Reopened],
    asked: pl.DataFrame,
    family: Family,
    max_tokens: int,
    out: Path,
) -> dict[str, object]:
    made = render.render_rows(
        rows,
        asked,
        source=reading.source,
        family=family,
        max_tokens=max_tokens,
        out=out,
    )
    piece.check_unchanged()
    return {"rows": made}
