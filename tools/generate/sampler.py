"""Seeded choices by hash: a key and a counter decide, so no call can disturb another one's luck."""

from collections.abc import Sequence
from fractions import Fraction
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

SEED = 20250428


class Sampler:
    """A stream of choices named by its key; the same key gives the same choices on every machine."""

    def __init__(self, *key: str | int) -> None:
        self._key = "\0".join(map(str, (SEED, *key)))
        self._count = 0

    def integer(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        self._count += 1
        digest = blake2b(f"{self._key}\0{self._count}".encode(), digest_size=8).digest()
        return low + int.from_bytes(digest, "big") % (high - low + 1)

    def choice(self, items: Sequence[T]) -> T:
        """Return one of `items`."""
        return items[self.integer(0, len(items) - 1)]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Return `count` of `items` without repetition, in drawn order."""
        left = list(items)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(count)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return all `items` in drawn order."""
        return self.sample(items, len(items))

    def chance(self, percent: int) -> bool:
        """Return True in `percent` of a hundred draws."""
        return self.integer(1, 100) <= percent


def decimal(value: Fraction | int, places: int = 2) -> str:
    """Write `value` rounded half up to `places`, without trailing zeros: 2.50 becomes 2.5."""
    scaled = (abs(value) * 10**places + Fraction(1, 2)) // 1
    whole, part = divmod(int(scaled), 10**places)
    digits = f"{part:0{places}d}".rstrip("0") if places else ""
    sign = "-" if value < 0 and scaled else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def money(pence: int) -> str:
    """Write an amount of hundredths with two decimals: 1250 becomes 12.50."""
    return f"{pence // 100}.{pence % 100:02d}"


def join_words(words: Sequence[str], last: str = "and") -> str:
    """Join words as English prose does: `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
