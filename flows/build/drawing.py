"""The draw: examples are rendered, block by block, as far as it goes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.publish import assemble
from thinkmix.curation.sample import blocks, mix, render
from thinkmix.curation.sample.pools import Part, PoolShard, read_pool
from thinkmix.curation.validate import normalize
from thinkmix.flows.build.jobs import (
    NOT_OF_TEXT,
    Raw,
    Run,
    Shard,
    job,
    numbered,
    pass_job,
    row_settings,
    run_jobs,
    run_passes,
)
from thinkmix.flows.store.store import Make, StageOutput
from thinkmix.schemas.manifest import Share
from thinkmix.schemas.recipe import MixPlan, Recipe, Template
from thinkmix.templates.chat import template_digest, tokenizer_digest


@dataclass(frozen=True)
class Rendered:
    """What one round of drawing had rendered of one block of a shard."""

    number: int
    shard: int
    nth: int
    """Its place among what was rendered of the shard."""
    output: StageOutput

    @property
    def part(self) -> Part:
        """Return where its index and its losses lie."""
        return Part(self.number, self.output.folder / "index.parquet", self.output.folder / "lost.parquet")

    @property
    def examples(self) -> Path:
        """Return where the rendered examples lie."""
        return self.output.folder / "examples.parquet"


@dataclass(frozen=True)
class Drawn:
    """The finished draw, and the parts that it draws from."""

    output: StageOutput
    parts: tuple[Rendered, ...]

    def selection(self, shard: int) -> Path:
        """Return where it stands what was drawn of a shard."""
        return self.output.folder / numbered("selection", shard)

    def print(self, part: Rendered) -> str:
        """Return the digest of what was drawn of a part."""
        return str(_listed(self.output, "drawn")[str(part.number)])

    @property
    def shares(self) -> tuple[Share, ...]:
        """Return what each source came to in each split."""
        listed = self.output.result["shares"]
        return tuple(Share.model_validate(share) for share in listed) if isinstance(listed, list) else ()


def draw(
    run: Run, shards: Sequence[Shard], verdicts: StageOutput, recipe: Recipe, parts: list[Rendered]
) -> Drawn:
    """Draw the mixture, rendering and counting examples in the order of the draw until shares are full.

    What is rendered is added to `parts`, where it stays if the draw fails.
    """
    while True:
        output = _round(run, shards, verdicts, parts, recipe)
        wanted = [shard for shard in shards if numbered("wanted", shard.number) in output.files]
        if not wanted:
            return Drawn(output, tuple(parts))
        parts += _render(run, wanted, output, recipe, before=parts)


def _round(
    run: Run,
    shards: Sequence[Shard],
    verdicts: StageOutput,
    parts: Sequence[Rendered],
    recipe: Recipe,
) -> StageOutput:
    """Draw, as far as it is known how long examples are."""
    rendered: dict[int, list[Part]] = {shard.number: [] for shard in shards}
    for part in parts:
        rendered[part.shard].append(part.part)
    candidates: dict[str, list[PoolShard]] = {}
    for shard in shards:
        verdict = verdicts.folder / numbered("verdicts", shard.number)
        candidates.setdefault(shard.source.name, []).append(
            PoolShard(shard.number, shard.keys, verdict, rendered[shard.number])
        )
    making = job(
        run,
        "draw",
        "draw",
        partial(_draw, candidates, recipe.mix, recipe.seed, recipe.max_tokens),
        sources=[shard.source.name for shard in shards],
        keys=[shard.validated.files["keys.parquet"] for shard in shards],
        verdicts=verdicts.files,
        parts=[
            (part.shard, part.output.files["index.parquet"], part.output.files["lost.parquet"])
            for part in parts
        ],
        plan=recipe.mix.model_dump(),
        seed=recipe.seed,
        max_tokens=recipe.max_tokens,
    )
    return run_jobs(run, [making], stage=mix.STAGE)[0]


def _render(
    run: Run, shards: Sequence[Shard], asked: StageOutput, recipe: Recipe, *, before: Sequence[Rendered]
) -> list[Rendered]:
    """Render the examples that a round asked for, block by block; a shard with several is read once."""
    wanted = _listed(asked, "wanted")
    jobs = [
        pass_job(
            run,
            render.STAGE,
            shard.label,
            partial(
                _blocks,
                shard.raw,
                asked.folder / numbered("wanted", shard.number),
                recipe.template,
                recipe.max_tokens,
            ),
            pieces=wanted[str(shard.number)],
            rows=shard.raw.rows(
                render.STAGE,
                partial(
                    _try_rows,
                    shard.raw,
                    asked.folder / numbered("wanted", shard.number),
                    recipe.template,
                    recipe.max_tokens,
                ),
            ),
            slice=shard.raw.piece.model_dump(exclude={"path"}),
            source=row_settings(shard.source, besides=NOT_OF_TEXT),
            unopened=shard.raw.origin.unopened,
            template=template_digest(recipe.template),
            tokenizer=tokenizer_digest(),
            max_tokens=recipe.max_tokens,
            max_row_bytes=recipe.max_row_bytes,
        )
        for shard in shards
    ]
    parts, there = list(before), Counter(part.shard for part in before)
    for shard, outputs in zip(shards, run_passes(run, jobs, stage=render.STAGE), strict=True):
        for nth, output in enumerate(outputs, start=there[shard.number]):
            parts.append(Rendered(len(parts), shard.number, nth, output))
    return parts[len(before) :]


def _listed(output: StageOutput, name: str) -> Mapping[str, Any]:
    listed = output.result[name]
    assert isinstance(listed, dict)
    return listed


# What follows runs inside a worker, into the folder that it is given.


def _draw(
    candidates: Mapping[str, Sequence[PoolShard]],
    plan: MixPlan,
    seed: int,
    max_tokens: int,
    out: Path,
) -> dict[str, object]:
    pools = {name: read_pool(shards) for name, shards in candidates.items()}
    mixture = mix.mix(pools, plan, seed=seed, max_tokens=max_tokens)
    if mixture.wanted.height:
        return {"rows": 0, "wanted": _write_wanted(mixture.wanted, out)}
    shares = [share.model_dump() for share in mixture.shares]
    drawn = assemble.assign_shards(mixture.selection)
    shards = [shard for shards in candidates.values() for shard in shards]
    return {"rows": drawn.height, "shares": shares, "drawn": _write_drawn(drawn, shards, out)}


def _write_wanted(wanted: pl.DataFrame, out: Path) -> dict[str, list[str]]:
    """Write what is wanted of each shard, cut into blocks; return the digest of each block."""
    found = {}
    for (number,), rows in blocks.cut(wanted).partition_by("shard", include_key=False, as_dict=True).items():
        write_shard(out / numbered("wanted", number), rows)
        found[str(number)] = list(blocks.prints(rows, "block").values())
    return found


def _write_drawn(drawn: pl.DataFrame, shards: Sequence[PoolShard], out: Path) -> dict[str, str]:
    """Write what was drawn of each shard's parts; return the digest of what was drawn of each part.

    Without the numbers of shard and part: what follows then depends on what was drawn of it and no more.
    """
    places = {part.number: nth for shard in shards for nth, part in enumerate(shard.parts)}
    nth = pl.col("part").replace_strict(places, return_dtype=pl.Int32)
    by_part = drawn.with_columns(nth=nth).sort("shard", "nth", maintain_order=True)
    of = by_part.partition_by("shard", include_key=False, as_dict=True)
    found: dict[int, str] = {}
    for shard in shards:
        mine = of.get((shard.number,), by_part.clear().drop("shard"))
        write_shard(out / numbered("selection", shard.number), mine.drop("part"))
        found |= blocks.prints(mine.drop("nth"), "part")
    return {str(number): found.get(number, blocks.NOTHING) for number in places}


def _blocks(
    raw: Raw, wanted: Path, template: Template, max_tokens: int, places: Sequence[int]
) -> Iterator[Make]:
    """Yield what renders the blocks at these places of what is wanted, reading the slice once for all."""
    cut = pl.read_parquet(wanted).partition_by("block", maintain_order=True, include_key=False)
    asked = [cut[place] for place in places]
    of_row = {row: nth for nth, rows in enumerate(asked) for row in rows["row"].unique().to_list()}
    reopened = normalize.reopen(
        raw.piece, np.array(sorted(of_row), np.int64), origin=raw.origin, max_row_bytes=raw.max_row_bytes
    )
    by_block = groupby(reopened, key=lambda item: of_row[item.row])
    for rows, (_, mine) in zip(asked, by_block, strict=True):
        yield partial(_examples, raw, mine, rows, template, max_tokens)


def _try_rows(raw: Raw, wanted: Path, template: Template, max_tokens: int, first: int, last: int) -> int:
    rows = pl.read_parquet(wanted)
    some = rows.filter(pl.col("row").is_between(first, last, closed="left")).drop("block").sort("row")
    numbers = some["row"].unique().sort().to_numpy()
    opened = normalize.reopen(raw.piece, numbers, origin=raw.origin, max_row_bytes=raw.max_row_bytes)
    with TemporaryDirectory() as out:
        _examples(raw, opened, some, template, max_tokens, Path(out))
    return last - first if rows.filter(pl.col("row") >= last).height else 0


def _examples(
    raw: Raw,
    rows: Iterable[normalize.Reopened],
    asked: pl.DataFrame,
    template: Template,
    max_tokens: int,
    out: Path,
) -> dict[str, object]:
    made = render.render_rows(
        rows, asked, source=raw.source, template=template, max_tokens=max_tokens, out=out
    )
    raw.check_unchanged()
    return {"rows": made}
