"""MinHash signatures per core: text in, 128 values out, 5-word shingles, beside datasketch and rensa."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.measure import cpu_seconds, last_line, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.peer_envs import python_of, script
from benchmarks.rows import described, folder, megabytes, texts
from thinkmix.curation.text.minhash import signatures

SHARE = {"datasketch": 12, "datasketch-xxhash": 8, "rensa": 3, "rensa-bulk": 3}
"""A peer signs every so manieth text: it need not take minutes."""


def measure(options: Options) -> Sequence[Measurement]:
    """Compare MB of text per CPU second; our time covers folding and cutting, and so does theirs."""
    rows = texts(options)
    signatures(rows[:10], shingle=5, permutations=128, seed=1)  # compiles
    seen: dict[str, list[dict[str, float]]] = {how: [] for how in SHARE}
    versions: dict[str, str] = {}
    with folder(options, "signatures") as work:
        for how, share in SHARE.items():
            pl.DataFrame({"text": rows.gather_every(share)}).write_parquet(work / f"{how}.parquet")

        def theirs(how: str) -> float:
            result = _peer(work / f"{how}.parquet", how)
            versions.update(result.pop("versions"))
            seen[how].append(result)
            return result["cpu"]

        ours = partial(cpu_seconds, partial(signatures, rows, shingle=5, permutations=128, seed=1))
        taken = medians(options.rounds, thinkmix=ours, **{how: partial(theirs, how) for how in SHARE})
        bare = {how: sorted(run["hashing"] for run in runs)[len(runs) // 2] for how, runs in seen.items()}
    size = {how: megabytes(rows.gather_every(share)) for how, share in SHARE.items()}
    speed = megabytes(rows) / taken["thinkmix"]
    notes = [f"thinkmix {speed:.0f} MB/s per core"]
    for how in SHARE:
        whole, alone = size[how] / taken[how], size[how] / bare[how]
        notes.append(f"{how} {whole:.1f} MB/s ({alone:.1f} without cutting texts in Python)")
    rensa = max(size[how] / taken[how] for how in ("rensa", "rensa-bulk"))
    on = f"{len(rows):,} {described(options)}, {megabytes(rows):.0f} MB"
    stated = ", ".join(f"{name} {number}" for name, number in versions.items())
    about = {"figure": "signatures", "unit": "×", "on": on, "notes": tuple(notes), "versions": stated}
    return [
        Measurement(
            what="signatures per core, vs datasketch's default",
            at_least=60, aim=100, measured=speed / (size["datasketch"] / taken["datasketch"]), **about,
        ),
        Measurement(
            what="signatures per core, vs rensa (the faster of its two ways)",
            at_least=12, aim=20, measured=speed / rensa, **about,
        ),
    ]  # fmt: skip


def _peer(path: Path, how: str) -> dict[str, float]:
    return json.loads(last_line(run([python_of("sketches"), script("sketch"), path, how]).output))
