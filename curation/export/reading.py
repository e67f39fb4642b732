"""How trainers turn texts into ids and labels: the rules by which an export is read back and compared."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from thinkmix.templates.chat.control_tokens import CLOSE
from thinkmix.templates.chat.tokenizer import encode_batch

IGNORE = -100
"""Label of a token that carries no loss."""

STOP = CLOSE.rstrip()
"""End token of a turn, which a model must learn to stop at."""

_ROWS_AT_ONCE = 256

Item = TypeVar("Item")
Pair = tuple[str, str]
"""Prompt and completion."""


class TokenRow(NamedTuple):
    """A row as a trainer reads it; both lists have one entry a token."""

    ids: list[int]
    labels: list[int]
    """The ids that carry loss, `IGNORE` for the others."""


def read_apart(pairs: Iterable[Pair]) -> Iterator[TokenRow]:
    """Yield rows of a trainer that encodes prompt and completion apart and joins their ids."""
    for part in in_parts(pairs):
        for prompt, completion in _encoded_pairs(part):
            yield TokenRow(prompt + completion, [IGNORE] * len(prompt) + completion)


def read_together(pairs: Iterable[Pair], *, end: str) -> Iterator[TokenRow]:
    """Yield rows of a trainer that encodes both texts as one and masks as many ids as the prompt alone has.

    Where the ids of the prompt are not the first ones of the whole, the loss begins where the two part.

    Args:
        pairs: prompts and completions.
        end: what the trainer appends to a completion that does not end with it.
    """
    for part in in_parts(pairs):
        whole = [(prompt, prompt + completion.removesuffix(end) + end) for prompt, completion in part]
        for prompt, ids in _encoded_pairs(whole):
            shared = next(
                (place for place, (one, other) in enumerate(zip(prompt, ids, strict=False)) if one != other),
                min(len(prompt), len(ids)),
            )
            yield TokenRow(ids, [IGNORE] * shared + ids[shared:])


def in_parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield the items some hundred at a time, as encoding is fastest."""
    rest = iter(items)
    while part := list(islice(rest, _ROWS_AT_ONCE)):
        yield part


def stop_id() -> int:
    """Return the id of the end token of a turn."""
    ids, _ = encode_batch([STOP])
    return int(ids[0])


def split_ids(ids: NDArray[np.int32], lengths: Sequence[int] | NDArray[np.int64]) -> list[list[int]]:
    """Return the ids of each text out of those of all, one after another."""
    ends = np.cumsum(lengths)
    return [part.tolist() for part in np.split(ids, ends[:-1])] if len(ends) else []


def _encoded_pairs(pairs: Sequence[Pair]) -> Iterator[tuple[list[int], list[int]]]:
    ids, lengths = encode_batch([text for pair in pairs for text in pair])
    texts = split_ids(ids, lengths)
    return zip(texts[::2], texts[1::2], strict=True)
