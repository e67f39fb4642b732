"""Made-up text at the speed of copying bytes: phrases from a pool, numbers of their own in every place.

A text is a row of phrases; which ones is decided by a hash of the text's key and the phrase's position, so
any text of a corpus can be written again without the others. The words are whole tokens of Qwen3's
vocabulary in the order in which it learned them, which is about that of their frequency, drawn by Zipf's
law. Shingles that span two phrases are nearly all distinct, as are those of real text.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, islice
from random import Random

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from thinkmix.templates.chat.tokenizer import tokenizer_path

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]
Words = Iterator[str]

REGISTERS = ("math en", "chat en", "math zh", "chat zh")
"""Kinds of text that the pool has phrases for: what it is about and in which language."""

_POOL = 20_000  # phrases per register
_STOCK = 2_000  # of these so many are said again and again
_STOCK_SHARES = {True: (0.1, 0.1, 0.1, 0.1), False: (0.75, 0.35, 0.75, 0.35)}  # of questions, of answers
_FORMS = 4  # with or without a capital, with or without a full stop
_STEP = np.uint64(0x9E3779B97F4A7C15)
_SHORT_WORDS = "an as at be by do he if in is it my no of on or so to up us we"
_RUDE = ("porn", "sex", "erot", "fuck", "shit", "nazi", "rape", "gay", "nude")


@dataclass(frozen=True)
class Book:
    """All phrases in one Arrow array, register after register, and the few entries that have a place."""

    entries: pa.StringArray
    opening: int
    """`<think>`, with which a solution starts."""
    closing: int
    """`</think>`."""
    boxed: tuple[int, int]
    """First entry and number of the final answers."""
    pleas: tuple[int, int]
    """First entry and number of the single words that near copies of a question end with."""
    phrase_bytes: tuple[float, ...]
    """Mean UTF-8 bytes of a phrase in each register."""


@dataclass(frozen=True)
class Drafts:
    """What n texts are to be; same draft, same text."""

    keys: Keys
    register: Counts
    """Place in `REGISTERS`."""
    size: Counts
    """Wanted bytes; a text has at least two phrases."""
    edits: Keys
    """Not 0: some phrases differ from those of the text of the same key, others for other values."""
    pleas: Keys
    """Not 0: the text ends with one word more."""
    questions: bool = False
    """Questions repeat themselves less than answers do."""


def mix(values: Keys) -> Keys:
    """Return well-mixed 64-bit hashes (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def salted(values: Keys, salt: int) -> Keys:
    """Return hashes of values that are unlike those under another salt."""
    with np.errstate(over="ignore"):
        return mix(values * _STEP + np.uint64(salt * 0xD1B54A32D192ED03 & (2**64 - 1)))


def unit(hashes: Keys) -> NDArray[np.float64]:
    """Return hashes as numbers in [0, 1)."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


@cache
def book() -> Book:
    """Return the pool; the same in every process."""
    english, chinese = _vocabulary()
    draw = Random(20250428)
    entries: list[str] = []
    sizes = []
    for register in REGISTERS:
        zh = register.endswith("zh")
        made = _phrases(
            _zipf(chinese if zh else english, draw), draw, math=register.startswith("math"), zh=zh
        )
        sizes.append(sum(len(text.encode()) for text in made) / len(made))
        entries += made
    places = len(entries)
    boxed = [f"**Answer** \\[ \\boxed{{{draw.randrange(10, 99_999)}}} \\]" for _ in range(200)]
    pleas = [f"{word.title()}." for word in draw.sample(english, 64)]
    entries += ["<think>\n", "\n</think>\n\n", *boxed, *pleas]
    return Book(
        entries=pa.array(entries, pa.string()),
        opening=places,
        closing=places + 1,
        boxed=(places + 2, len(boxed)),
        pleas=(places + 2 + len(boxed), len(pleas)),
        phrase_bytes=tuple(sizes),
    )


def write_texts(drafts: Drafts, *, traces: bool, broken: NDArray[np.bool_] | None = None) -> pa.StringArray:
    r"""Return the texts.

    Args:
        drafts: n texts, up to 2 GB together.
        traces: write solutions: `<think>`, a trace, `</think>`, an answer, `\boxed{}`.
        broken: solutions that never close their trace, shape (n,).
    """
    pool = book()
    mean = np.array(pool.phrase_bytes)[drafts.register]
    body = np.maximum((drafts.size / mean).astype(np.int64), 4 if traces else 2)
    asked = drafts.pleas != 0
    ends = np.cumsum(body + asked)
    starts = ends - body - asked
    entry = np.empty(ends[-1] if len(ends) else 0, np.int64)
    hashes = np.empty(len(entry), np.uint64)
    shares = np.array(_STOCK_SHARES[drafts.questions])[drafts.register]
    _choose(
        drafts.keys,
        drafts.edits,
        drafts.register,
        starts,
        body,
        (shares * 1024).astype(np.uint64),
        entry,
        hashes,
    )
    if asked.any():
        first, count = pool.pleas
        entry[ends[asked] - 1] = first + (drafts.pleas[asked] % np.uint64(count)).astype(np.int64)
        hashes[ends[asked] - 1] = 0
    if traces:
        first, count = pool.boxed
        entry[starts] = pool.opening
        close, last = starts + np.minimum(body * 4 // 5, body - 2), starts + body - 1
        entry[close if broken is None else close[~broken]] = pool.closing
        entry[last] = first + (hashes[last] % np.uint64(count)).astype(np.int64)
    return _joined(pool.entries.take(pa.array(entry)), hashes, starts)


@njit(cache=True, nogil=True)
def _mixed(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def _choose(
    keys: Keys,
    edits: Keys,
    register: Counts,
    starts: Counts,
    body: Counts,
    stock: Keys,
    entry: Counts,
    hashes: Keys,
) -> None:
    """Choose the phrases of each text: of which entry each is, and the hash that decided it."""
    for text in range(len(keys)):
        base = register[text] * _POOL
        capital = 1
        for place in range(body[text]):
            sampled = _mixed(keys[text] + np.uint64(place + 1) * _STEP)
            if edits[text] != 0:
                other = _mixed(edits[text] ^ sampled)
                if other % np.uint64(50) == 0:
                    sampled = _mixed(other)
            if sampled & np.uint64(1023) < stock[text]:
                which = (sampled >> np.uint64(10)) % np.uint64(_STOCK)
            else:
                which = (sampled >> np.uint64(10)) % np.uint64(_POOL - _STOCK) + np.uint64(_STOCK)
            stop = 1 if sampled >> np.uint64(61) < 3 or place == body[text] - 1 else 0
            entry[starts[text] + place] = (base + np.int64(which)) * _FORMS + 2 * capital + stop
            hashes[starts[text] + place] = sampled
            capital = stop


def _joined(phrases: pa.StringArray, hashes: Keys, starts: Counts) -> pa.StringArray:
    """Return texts over the bytes of their phrases, with every number changed to one of the text's own."""
    _, offsets, content = phrases.buffers()
    bounds = np.frombuffer(offsets, np.int32)[: len(phrases) + 1]
    data = np.frombuffer(content, np.uint8)[: bounds[-1]].copy()
    _renumber(data, bounds, hashes)
    ends = np.append(bounds[starts], bounds[-1]).astype(np.int32)
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(ends), pa.py_buffer(data))


