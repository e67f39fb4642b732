"""Sampling: examples are rendered, block by block, as far as it goes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.outputs import numbered_name
from thinkmix.curation.sample import mix, render, work
from thinkmix.curation.sample.model_files import ModelFiles
from thinkmix.curation.sample.pools import PartFiles, PoolShard, RenderedPart
from thinkmix.curation.validate.reading import Reading
from thinkmix.curation.validate.settings import TextSettings
from thinkmix.flows.build.jobs import Run, Shard, StageJob, job, pass_job, row_work, run_jobs, run_passes
from thinkmix.flows.build.step import passes, step
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.cache import StageOutput
from thinkmix.schemas.manifest import Share
from thinkmix.schemas.record import narrow


@dataclass(frozen=True)
class Rendered:
    """What one round of sampling had rendered of one block of a shard."""

    number: int
    shard: int
    nth: int
    """Its place among what was rendered of the shard."""
    output: StageOutput

    @property
    def part(self) -> RenderedPart:
        """Return it as sampling takes it."""
        return RenderedPart(self.number, self.files)

    @property
    def files(self) -> PartFiles:
        """Return its index and its losses."""
        return PartFiles(self.output.blob("index.parquet"), self.output.blob("lost.parquet"))

    @property
    def examples(self) -> Blob:
        """Return the rendered examples."""
        return self.output.blob("examples.parquet")


@dataclass(frozen=True)
class Sampled:
    """The finished sample, and the parts that it samples from."""

    output: StageOutput
    parts: tuple[Rendered, ...]

    def selection(self, shard: int) -> Blob:
        """Return what was sampled of a shard."""
        return self.output.blob(numbered_name("selection", shard))

    def selected(self, part: Rendered) -> Blob:
        """Return what was sampled of a part, a region of what was sampled of its shard."""
        print_ = str(_listed(self.output, "sampled")[str(part.number)])
        return Blob(self.selection(part.shard).path, print_, (part.nth,))

    @property
    def shares(self) -> tuple[Share, ...]:
        """Return what each source came to in each split."""
        listed = self.output.result["shares"]
        return tuple(Share.model_validate(share) for share in listed) if isinstance(listed, list) else ()


def sample(
    run: Run, shards: Sequence[Shard], verdicts: StageOutput, recipe: Recipe, parts: list[Rendered]
) -> Sampled:
    """Sample the mixture, rendering and counting examples in the order of sampling until shares are full.

    What is rendered is added to `parts`, where it stays if sampling fails.
    """
    while True:
        output = _round(run, shards, verdicts, parts, recipe)
        wanted = [shard for shard in shards if numbered_name("wanted", shard.number) in output.files]
        if not wanted:
            return Sampled(output, tuple(parts))
        parts += _render(run, wanted, output, recipe, before=parts)


def _round(
    run: Run,
    shards: Sequence[Shard],
    verdicts: StageOutput,
    parts: Sequence[Rendered],
    recipe: Recipe,
) -> StageOutput:
    """Sample, as far as it is known how long examples are."""
    rendered: dict[int, list[RenderedPart]] = {shard.number: [] for shard in shards}
    for part in parts:
        rendered[part.shard].append(part.part)
    candidates: dict[str, list[PoolShard]] = {}
    for shard in shards:
        verdict = verdicts.blob(numbered_name("verdicts", shard.number))
        candidates.setdefault(shard.source.name, []).append(
            PoolShard(shard.number, shard.keys, verdict, rendered[shard.number])
        )
    making = job(
        run,
        "sample",
        "sample",
        step(
            work.sample,
            candidates=list(candidates.items()),
            plan=recipe.mix,
            seed=recipe.seed,
            max_tokens=recipe.max_tokens,
        ),
    )
    return run_jobs(run, [making], stage=mix.STAGE)[0]


def _render(
    run: Run, shards: Sequence[Shard], asked: StageOutput, recipe: Recipe, *, before: Sequence[Rendered]
) -> list[Rendered]:
    """Render the examples that a round asked for, block by block; a shard with several is read once."""
    model = ModelFiles.installed(recipe.family)
    jobs = [_rendering_job(run, shard, asked, model, recipe.max_tokens) for shard in shards]
    parts, there = list(before), Counter(part.shard for part in before)
    for shard, outputs in zip(shards, run_passes(run, jobs, stage=render.STAGE), strict=True):
        for nth, output in enumerate(outputs, start=there[shard.number]):
            parts.append(Rendered(len(parts), shard.number, nth, output))
    return parts[len(before) :]


def _rendering_job(
    run: Run, shard: Shard, asked: StageOutput, model: ModelFiles, max_tokens: int
) -> StageJob[list[StageOutput]]:
    """Return the work of rendering what is asked of a shard, an output for each block of it."""
    raw, wanted = shard.raw, asked.blob(numbered_name("wanted", shard.number))
    reading = Reading(narrow(raw.source, TextSettings), raw.origin.file, raw.origin.unopened)
    prints = _listed(asked, "wanted")[str(shard.number)]
    blocks = [Blob(wanted.path, print_, (place,)) for place, print_ in enumerate(prints)]
    probe = partial(work.try_rows, raw.piece, reading, raw.max_row_bytes, model, max_tokens, wanted.path)
    return pass_job(
        run,
        render.STAGE,
        shard.label,
        passes(
            work.render_blocks,
            over="blocks",
            piece=raw.piece,
            reading=reading,
            max_row_bytes=raw.max_row_bytes,
            model=model,
            max_tokens=max_tokens,
            blocks=blocks,
        ),
        source=shard.source.name,
        rows=row_work(raw, render.STAGE, probe),
    )


def _listed(output: StageOutput, name: str) -> Mapping[str, Any]:
    listed = output.result[name]
    assert isinstance(listed, dict)
    return listed
