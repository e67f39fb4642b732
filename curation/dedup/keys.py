"""Key shards as compact columns: 128-bit ids, small codes, and one order of preference over all rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from thinkmix.curation.answers.statuses import AGREE, DISAGREE, NO_REFERENCE
from thinkmix.curation.dedup.clusters import Rows
from thinkmix.curation.dedup.survivors import Preference, ranks, reorder
from thinkmix.curation.files.shards import read_many
from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.kernels import Bytes, Hashes, Offsets
from thinkmix.curation.validate.settings import CapBy

_HEX = 32
_EACH, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_SAYS_NOTHING = r"\s|\$|\\(?:left|right|displaystyle)\b|\\[,;:! ()\[\]]"
_NAMES, _NUMBERS = ["source", "solver", "file"], ["priority", "cap", "row", "text_bytes"]
NO_POLICIES: Mapping[str, CapBy] = {}
_NO_SOLVER = -1
VERIFIED, UNKNOWN, WRONG = range(3)


@dataclass(frozen=True)
class KeyColumns:
    """Everything the policy looks at, one entry per row of all shards."""

    ids: Hashes
    """128 bits of the row id, shape (2, n)."""
    ranks: Rows
    """Place in the order of preference, 0 for the best row."""
    source: Rows
    solver: Rows
    cap: NDArray[np.int64]
    answers: Hashes
    """A hash of what each row says that the answer is, as `answer_hashes` folds it; 0 if it says nothing."""
    preambles: Hashes
    """A hash of system prompts and tools; 0 without any."""
    doubt: Rows
    """0 for an answer that agrees with the source's, 1 if that is unknown, and 2 for another one."""


def shard_rows(keys: Sequence[Path]) -> list[int]:
    """Return the number of rows of each shard."""
    return [pq.read_metadata(path).num_rows for path in keys]


