"""Whether generated text is like real text in what speed and duplicates depend on."""

import polars as pl
import zstandard

from benchmarks.generate import Corpus, rows_of
from benchmarks.measurements import Options
from benchmarks.rows import is_real, raw_rows
from thinkmix.templates.chat.tokenizer import count_tokens

SAMPLE = 3_000


def show(options: Options) -> None:
    """Print a table of real and generated rows."""
    print(
        "| rows | bytes/row | bytes/token | zstd ratio | distinct shingles in a row | over all rows | words |"
    )
    print("|---|---|---|---|---|---|---|")
    corpus = Corpus(rows=2 * SAMPLE, bytes_per_row=2_600)
    small = Corpus(rows=2 * SAMPLE, bytes_per_row=1_000)
    made = {
        "math": pl.DataFrame(pl.from_arrow(rows_of(corpus, "math", 0, SAMPLE))),
        "chat": pl.DataFrame(pl.from_arrow(rows_of(small, "chat", 0, SAMPLE))),
    }
    real = raw_rows(options) if is_real(options) else {}
    for kind, frames in (("real", real), ("generated", made)):
        for source, frame in frames.items():
            print(f"| {kind} {source} | {' | '.join(_facts(_texts(source, frame)))} |")


def _texts(source: str, frame: pl.DataFrame) -> list[str]:
    turns = pl.col("conversations").list.eval(pl.element().struct.field("value")).list.join("\n")
    column = frame["generated_solution"] if source == "math" else frame.select(turns).to_series()
    return column.sample(min(SAMPLE, len(column)), seed=1, shuffle=True).to_list()


def _facts(texts: list[str]) -> list[str]:
    content = "\n".join(texts).encode()
    tokens = int(count_tokens(texts).sum())
    cut = [text.lower().split() for text in texts]
    rows = [[tuple(words[i : i + 5]) for i in range(max(len(words) - 4, 1))] for words in cut]
    within = sum(len(set(row)) / len(row) for row in rows) / len(rows)
    every = set().union(*map(set, rows))
    return [
        f"{len(content) / len(texts):,.0f}",
        f"{len(content) / tokens:.2f}",
        f"{len(content) / len(zstandard.ZstdCompressor(3).compress(content)):.2f}",
        f"{within:.3f}",
        f"{len(every) / sum(map(len, rows)):.3f}",
        f"{len({word for words in cut for word in words}):,}",
    ]
