"""Rows that repeat questions of an evaluation: every turn is scanned, whatever `compare` says."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from thinkmix.curation.decontaminate import scan
from thinkmix.curation.decontaminate.scan import Asked
from thinkmix.curation.decontaminate.words import TURN, Words, alphabet, read_words, room_for, words_of
from thinkmix.curation.files.index import index_rows, write_index
from thinkmix.curation.tables import OVERLAP, TURN_END
from thinkmix.curation.text.kernels import Hashes, Offsets
from thinkmix.curation.text.shingles import as_texts, utf8_buffers
from thinkmix.schemas.record import Record

_BATCH_ROWS = 16_384
_SHARED = 8
"""Questions that may share an anchor: what more of them say is a common phrase."""
_LEAST_ANCHORS = 3
"""Anchors of a question that are kept, however many share them."""
_MOST_OWNERS = 64
_LEAST_WEIGHT = 0.05
_EXCERPT = 80
_PIECE = 1 << 17
"""Bytes whose words are read before questions are looked for in them: they stay in the processor's cache."""


class Questions(NamedTuple):
    """The questions of one benchmark."""

    name: str
    texts: pl.Series


class Benchmarks(Record):
    """Which benchmarks an index is about: names and numbers of questions, in its order."""

    names: tuple[str, ...]
    questions: tuple[int, ...]

    def question(self, number: int) -> str:
        """Return what a person calls a question of the index: its benchmark, and its number there."""
        for name, count in zip(self.names, self.questions, strict=True):
            if number < count:
                return f"{name}/{number}"
            number -= count
        raise IndexError(number)


def write_questions(
    benchmarks: Sequence[Questions], out: Path, *, allowed: Collection[str] = ()
) -> Benchmarks:
    """Write `words.index` and `anchors.index` of all questions into folder `out`.

    Of words, shape (3, w): hash, weight (bits of a float64), and number of the question. Of anchors, shape
    (2, a), in ascending order: hash, and `question << 32 | offset`.

    Args:
        benchmarks: the questions, null counts as empty; at least one benchmark.
        out: an empty folder.
        allowed: names of questions (`Benchmarks.question`) that rows may repeat.
    """
    known = Benchmarks(
        names=tuple(benchmark.name for benchmark in benchmarks),
        questions=tuple(len(benchmark.texts) for benchmark in benchmarks),
    )
    count = sum(known.questions)
    texts = as_texts(pl.concat([pl.Series(benchmark.texts, dtype=pl.String) for benchmark in benchmarks]))
    if allowed:
        wanted = frozenset(allowed)
        spared = [known.question(number) in wanted for number in range(count)]
        texts = pl.select(pl.when(pl.Series(spared)).then(pl.lit("")).otherwise(texts)).to_series()
    words, owners = _words(texts)
    first = np.searchsorted(owners, np.arange(count + 1))
    weights = _weights(words, owners, count)
    write_index(out / "words.index", np.stack([words, weights.view(np.uint64), owners]), _about("words"))
    write_index(out / "anchors.index", _anchors(words, first), _about("anchors"))
    return known


class Index(NamedTuple):
    """Questions as a scan reads them."""

    asked: Asked
    sieve: scan.Sieve


def read_questions(words_index: Path, anchors_index: Path, benchmarks: Benchmarks) -> Index:
    """Return what `write_questions` wrote.

    Raises:
        ValueError: naming a file that is another kind of index.
    """
    words, weights, owners = map(index_rows(words_index, _about("words")).read, range(3))
    anchors = np.stack([*map(index_rows(anchors_index, _about("anchors")).read, range(2))])
    weighed = weights.view(np.float64).astype(np.float32)
    asked = scan.ask(words, owners, weighed, anchors, sum(benchmarks.questions))
    return Index(asked, scan.sieve(anchors[0]))


def find_overlap(said: Path, index: Index, benchmarks: Benchmarks, *, score: float) -> pl.DataFrame:
    """Return the rows of one shard that repeat a question, schema `OVERLAP`.

    Args:
        said: shard with a column `said`: the turns of each row, with `TURN_END` between them.
        index: what `read_questions` returned.
        benchmarks: what `write_questions` returned.
        score: part of a question from which on a row is near it.
    """
    found: list[_Hit] = []
    done = 0
    with pq.ParquetFile(said) as shard:
        for batch in shard.iter_batches(_BATCH_ROWS, columns=["said"]):
            texts = as_texts(pl.Series(batch.column(0)))
            for place, how, question, part, turn, start in _hits(texts, index, score):
                excerpt = _excerpt(texts[place], start)
                name = benchmarks.question(question)
                detail = f"{name}: {_HOW[how]}, in turn {turn}: {excerpt!r}"
                action = "drop" if how == scan.WHOLE else "flag"
                found.append(_Hit(done + place, action, name, round(part, 3), detail))
            done += len(batch)
    return pl.DataFrame(found, schema=OVERLAP, orient="row")


