"""A corpus of any size in the exact columns of OpenMathReasoning and FineTome, written shard by shard.

    python -m benchmarks generate OUT --rows 500000 --bytes-per-row 20000 --languages en,zh

Every row is a function of the seed and its number: shards are written in parallel, a row group at a time, and
a copy of a row that lies in another shard is written without looking there. Three kinds of copies: `exact`;
`near`, with a word more in the question and a few phrases of the answer changed; and `repeats`, the same
problem solved another time, of which OpenMathReasoning has ten. A recipe lies beside the data.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.phrases import Counts, Drafts, Keys, salted, unit, write_texts

GROUP_BYTES = 32_000_000
"""Text in a row group: what a writing process holds at a time, a few times over."""

LANGUAGES = ("en", "zh")
_WINDOW = 100_000  # a copy lies at most so many rows behind what it copies
_SOURCES = ("aops_c6_high_school_olympiads", "aops_c4_high_school_math", "aops_c7_college_math")
_TURN = pa.struct([("from", pa.string()), ("value", pa.string())])
_TEXT_COLUMNS = ("problem", "generated_solution", "conversations.list.element.value")


@dataclass(frozen=True)
class Corpus:
    """What to generate."""

    rows: int
    chat_share: float = 0.3
    """Fraction of rows that are FineTome's; the others are OpenMathReasoning's."""
    bytes_per_row: int = 20_000
    """Mean text of a math row. A chat row has the same, but at most 2,400 (FineTome's mean)."""
    exact: float = 0.02
    near: float = 0.05
    repeats: float = 0.4
    broken: float = 0.01
    """Fraction of math rows whose trace never ends."""
    languages: tuple[str, ...] = ("en",)
    seed: int = 1
    shard_rows: int = 20_000
    compression: str = "zstd"


@dataclass(frozen=True)
class Lineage:
    """Which earlier rows each row copies, and how; a row that copies nothing has its own number twice."""

    asked: Keys
    """Row whose question this row asks."""
    plea: Keys
    """Not 0: a near copy of that question."""
    solved: Keys
    """Row whose answer this row gives."""
    edited: Keys
    """Not 0: a near copy of that answer."""


def generate(corpus: Corpus, out: Path, *, processes: int | None = None) -> Path:
    """Write the shards and a recipe that mixes them; return the recipe's path."""
    shards = shards_of(corpus)
    for _, _, _, name in shards:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
    work = partial(_write_shard, corpus, out)
    workers = min(processes or len(os.sched_getaffinity(0)), max(len(shards), 1))
    if workers == 1:
        for shard in shards:
            work(shard)
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(work, shards))
    return write_recipe(corpus, out)


def shards_of(corpus: Corpus) -> list[tuple[str, int, int, str]]:
    """Return source, first row, number of rows and file of each shard."""
    chat = round(corpus.rows * corpus.chat_share)
    shards = []
    for source, rows in (("math", corpus.rows - chat), ("chat", chat)):
        for number, first in enumerate(range(0, rows, corpus.shard_rows)):
            count = min(corpus.shard_rows, rows - first)
            shards.append((source, first, count, f"{source}/{number:05d}.parquet"))
    return shards


def write_recipe(corpus: Corpus, out: Path) -> Path:
    """Write a 7:3 recipe over the shards, or one of the only source there is."""
    chat = round(corpus.rows * corpus.chat_share)
    shares = {"math": 0.7, "chat": 0.3} if 0 < chat < corpus.rows else {"chat" if chat else "math": 1.0}
    formats = {
        "math": "openmathreasoning\n    thinking: required\n    max_solutions_per_problem: 4",
        "chat": "sharegpt\n    thinking: forbidden",
    }
    sources = [
        f'  - name: {name}\n    kind: local\n    files: ["{name}/*.parquet"]\n    format: {formats[name]}\n'
        for name in shares
    ]
    listed = ", ".join(f"{name}: {share}" for name, share in shares.items())
    recipe = out / "recipe.yaml"
    recipe.write_text(
        f"name: generated\ntitle: Generated rows, {corpus.rows:,} of seed {corpus.seed}\n"
        f"sources:\n{''.join(sources)}mix:\n  shares: {{{listed}}}\n",
        encoding="utf-8",
    )
    return recipe


def rows_of(corpus: Corpus, source: str, first: int, count: int) -> pa.Table:
    """Return some rows of a source: those numbered from `first`."""
    rows = np.arange(first, first + count, dtype=np.uint64)
    family = lineage_of(rows, corpus, source)
    return (_math if source == "math" else _chat)(corpus, family, rows)


