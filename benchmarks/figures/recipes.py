"""Near-duplicates as Daft's documentation and convmerge find them: CPU seconds, and what they drop."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.exact_pairs import shingle_matrix, similar_pairs
from benchmarks.figures.neardup import CORES, Kept, empty_folder, ids, run_thinkmix, write_shards
from benchmarks.measure import Spent, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.peer_envs import FOLDER, PEERS, python_of, script
from benchmarks.rows import described, folder, megabytes, texts

SIMILAR = 0.8


def measure(options: Options) -> Sequence[Measurement]:
    """Compare CPU seconds of whole programs, files in and kept rows out; other jobs may run beside them."""
    rows = texts(options)
    tools = {"thinkmix": run_thinkmix, "daft": _daft, "convmerge": _convmerge}
    spent: dict[str, list[Spent]] = {name: [] for name in tools}
    with folder(options, "recipes") as work:
        source = write_shards(rows, work / "in")
        _write_lines(source, work / "in.jsonl")
        run_thinkmix(source, work)  # compiles

        def cpu_of(name: str) -> float:
            spent[name].append(tools[name](source, work))
            return spent[name][-1].cpu

        taken = medians(options.rounds, **{name: partial(cpu_of, name) for name in tools})
        kept = {name: ids(work / name) for name in tools}
    walls = {name: sorted(one.wall for one in runs)[len(runs) // 2] for name, runs in spent.items()}
    on = f"{len(rows):,} {described(options)}, {megabytes(rows):.0f} MB, {CORES} cores shared with other jobs"
    about = {
        "figure": "recipes",
        "unit": "×",
        "on": on,
        "notes": (
            ", ".join(f"{name} {taken[name]:.1f} CPU s ({walls[name]:.1f} s by the clock)" for name in tools),
            "daft: 64 hashes of the normalized text in 8 bands of 8, for its threshold of 0.7",
            "convmerge: 128 permutations, threshold 0.8; thinkmix: 120 in 20 bands, pairs verified at 0.8",
            *drops(rows, kept),
        ),
    }
    return [
        Measurement(
            what=f"near-dup CPU time, vs {whose}",
            at_least=5,
            aim=20,
            measured=taken[name] / taken["thinkmix"],
            versions=PEERS[name][0],
            **about,
        )
        for name, whose in (("daft", "Daft's documented recipe"), ("convmerge", "`convmerge dedupe --near`"))
    ]


def drops(rows: pl.Series, kept: Kept) -> list[str]:
    """Say how many rows each tool dropped, and how many of those resemble no other row."""
    pairs, _ = similar_pairs(shingle_matrix(rows), threshold=SIMILAR)
    similar = set(pairs.ravel().tolist())
    said = []
    for name, stays in kept.items():
        dropped = set(range(len(rows))) - stays
        unlike = len(dropped - similar)
        said.append(
            f"{name} dropped {len(dropped):,}, {unlike:,} of them similar to no other row (J ≥ {SIMILAR})"
        )
    return said


def _daft(source: Path, work: Path) -> Spent:
    out, python = empty_folder(work / "daft") / "kept", python_of("daft")
    out.mkdir()
    return run([python, script("daft_minhash"), source, out / "rows.parquet"], DAFT_PROGRESS_BAR="0")


def _convmerge(source: Path, work: Path) -> Spent:
    out = empty_folder(work / "convmerge") / "kept"
    out.mkdir()
    python_of("convmerge")
    command = [FOLDER / "convmerge" / "bin" / "convmerge", "dedupe", "-i", source.with_suffix(".jsonl")]
    how = ["-o", work / "convmerge" / "rows.jsonl", "--near", "--keys", "text", "--workers", CORES]
    spent = run([*command, *how])
    pl.read_ndjson(work / "convmerge" / "rows.jsonl").write_parquet(out / "rows.parquet")
    return spent


def _write_lines(source: Path, lines: Path) -> None:
    """Write the shards as lines of JSON, which is what convmerge reads."""
    with lines.open("w", encoding="utf-8") as file:
        for shard in sorted(source.glob("*.parquet")):
            for row in pl.read_parquet(shard).iter_rows(named=True):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
