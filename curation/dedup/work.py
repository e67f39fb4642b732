"""The work of dedup: bands of one shard, boilerplate of one source, and the search over all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from thinkmix.curation.dedup import boilerplate as shared
from thinkmix.curation.dedup import dedup
from thinkmix.curation.dedup.answer_counts import count_answers
from thinkmix.curation.dedup.candidates import key_texts
from thinkmix.curation.dedup.settings import BandPlan, DedupPlan
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.outputs import numbered_name
from thinkmix.curation.files.shards import height, read_many
from thinkmix.curation.validate.count import count_stage
from thinkmix.curation.validate.settings import CapBy
from thinkmix.schemas.ledger import StageCount


def bands(out: Path, keys: Blob, plan: BandPlan) -> dict[str, object]:
    """Write `bands.index`: the bands of each valid row of a shard."""
    dedup.write_bands(keys.path, out / "bands.index", plan=plan)
    return {"rows": height(keys.path)}


def boilerplate(out: Path, keys: Sequence[Blob], bands: Sequence[Blob], plan: BandPlan) -> dict[str, object]:
    """Write `boilerplate.index`: the shingles that many texts of a source share, of all its shards."""
    texts = [partial(key_texts, blob.path) for blob in keys]
    found = shared.boilerplate(texts, [blob.path for blob in bands], plan=plan)
    shared.write_boilerplate(out / "boilerplate.index", found)
    return {"rows": 0, "shingles": len(found)}


def duplicates(
    out: Path,
    keys: Sequence[Blob],
    bands: Sequence[Blob],
    boilerplate: Sequence[Blob],
    overlaps: Sequence[Blob],
    plan: DedupPlan,
    cap_by: Mapping[str, CapBy],
) -> dict[str, object]:
    """Write the verdicts of each shard (schema `tables.VERDICT_SCHEMA`), and count rows and answers."""
    verdicts = [out / numbered_name("verdicts", number) for number in range(len(keys))]
    paths, indexes = [blob.path for blob in keys], [blob.path for blob in bands]
    search = dedup.find_duplicates(
        paths,
        indexes,
        verdicts,
        plan=plan,
        boilerplate=[blob.path for blob in boilerplate],
        overlaps=[blob.path for blob in overlaps],
        cap_by=cap_by,
    )
    found: list[StageCount] = []
    counted = read_many(paths, ["source", "messages", "text_bytes"])
    for rows, decided in zip(counted, read_many(verdicts, ["reason"]), strict=True):
        found += [
            count_stage("dedup", str(source), part)
            for (source,), part in rows.with_columns(decided["reason"]).group_by(
                "source", maintain_order=True
            )
        ]
    return {
        "dedup": [count.model_dump() for count in found],
        "search": asdict(search),
        "answers": count_answers(paths, verdicts),
        "rows": search.rows,
    }