@njit(cache=True)
def _renumber(data: NDArray[np.uint8], bounds: NDArray[np.int32], hashes: Keys) -> None:
    """Change the digits of each phrase to those that its hash says; no number starts with a zero."""
    for phrase in range(len(bounds) - 1):
        state = hashes[phrase]
        inside = False
        for i in range(bounds[phrase], bounds[phrase + 1]):
            digit = 48 <= data[i] <= 57
            if digit:
                state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
                sampled = state >> np.uint64(40)
                data[i] = 48 + sampled % np.uint64(10) if inside else 49 + sampled % np.uint64(9)
            inside = digit


def _vocabulary() -> tuple[list[str], list[str]]:
    """Return English words and Chinese ones in the order in which the tokenizer learned them."""
    ranks: dict[str, int] = json.loads(tokenizer_path().read_bytes())["model"]["vocab"]
    tokens = [token for token, _ in sorted(ranks.items(), key=lambda item: item[1])]
    words = [token[1:] for token in tokens if token[0] == "Ġ" and token[1:].isascii() and token[1:].islower()]
    words = [word for word in words if word.isalpha() and (len(word) > 2 or word in _SHORT_WORDS.split())]
    words = [word for word in words if not any(stem in word for stem in _RUDE)]
    byte_of = _byte_alphabet()
    signs = [_decoded(token, byte_of) for token in tokens]
    return words[:12_000], [sign for sign in signs if sign][:8_000]


def _byte_alphabet() -> dict[str, int]:
    """Return which byte each character of a byte-level token stands for (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


def _decoded(token: str, byte_of: dict[str, int]) -> str:
    """Return the token's text if it is of Chinese characters only, otherwise nothing."""
    text = bytes(byte_of.get(char, 0) for char in token).decode(errors="replace")
    return text if all("\u4e00" <= char <= "\u9fff" for char in text) else ""


def _zipf(words: Sequence[str], draw: Random) -> Words:
    """Yield words for ever, the one of rank r as often as 1 / (r + 2.7) (Zipf and Mandelbrot)."""
    sums = list(accumulate(1 / (rank + 2.7) for rank in range(len(words))))
    while True:
        yield from draw.choices(words, cum_weights=sums, k=10_000)


def _phrases(words: Words, draw: Random, *, math: bool, zh: bool) -> list[str]:
    """Return a register's phrases, each in its four forms."""
    between, comma, stop, gap = ("", "，", "。", "") if zh else (" ", ", ", ". ", " ")
    formulae = (0.15 if zh else 0.37) if math else 0.03
    made = []
    for _ in range(_POOL):
        formula = draw.random() < formulae
        text = between.join(islice(words, draw.randrange(2, 6) if formula else draw.randrange(4, 9)))
        if formula:
            text += f" {_formula(draw)}"
        middle = comma if draw.random() < 0.2 else gap
        final = f"{stop.strip()}\n\n" if draw.random() < 0.3 else stop
        capital = text[0].upper() + text[1:]
        made += [text + middle, text + final, capital + middle, capital + final]
    return made


def _formula(draw: Random) -> str:
    """Return a formula; its digits only say where numbers go."""
    a, b, c = (draw.randrange(2, 400) for _ in range(3))
    x, y = draw.choices("abcdefghknmpqrstxyz", k=2)
    shapes = (
        f"{a} * {b} = {c}",
        f"\\( {a}{x}^2 + {b}{x} - {c} = 0 \\)",
        f"\\frac{{{a}}}{{{b}}}",
        f"${x} = {a} \\times {b} + {c}$",
        f"{x}_1 + {y}_2 \\leq {a}",
        f"\\[ \\sqrt{{{a} + {x}^2}} = {b} \\]",
        f"{a}/{b}*{x}**2 - {c}*{x}",
        f"({a} - {b}) / {c} = {x}",
        f"f({x}) = {a}{x} + {b}{y}",
        f"{a}.{b}%",
    )
    return draw.choice(shapes)
