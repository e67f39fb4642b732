"""Near-duplicates end to end, files in and kept rows out, beside text-dedup and datatrove."""

import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.exact_pairs import shingle_matrix, similar_pairs
from benchmarks.generate import Corpus, rows_of
from benchmarks.measure import Spent, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.peer_envs import PEERS, python_of, script
from benchmarks.rows import described, folder, is_real, megabytes, texts

SHARDS = 4
CORES = 2
Kept = dict[str, set[int]]
Tool = Callable[..., Spent]


def measure(options: Options) -> Sequence[Measurement]:
    """Compare seconds by the clock on two cores, imports and process starts included."""
    rows = enough_texts(options)
    with folder(options, "neardup") as work:
        source = write_shards(rows, work / "in")
        tools = {"thinkmix": run_thinkmix, "text-dedup": _text_dedup, "datatrove": _datatrove}
        run_thinkmix(source, work)  # compiles
        taken = medians(
            options.rounds, **{name: partial(_seconds, tools[name], source, work) for name in tools}
        )
        watched = {name: tool(source, work, watch=True) for name, tool in tools.items()}
        kept = {name: ids(work / name) for name in tools}
    kind = described(options)
    if is_real(options) and len(rows) > len(texts(options)):
        kind = "real and generated rows"
    on = f"{len(rows):,} {kind}, {megabytes(rows):.0f} MB, {CORES} cores"
    notes = (
        ", ".join(f"{name} {taken[name]:.2f} s ({_more(watched[name])})" for name in tools),
        "all: 5-word shingles, 120 permutations in 20 bands of 6; the peers do not verify what bands propose",
        *agreement(rows, kept),
    )
    about = {"figure": "neardup", "unit": "×", "on": on, "notes": notes}
    bounds = {"text-dedup": (25, 50), "datatrove": (60, 150)}
    return [
        Measurement(
            what=f"near-dup end to end, vs {name}",
            at_least=least,
            aim=aim,
            measured=taken[name] / taken["thinkmix"],
            versions=PEERS[name][0],
            **about,
        )
        for name, (least, aim) in bounds.items()
    ]


def enough_texts(options: Options) -> pl.Series:
    """Return whole rows, at full scale filled up with generated chats to the 71,459 that bounds are about."""
    rows = texts(options)
    missing = options.size(tiny=0, short=0, full=71_459 - len(rows))
    if missing <= 0:
        return rows
    made = pl.DataFrame(pl.from_arrow(rows_of(Corpus(rows=missing, bytes_per_row=700), "chat", 0, missing)))
    turns = pl.col("conversations").list.eval(pl.element().struct.field("value")).list.join("\n")
    return pl.concat([rows, made.select(text=turns)["text"]]).rechunk()


def agreement(rows: pl.Series, kept: Kept) -> list[str]:
    """Say how many rows each tool kept, and whether those that only a peer dropped were duplicates."""
    pairs, _ = similar_pairs(shingle_matrix(rows), threshold=0.8)
    similar = set(pairs.ravel().tolist())
    ours = kept["thinkmix"]
    said = [f"thinkmix kept {len(ours):,} of {len(rows):,}"]
    for name in kept.keys() - {"thinkmix"}:
        theirs = kept[name]
        only = ours - theirs
        unlike = len(only - similar)
        said.append(
            f"{name} kept {len(theirs):,}, dropped {len(only):,} rows that thinkmix keeps, {unlike:,} of "
            f"them similar to no other row (J ≥ 0.8), and kept {len(theirs - ours):,} that thinkmix drops"
        )
    return sorted(said)


def write_shards(rows: pl.Series, source: Path) -> Path:
    """Write the texts, numbered, as a few parquet files."""
    source.mkdir(parents=True)
    frame = pl.DataFrame({"id": np.arange(len(rows)), "text": rows}).with_columns(
        pl.col("id").cast(pl.String)
    )
    for number, part in enumerate(np.array_split(np.arange(len(rows)), SHARDS)):
        frame[part].write_parquet(source / f"{number:05d}.parquet")
    return source


def ids(folder: Path) -> set[int]:
    """Return the numbers of the rows that a tool kept."""
    return set(pl.read_parquet(folder / "kept" / "*.parquet", columns=["id"])["id"].cast(pl.Int64))


def _seconds(tool: Tool, source: Path, work: Path) -> float:
    """Time a run that nobody watches; its memory is read in a run of its own."""
    return tool(source, work).wall


def run_thinkmix(source: Path, work: Path, *, watch: bool = False) -> Spent:
    """Deduplicate the shards with ours, as a program of its own."""
    out = empty_folder(work / "thinkmix")
    inputs = sorted(source.glob("*.parquet"))
    command = [
        sys.executable,
        "-m",
        "benchmarks.near_dup",
        *inputs,
        "--column",
        "text",
        "--out",
        out / "kept",
    ]
    return run([*command, "--threads", CORES], watch=watch)


def _text_dedup(source: Path, work: Path, *, watch: bool = False) -> Spent:
    out, python = empty_folder(work / "text-dedup"), python_of("text-dedup")
    where = [
        "--path",
        "parquet",
        "--data_files",
        f"{source}/*.parquet",
        "--split",
        "train",
        "--column",
        "text",
    ]
    how = ["--ngram", 5, "--min_length", 1, "--num_perm", 120, "--b", 20, "--r", 6, "--threshold", 0.8]
    fast = [
        "--hash_func",
        "xxh3",
        "--num_proc",
        CORES,
        "--cache_dir",
        out / "cache",
        "--output",
        out / "rows",
    ]
    home = {"HF_HOME": str(out / "home"), "HF_HUB_OFFLINE": "1"}
    spent = run([python, "-m", "text_dedup.minhash", *where, *how, *fast], watch=watch, **home)
    (out / "kept").mkdir()
    run([python, script("text_dedup_kept"), out / "rows", out / "kept" / "rows.parquet"], **home)
    return spent


def _datatrove(source: Path, work: Path, *, watch: bool = False) -> Spent:
    out, python = empty_folder(work / "datatrove"), python_of("datatrove")
    how = [source, out / "kept", out / "scratch", SHARDS, CORES]
    return run([python, script("datatrove_minhash"), *how], watch=watch, HF_HUB_OFFLINE="1")


def _more(spent: Spent) -> str:
    return f"{spent.cpu:.1f} CPU s, peak RSS {spent.rss / 1e9:.2f} GB"


def empty_folder(path: Path) -> Path:
    """Return the folder, emptied."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
