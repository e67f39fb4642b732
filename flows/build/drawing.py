"""The draw: examples are rendered, block by block, as far as it goes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from thinkmix.curation.files.outputs import numbered
from thinkmix.curation.sample import mix, render, work
from thinkmix.curation.sample.pools import Part, PoolShard
from thinkmix.flows.build.jobs import (
    NOT_OF_TEXT,
    Run,
    Shard,
    job,
    pass_job,
    row_settings,
    row_work,
    run_jobs,
    run_passes,
)
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.cache import StageOutput
from thinkmix.schemas.manifest import Share
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
        partial(work.draw, candidates, recipe.mix, recipe.seed, recipe.max_tokens),
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
                work.render_blocks,
                shard.raw,
                asked.folder / numbered("wanted", shard.number),
                recipe.template,
                recipe.max_tokens,
            ),
            pieces=wanted[str(shard.number)],
            rows=row_work(
                shard.raw,
                render.STAGE,
                partial(
                    work.try_rows,
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
