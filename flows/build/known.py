"""What a build knows so far; one that fails leaves it in the folder of its run."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from thinkmix.curation.files.outputs import numbered_name
from thinkmix.curation.files.shards import ShardWriter, read_groups, write_shard
from thinkmix.curation.publish import outcomes
from thinkmix.curation.publish.rejects import keep_rejects
from thinkmix.curation.sample import mix, render
from thinkmix.curation.tables import OUTCOMES, with_flags, without_null_flags
from thinkmix.curation.validate import rowwise
from thinkmix.curation.validate.profile import ProfilePart, merge_columns
from thinkmix.flows.build.jobs import Shard, counts
from thinkmix.flows.build.publish import rejects_name
from thinkmix.flows.build.sampling import Rendered
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.cache import StageOutput
from thinkmix.schemas.columns import Columns
from thinkmix.schemas.ledger import Ledger, StageCount, total
from thinkmix.schemas.left_out import LeftOut
from thinkmix.schemas.manifest import SourceEntry

_SELECTION = pl.Schema({"nth": pl.Int32(), "place": pl.Int32(), "split": pl.String()})


@dataclass
class Known:
    """What the stages of a build found out, in the order in which they ended."""

    recipe: Recipe
    origins: list[SourceEntry] = field(default_factory=list)
    """The sources whose rows were all read."""
    shards: list[Shard] = field(default_factory=list)
    verdicts: StageOutput | None = None
    """Of dedup, once it is over."""
    left_out: list[LeftOut] = field(default_factory=list)
    """Rows that ended the processes that worked on them."""
    parts: list[Rendered] = field(default_factory=list)

    def leave_out(self, row: LeftOut) -> None:
        """Forget what the stages found out: they begin again without a row, with all the cache has."""
        self.left_out.append(row)
        self.origins.clear()
        self.shards.clear()
        self.parts.clear()
        self.verdicts = None

    def of(self, source: str) -> list[Shard]:
        """Return the shards of a source."""
        return [shard for shard in self.shards if shard.source.name == source]

    def columns(self) -> tuple[Columns, ...]:
        """Return the columns of the files of each source that was read."""
        return tuple(
            merge_columns(origin.name, self._profiles(origin.name))
            for origin in self.origins
            if self.of(origin.name)
        )

    def leave(self, folder: Path) -> Ledger:
        """Write the outcome of every row that was read, and the dropped rows whole, as a version holds them.

        A row that no stage dropped has neither stage nor reason, and nothing of it is sampled.

        Returns:
            The ledger of the stages that were over.

        Raises:
            SourceError: if a file of a source is gone or changed.
        """
        for name in ("outcomes", "rejects"):
            (folder / name).mkdir()
        schema = with_flags(OUTCOMES, flagged=self.recipe.flagged)
        selection = folder / ".selection.parquet"
        write_shard(selection, pl.DataFrame(schema=_SELECTION))
        rendered: list[StageCount] = []
        for origin in self.origins:
            mine = self.of(origin.name)
            with ShardWriter(folder / "outcomes" / f"{origin.name}.parquet", schema) as out:
                for nth, shard in enumerate(mine):
                    rows, counted = self._assign(shard, selection)
                    rendered += counted
                    out.append(rows)
                    name = rejects_name(origin.name, nth, len(mine))
                    later = outcomes.late_drops(rows)
                    raw, out_of_it = shard.raw, folder / "rejects" / name
                    keep_rejects(raw.piece, raw.max_row_bytes, shard.rejects.path, later, out_of_it)
        selection.unlink()
        return self._ledger(rendered)

    def nothing_left(self, ledger: Ledger, folder: Path) -> str | None:
        """Return why sources that have a share have no row left; None if all have some."""
        from thinkmix.flows.build.losses import explain_empty_sources  # noqa: PLC0415 - few builds fail

        return explain_empty_sources(self, ledger, folder)

    def _ledger(self, rendered: list[StageCount]) -> Ledger:
        parts = {rowwise.STAGE: counts([shard.validated for shard in self.shards], rowwise.STAGE)}
        if self.verdicts:
            parts["dedup"] = counts([self.verdicts], "dedup")
        if self.parts:
            parts[render.STAGE] = rendered
        return Ledger(
            stages=tuple(
                total(
                    [
                        StageCount(stage=stage, source=origin.name),
                        *(count for count in counted if count.source == origin.name),
                    ]
                )
                for stage, counted in parts.items()
                for origin in self.origins
            )
        )

    def _assign(self, shard: Shard, selection: Path) -> tuple[pl.DataFrame, list[StageCount]]:
        """Return the outcomes of a shard's rows as far as they are known, and what rendering counted."""
        flagged = self.recipe.flagged
        schema = with_flags(OUTCOMES, flagged=flagged)
        if self.verdicts is None:
            columns = ["id", "file", "row", "messages", "text_bytes"]
            valid = pl.read_parquet(shard.keys.path, columns=columns).with_columns(
                source=pl.lit(shard.source.name)
            )
            if flagged:
                valid = valid.hstack(outcomes.join_flags(valid.height, shard.keys.path))
            dropped = [group.drop("content") for group in read_groups(shard.rejects.path)]
            rows = pl.concat([pl.DataFrame(schema=schema), *dropped, valid], how="diagonal_relaxed")
            rows = without_null_flags(rows) if flagged else rows
            return rows.with_columns(pl.col("examples", "sampled").fill_null(0)).cast(schema).sort("row"), []
        assigned = outcomes.assign_outcomes(
            shard.source.name,
            rejects=shard.rejects.path,
            keys=shard.keys.path,
            verdicts=self.verdicts.folder / numbered_name("verdicts", shard.number),
            parts=[part.files for part in self.parts if part.shard == shard.number],
            selection=selection,
            flagged=flagged,
        )
        unsampled = pl.col("stage") == mix.STAGE  # there was no sample that could have left them out
        unset = [
            pl.when(unsampled).then(None).otherwise(pl.col(name)).alias(name)
            for name in ("stage", "reason", "detail")
        ]
        return assigned.outcomes.with_columns(unset).cast(schema), [assigned.rendered]

    def _profiles(self, source: str) -> Iterator[ProfilePart]:
        for shard in self.of(source):
            yield ProfilePart.model_validate(shard.validated.result["columns"])