def lineage_of(rows: Keys, corpus: Corpus, source: str) -> Lineage:
    """Walk from each row to the rows it copies, until one that copies nothing."""
    here, active = rows.copy(), np.ones(len(rows), np.bool_)
    plea, edited = np.zeros_like(rows), np.zeros_like(rows)
    solved, settled = rows.copy(), np.zeros(len(rows), np.bool_)
    limits = np.cumsum([corpus.exact, corpus.near, corpus.repeats])
    salt = 2 * corpus.seed + (source == "chat")
    while active.any():
        hashes = salted(here, salt)
        kind = np.searchsorted(limits, unit(hashes), side="right")
        kind[here == 0] = 3
        fresh = active & (kind >= 2) & ~settled
        solved[fresh], settled[fresh] = here[fresh], True
        near = active & (kind == 1)
        plea[near & (plea == 0)] = here[near & (plea == 0)]
        unedited = near & (edited == 0) & ~settled
        edited[unedited] = here[unedited]
        active &= kind < 3
        back = salted(hashes[active], 1) % np.minimum(here[active], np.uint64(_WINDOW))
        here[active] -= back + np.uint64(1)
    return Lineage(asked=here, plea=plea, solved=solved, edited=edited)


def _write_shard(corpus: Corpus, out: Path, shard: tuple[str, int, int, str]) -> None:
    source, first, count, name = shard
    per_group = max(GROUP_BYTES // corpus.bytes_per_row, 100)
    schema = rows_of(corpus, source, 0, 0).schema
    plain = [field.name for field in schema if field.name not in (*_TEXT_COLUMNS, "conversations")]
    with pq.ParquetWriter(
        out / name,
        schema,
        compression=corpus.compression,
        compression_level=_level(corpus),
        use_dictionary=plain,
    ) as writer:
        for start in range(first, first + count, per_group):
            writer.write_table(rows_of(corpus, source, start, min(per_group, first + count - start)))


def _level(corpus: Corpus) -> int | None:
    return 1 if corpus.compression == "zstd" else None


def _math(corpus: Corpus, family: Lineage, rows: Keys) -> pa.Table:
    question = min(240, corpus.bytes_per_row // 3)
    problem = _drafts(corpus, "math", family.asked, question, pleas=family.plea)
    size = corpus.bytes_per_row - question
    solution = _drafts(corpus, "math", family.solved, size, asked=family.asked, edits=family.edited, salt=9)
    sampled = salted(family.asked, corpus.seed + 77)
    extracted = unit(sampled) < 0.7
    broken = unit(salted(family.solved, corpus.seed + 78)) < corpus.broken
    solver = unit(salted(family.solved, corpus.seed + 79)) < 0.84
    rate = (sampled % np.uint64(33)).astype(np.int64) / 32
    return pa.table(
        {
            "expected_answer": pa.array((sampled % np.uint64(9999)).astype(str)),
            "problem_type": _chosen(extracted, "has_answer_extracted", "no_answer_extracted"),
            "problem_source": pa.array(np.array(_SOURCES)[(sampled >> np.uint64(8)) % np.uint64(3)]),
            "generation_model": _chosen(solver, "DeepSeek-R1", "QwQ-32B"),
            "pass_rate_72b_tir": pa.array(np.where(extracted, rate.astype(str), "n/a")),
            "problem": write_texts(problem, traces=False),
            "generated_solution": write_texts(solution, traces=True, broken=broken),
            "inference_mode": pa.array(np.full(len(rows), "cot")),
            "used_in_kaggle": pa.array(unit(salted(sampled, 3)) < 0.68),
        }
    )


def _chat(corpus: Corpus, family: Lineage, rows: Keys) -> pa.Table:
    mean = min(corpus.bytes_per_row, 2_400)
    pairs = 1 + np.searchsorted([0.78, 0.94], unit(salted(family.solved, corpus.seed + 80)))
    row = np.repeat(np.arange(len(rows)), pairs)
    starts = np.cumsum(pairs) - pairs
    turn = (np.arange(len(row)) - starts[row]).astype(np.uint64)
    first = turn == 0
    # later questions belong to the answer: a repeat asks the same and goes on in its own way
    asked = np.where(first, family.asked[row], salted(family.solved[row], 7) + turn)
    told = salted(family.solved[row], 8) + turn
    questions = _drafts(
        corpus, "chat", asked, mean // 5, pleas=np.where(first, family.plea[row], np.uint64(0))
    )
    answers = _drafts(
        corpus, "chat", told, mean * 4 // 5, asked=family.asked[row], edits=family.edited[row], salt=9
    )
    values = _interleaved(write_texts(questions, traces=False), write_texts(answers, traces=False))
    speakers = pa.array(np.tile(["human", "gpt"], len(row)))
    turns = pa.StructArray.from_arrays([speakers, values], fields=list(_TURN))
    offsets = pa.array(np.append(2 * starts, 2 * len(row)).astype(np.int32))
    score = 3.7 + 1.5 * unit(salted(family.solved, corpus.seed + 81))
    return pa.table(
        {
            "conversations": pa.ListArray.from_arrays(offsets, turns),
            "source": pa.array(np.full(len(rows), "generated")),
            "score": pa.array(score),
        }
    )


def _drafts(
    corpus: Corpus,
    source: str,
    numbers: Keys,
    size: int,
    *,
    asked: Keys | None = None,
    edits: Keys | None = None,
    pleas: Keys | None = None,
    salt: int = 0,
) -> Drafts:
    """Return drafts of about `size` bytes, log-normally spread; question and answer share a language."""
    keys = salted(numbers, 1000 * corpus.seed + 2 * salt + (source == "chat"))
    none = np.zeros(len(numbers), np.uint64)
    spoken = salted(numbers if asked is None else asked, corpus.seed + 82) % np.uint64(len(corpus.languages))
    language = np.array([LANGUAGES.index(name) for name in corpus.languages])[spoken]
    normal = sum((unit(salted(keys, 90 + i)) for i in range(4)), np.zeros(len(keys))) * 3**0.5 - 12**0.5
    spread = np.exp(0.5 * normal - 0.125)
    return Drafts(
        keys=keys,
        register=(2 * language + (source == "chat")).astype(np.int64),
        size=(size * spread).astype(np.int64),
        edits=none if edits is None else edits,
        pleas=none if pleas is None else pleas,
        questions=asked is None,
    )


def _chosen(first: np.ndarray, yes: str, no: str) -> pa.Array:
    return pa.array(np.where(first, yes, no))


def _interleaved(questions: pa.Array, answers: pa.Array) -> pa.Array:
    both = pa.concat_arrays([questions, answers])
    order: Counts = np.arange(len(both)).reshape(2, -1).T.ravel()
    return both.take(pa.array(order))


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `generate` to the command line."""
    command = commands.add_parser("generate", help="write a corpus and a recipe that mixes it")
    command.add_argument("out", type=Path)
    command.add_argument("--rows", type=int, required=True)
    command.add_argument("--bytes-per-row", type=int, default=Corpus.bytes_per_row)
    command.add_argument("--chat-share", type=float, default=Corpus.chat_share)
    command.add_argument(
        "--duplicate-rate",
        type=_rates,
        default=(Corpus.exact, Corpus.near, Corpus.repeats),
        metavar="EXACT,NEAR,REPEATS",
        help="fractions of rows; default 0.02,0.05,0.4",
    )
    command.add_argument("--languages", type=_languages, default=("en",), help="en, zh, or both: en,zh")
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--shard-rows", type=int, default=Corpus.shard_rows)
    command.add_argument("--compression", choices=("zstd", "snappy"), default="zstd")
    command.add_argument("--processes", type=int)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    exact, near, repeats = arguments.duplicate_rate
    corpus = Corpus(
        rows=arguments.rows,
        chat_share=arguments.chat_share,
        bytes_per_row=arguments.bytes_per_row,
        exact=exact,
        near=near,
        repeats=repeats,
        languages=arguments.languages,
        seed=arguments.seed,
        shard_rows=arguments.shard_rows,
        compression=arguments.compression,
    )
    print(generate(corpus, arguments.out, processes=arguments.processes))


def _rates(text: str) -> tuple[float, ...]:
    rates = tuple(float(part) for part in text.split(","))
    if len(rates) != 3 or min(rates) < 0 or sum(rates) >= 1:
        raise argparse.ArgumentTypeError("three fractions that sum to less than 1, such as 0.02,0.05,0.4")
    return rates


def _languages(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(LANGUAGES):
        raise argparse.ArgumentTypeError(f"of {', '.join(LANGUAGES)}")
    return names
