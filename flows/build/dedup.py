"""Dedup: bands of every shard, then one search over all of them."""

from collections.abc import Sequence
from functools import partial

from thinkmix.curation.dedup import work as dedup_work
from thinkmix.curation.dedup.settings import DedupPlan
from thinkmix.flows.build.jobs import Run, Shard, job, run_jobs
from thinkmix.flows.store.cache import StageOutput


def deduplicate(
    run: Run, shards: Sequence[Shard], overlaps: Sequence[StageOutput], plan: DedupPlan
) -> StageOutput:
    """Decide for every valid row of every source whether an evaluation or another row says the same."""
    stated = plan.model_dump()
    jobs = [
        job(
            run,
            "bands",
            shard.label,
            partial(dedup_work.bands, shard.keys, plan),
            keys=shard.validated.files["keys.parquet"],
            plan=stated,
        )
        for shard in shards
    ]
    bands = run_jobs(run, jobs, stage="minhash", total=sum(shard.valid for shard in shards))
    paths = (
        [shard.keys for shard in shards],
        [band.folder / "bands.index" for band in bands],
        [overlap.folder / "overlap.parquet" for overlap in overlaps],
    )
    # bands depend on the text alone; who stays depends on priority, cap, quality and solver, too
    search = job(
        run,
        "dedup",
        "duplicates",
        partial(dedup_work.duplicates, *paths, plan),
        keys=[shard.validated.files["keys.parquet"] for shard in shards],
        bands=[band.files for band in bands],
        overlaps=[overlap.files for overlap in overlaps],
        plan=stated,
    )
    return run_jobs(run, [search], stage="dedup")[0]