def read_keys(keys: Sequence[Path], cap_by: Mapping[str, CapBy] = NO_POLICIES) -> KeyColumns:
    """Read what the policy needs of all shards, some rows at a time.

    Args:
        keys: the shards.
        cap_by: sources whose solutions are not chosen by solver.

    Raises:
        ValueError: if an id is not 32 hexadecimal digits.
    """
    total = sum(shard_rows(keys))
    files = _Codes()
    sources, solvers = _Codes(), _Codes()
    codes = np.empty((3, total), np.int32)
    priority, cap, row, size, turns = (np.empty(total, np.int64) for _ in range(5))
    quality = np.empty(total, np.float64)
    answers, preambles = np.empty(total, np.uint64), np.empty(total, np.uint64)
    done = 0
    for table in read_many(keys, [*_NAMES, *_NUMBERS, "quality", "answer", "preamble", "turns"]):
        part = slice(done, done + len(table))
        for i, (code, name) in enumerate(zip((sources, solvers, files), _NAMES, strict=True)):
            codes[i, part] = code.of(table[name])
        numbers = (table[name].to_numpy() for name in _NUMBERS)
        priority[part], cap[part], row[part], size[part] = numbers
        quality[part] = table["quality"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        turns[part] = table["turns"].list.len().fill_null(0).to_numpy()
        answers[part] = answer_hashes(table["answer"])
        preambles[part] = _hashes(table["preamble"])
        done = part.stop
    ids = read_hex(keys, "id")
    doubt = _doubts(keys)
    # which of two copies stays follows from what they say, as far as anything is made of it: their files may
    # be called anything
    solver, file = solvers.sorted_place()[codes[1]], files.sorted_place()[codes[2]]
    order = ranks(Preference(priority, quality, turns, doubt), ids, (size, answers, solver, file, row))
    source, own_solver = codes[0].copy(), codes[1].copy()
    for name, policy in cap_by.items():
        if policy == "solver" or name not in sources.codes:
            continue
        mine = np.flatnonzero(source == sources.codes[name]).astype(np.int32)
        reorder(order, mine, doubt, _merit(policy, keys, ids, size))
        own_solver[mine] = _NO_SOLVER
    return KeyColumns(ids, order, source, own_solver, cap, answers, preambles, doubt)


def _merit(policy: CapBy, keys: Sequence[Path], ids: Hashes, size: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return by what a policy orders the rows of all shards, less first."""
    if policy == "hash":
        halved: NDArray[np.int64] = (ids[0] >> np.uint64(1)).astype(np.int64)
        return halved
    return _densities(keys) if policy == "branching" else size


def _densities(keys: Sequence[Path]) -> NDArray[np.int64]:
    """Return how often traces branch, in millionths of a branch on 1,000 words; 0 if not measured."""
    found = [np.zeros(0)]
    for path in keys:
        if "branching" in pq.read_schema(path).names:
            found.append(pl.read_parquet(path, columns=["branching"])["branching"].fill_null(0).to_numpy())
        else:
            found.append(np.zeros(pq.read_metadata(path).num_rows))
    millionths: NDArray[np.int64] = np.rint(np.concatenate(found) * 1_000_000).astype(np.int64)
    return millionths


def _doubts(keys: Sequence[Path]) -> Rows:
    """Return how far the answer of each row is in doubt; all are as unknown where none was compared."""
    found = [np.zeros(0, np.int32)]
    for path in keys:
        schema = pq.read_schema(path)
        if "answer_check" in schema.names:
            checks = pl.read_parquet(path, columns=["answer_check"])["answer_check"].fill_null(NO_REFERENCE)
            codes = checks.to_numpy()
            found.append(np.where(codes == AGREE, VERIFIED, np.where(codes == DISAGREE, WRONG, UNKNOWN)))
        else:
            found.append(np.full(pq.read_metadata(path).num_rows, UNKNOWN))
    return np.concatenate(found).astype(np.int32)


def answer_hashes(answers: pl.Series) -> Hashes:
    r"""Return hashes that are equal for equal answers, 0 for none.

    White space, dollar signs, what LaTeX has for spacing and sizes of brackets and fractions, and a full
    stop at the end say nothing: `$\dfrac{1}{2}$.` is `\frac{1}{2}`. Other ways to write a value count as
    other values.
    """
    said = answers.str.replace_all(_SAYS_NOTHING, "").str.replace_all(r"\\[dt]frac", r"\frac")
    said = said.str.strip_suffix(".")
    return _hashes(said.replace("", None))


def _hashes(texts: pl.Series) -> Hashes:
    """Return a hash of each text, 0 for null."""
    if texts.null_count() == len(texts):
        return np.zeros(len(texts), np.uint64)
    hashed = np.maximum(texts.hash(seed=1).to_numpy(), 1)
    return np.where(texts.is_null().to_numpy(), np.uint64(0), hashed)


def read_hex(keys: Sequence[Path], column: str) -> Hashes:
    """Return the first 128 bits of a column of hexadecimal text, shape (2, n).

    Raises:
        ValueError: if a value has fewer than 32 digits or something else among them.
    """
    values = np.empty((2, sum(shard_rows(keys))), np.uint64)
    done = 0
    for table in read_many(keys, [column]):
        text = table[column].fill_null("").rechunk()
        _, offsets, data = text.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()
        content = np.frombuffer(data, np.uint8) if data.size else np.zeros(1, np.uint8)
        starts = np.frombuffer(offsets, np.int64)
        wrong = _parse_hex(content, starts[: len(text) + 1], values[:, done : done + len(text)])
        if wrong >= 0:
            shard = table["shard"]
            path, row = keys[shard[wrong]], wrong - int(shard.search_sorted(shard[wrong]))
            msg = f"{path}: row {row}: {column} is not {_HEX} or more hexadecimal digits: {text[wrong]!r}"
            raise ValueError(msg)
        done += len(text)
    return values


def hex_series(values: Hashes) -> pl.Series:
    """Return 128-bit values, shape (2, n), as text of 32 hexadecimal digits."""
    digits = np.empty((values.shape[1], _HEX), np.uint8)
    _print_hex(np.ascontiguousarray(values), digits)
    ends = np.arange(0, digits.size + 1, _HEX, dtype=np.int64)
    return pl.Series(pa.LargeStringArray.from_buffers(len(digits), pa.py_buffer(ends), pa.py_buffer(digits)))


class _Codes:
    """Numbers for the distinct strings of a column, in order of appearance; null is -1."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def of(self, names: pl.Series) -> Rows:
        """Return the codes of a column."""
        distinct = names.unique(maintain_order=True).drop_nulls()
        known = [self.codes.setdefault(name, len(self.codes)) for name in distinct.to_list()]
        codes: Rows = names.replace_strict(
            distinct, pl.Series(known, dtype=pl.Int32), default=-1, return_dtype=pl.Int32
        ).to_numpy()
        return codes

    def sorted_place(self) -> Rows:
        """Return per code the place of its string in the sorted list of all strings."""
        place = np.empty(len(self.codes) + 1, np.int32)
        place[-1] = -1
        for i, name in enumerate(sorted(self.codes)):
            place[self.codes[name]] = i
        return place


@compiled
def _parse_hex(data: Bytes, starts: Offsets, out: Hashes) -> int:
    """Write 32 digits of each text as two integers; return the first row where that fails, or -1."""
    for row in range(len(starts) - 1):
        at = np.uint64(starts[row])
        if starts[row + 1] - starts[row] < _HEX:
            return row
        for half in range(2):
            value, fine = np.uint64(0), True
            for _ in range(2):
                digits = np.uint64(0)
                for i in range(8):
                    digits = digits << np.uint64(8) | np.uint64(data[at + np.uint64(i)])
                fine &= _are_hex(digits)
                value = value << np.uint64(32) | _nibbles(digits)
                at += np.uint64(8)
            if not fine:
                return row
            out[half, row] = value
    return -1


@compiled
def _are_hex(digits: np.uint64) -> bool:
    """Return whether eight bytes are all 0-9 or a-f: each comparison shows in the top bit of its byte."""
    number = (digits + _EACH * np.uint64(0x80 - 0x30)) & ~(digits + _EACH * np.uint64(0x80 - 0x3A))
    letter = (digits + _EACH * np.uint64(0x80 - 0x61)) & ~(digits + _EACH * np.uint64(0x80 - 0x67))
    return bool((number | letter) & ~digits & _TOPS == _TOPS)


@compiled
def _nibbles(digits: np.uint64) -> np.uint64:
    """Return the value of eight hexadecimal digits, the first in the highest byte."""
    value = (digits & (_EACH * np.uint64(0x0F))) + ((digits >> np.uint64(6)) & _EACH) * np.uint64(9)
    value = (value | value >> np.uint64(4)) & np.uint64(0x00FF00FF00FF00FF)
    value = (value | value >> np.uint64(8)) & np.uint64(0x0000FFFF0000FFFF)
    return (value | value >> np.uint64(16)) & np.uint64(0xFFFFFFFF)


@compiled
def _print_hex(values: Hashes, out: Bytes) -> None:
    for row in range(len(out)):
        for i in range(_HEX):
            digit = (values[i // 16, row] >> np.uint64(60 - 4 * (i % 16))) & np.uint64(15)
            out[row, i] = digit + np.uint64(48) if digit < 10 else digit + np.uint64(87)