class _Hit(NamedTuple):
    """A row of `OVERLAP`."""

    place: int
    action: str
    question: str
    score: float
    detail: str


_HOW = {
    scan.WHOLE: "the whole question",
    scan.INSIDE: "the whole question, a short one, among other words",
    scan.RUN: f"{scan.LONG} words or more in a row of the question",
    scan.NEAR: "nearly the question",
}


def _hits(texts: pl.Series, index: Index, near: float) -> Iterator[tuple[int, int, int, float, int, int]]:
    """Yield place, how, question, score, turn and first byte of each text that repeats a question."""
    data, starts = utf8_buffers(texts)
    words = _room(starts)
    scratch = scan.scratch(index.asked, len(words.hashes))
    out = np.empty((len(texts), 4), np.float64)
    for low, high in _pieces(starts):
        read_words(data, starts, low, high, alphabet(), words)
        scan.find_all(words, index.asked, index.sieve, scratch, low, out[low:high])
    kinds = out[:, 0].astype(np.int64)
    for place in np.flatnonzero((kinds > scan.NEAR) | ((kinds == scan.NEAR) & (out[:, 2] >= near))).tolist():
        how, question, score, start = out[place].tolist()
        before = bytes(data[starts[place] : int(start)])
        yield (
            place,
            int(how),
            int(question),
            score,
            before.count(TURN_END.encode()) + 1,
            int(start - starts[place]),
        )


def _pieces(starts: Offsets) -> Iterator[tuple[int, int]]:
    """Yield the first text of each piece, and the one after its last: `_PIECE` bytes, or one long text."""
    high = 0
    while (low := high) < len(starts) - 1:
        within = int(np.searchsorted(starts, starts[low] + _PIECE, side="right")) - 1
        high = max(within, low + 1)
        yield low, high


def _room(starts: Offsets) -> Words:
    """Return room for the words of any piece."""
    longest = int(np.diff(starts).max(initial=0))
    return room_for(len(starts) - 1, max(_PIECE, longest), longest)


def _excerpt(text: str, start: int) -> str:
    """Return how the words go that were found, from byte `start` on."""
    return text.encode()[start : start + _EXCERPT].decode(errors="ignore").split(TURN_END)[0]


def _words(texts: pl.Series) -> tuple[Hashes, Hashes]:
    """Return the words of all texts, ends of turns left out, and the text of each."""
    found = [words[words != TURN] for words in map(words_of, texts)]
    owners = np.repeat(np.arange(len(found), dtype=np.uint64), list(map(len, found)))
    return np.concatenate([np.zeros(0, np.uint64), *found]), owners


def _weights(words: Hashes, owners: Hashes, count: int) -> NDArray[np.float64]:
    """Return the inverse document frequency of each word: how few of the questions have it."""
    distinct, place = np.unique(words, return_inverse=True)
    pairs = np.unique(place.astype(np.int64) * count + owners.astype(np.int64)) // max(count, 1)
    frequency = np.bincount(pairs, minlength=len(distinct))[place]
    return np.maximum(np.log((count + 1) / np.maximum(frequency, 1)), _LEAST_WEIGHT)


def _anchors(words: Hashes, first: NDArray[np.int64]) -> Hashes:
    """Return the anchors that are rare enough to be looked for, shape (2, a): hash, question and offset."""
    hashes = np.empty(len(words), np.uint64)
    owners, offsets = np.empty(len(words), np.int32), np.empty(len(words), np.int32)
    count = scan.anchors_of(words, first, hashes, owners, offsets)
    hashes, owners, offsets = hashes[:count], owners[:count], offsets[:count]
    order = np.lexsort((offsets, owners, hashes))
    hashes, owners, offsets = hashes[order], owners[order], offsets[order]
    start = np.searchsorted(hashes, hashes)
    many = np.searchsorted(hashes, hashes, side="right") - start
    rank = np.empty(count, np.int64)  # of an anchor among those of its question, rarest first
    by_owner = np.lexsort((offsets, many, owners))
    begins = np.searchsorted(owners[by_owner], owners[by_owner])
    rank[by_owner] = np.arange(count) - begins
    among = np.arange(count) - start
    kept = (many <= _SHARED) | ((rank < _LEAST_ANCHORS) & (among < _MOST_OWNERS))
    places = owners.astype(np.uint64) << np.uint64(32) | offsets.astype(np.uint64)
    return np.stack([hashes[kept], places[kept]])


def _about(part: str) -> dict[str, object]:
    return {"index": f"evaluation questions, {part}", "anchor": scan.ANCHOR}
