"""Dedup: bands of every shard, boilerplate of every source, then one search over all of them."""

from collections.abc import Mapping, Sequence

from thinkmix.curation.dedup import work as dedup_work
from thinkmix.curation.dedup.settings import BandPlan, DedupPlan
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.validate.settings import CapBy
from thinkmix.flows.build.jobs import Run, Shard, job, run_jobs
from thinkmix.flows.build.step import step
from thinkmix.flows.store.cache import StageOutput
from thinkmix.schemas.record import narrow


def deduplicate(
    run: Run,
    shards: Sequence[Shard],
    overlaps: Sequence[StageOutput],
    plan: DedupPlan,
    cap_by: Mapping[str, CapBy],
) -> StageOutput:
    """Decide for every valid row of every source whether an evaluation or another row says the same.

    `cap_by` names sources whose solutions are not chosen by solver.
    """
    jobs = [
        job(
            run,
            "bands",
            shard.label,
            step(dedup_work.bands, keys=shard.keys, plan=narrow(plan, BandPlan)),
            source=shard.source.name,
        )
        for shard in shards
    ]
    bands = run_jobs(run, jobs, stage="minhash", total=sum(shard.valid for shard in shards))
    counting = [
        job(
            run,
            "boilerplate",
            source,
            step(
                dedup_work.boilerplate,
                keys=[shard.keys for shard, _ in mine],
                bands=[band for _, band in mine],
                plan=narrow(plan, BandPlan),
            ),
            source=source,
        )
        for source, mine in _by_source(shards, bands).items()
    ]
    shared = run_jobs(run, counting, stage="boilerplate")
    # bands depend on the text alone, boilerplate on the texts of a source; who stays depends on more
    search = job(
        run,
        "dedup",
        "duplicates",
        step(
            dedup_work.duplicates,
            keys=[shard.keys for shard in shards],
            bands=[band.blob("bands.index") for band in bands],
            boilerplate=[found.blob("boilerplate.index") for found in shared],
            overlaps=[overlap.blob("overlap.parquet") for overlap in overlaps],
            plan=plan,
            cap_by=cap_by,
        ),
    )
    return run_jobs(run, [search], stage="dedup")[0]


def _by_source(
    shards: Sequence[Shard], bands: Sequence[StageOutput]
) -> Mapping[str, Sequence[tuple[Shard, Blob]]]:
    """Return the shards of each source, each with its bands."""
    found: dict[str, list[tuple[Shard, Blob]]] = {}
    for shard, band in zip(shards, bands, strict=True):
        found.setdefault(shard.source.name, []).append((shard, band.blob("bands.index")))
    return found
