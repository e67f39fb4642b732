"""Gate that admits a question only if no earlier one says nearly the same."""

from collections import Counter, defaultdict


def words(text: str) -> list[str]:
    """Return the words of `text` in lower case, punctuation removed."""
    return "".join(char if char.isalnum() else " " for char in text.casefold()).split()


def chinese_share(text: str) -> float:
    """Return the share of Chinese characters in the letters and digits of `text`."""
    if text.isascii():
        return 0.0
    letters = [char for char in text if char.isalnum()]
    return sum("\u4e00" <= char <= "\u9fff" for char in letters) / max(1, len(letters))


def has_chinese(text: str) -> bool:
    """Say whether `text` holds a Chinese character."""
    return chinese_share(text) > 0


def shingles(items: list[str] | str, size: int = 5) -> frozenset[str]:
    """Return all runs of `size` items; a shorter text is one run."""
    joint = "" if isinstance(items, str) else " "
    return frozenset(joint.join(items[at : at + size]) for at in range(max(1, len(items) - size + 1)))


def views(text: str) -> tuple[frozenset[str], ...]:
    """Return the shingle sets by which two texts may be compared.

    Words as written and words without punctuation; where Chinese occurs, also with each Chinese
    character as a word, and characters alone: whichever of them a later stage prefers, texts that
    this gate keeps apart are apart there, too.
    """
    folded = text.casefold()
    both = (shingles(folded.split()), shingles(words(text)))
    if not has_chinese(text):
        return both
    return (*both, shingles("".join(map(_parted, folded)).split()), shingles("".join(folded.split())))


def _parted(char: str) -> str:
    """Set a Chinese character apart, and let Chinese punctuation part words."""
    if "\u4e00" <= char <= "\u9fff":
        return f" {char} "
    return char if char.isascii() or char.isalnum() else " "


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of shingles that both sets hold."""
    return len(one & other) / len(one | other)


class Gate:
    """Remembers the shingles of all admitted questions."""

    def __init__(self, limit: float = 0.6) -> None:
        self._limit = limit
        self._sets: list[frozenset[str]] = []
        self._holders: defaultdict[str, list[int]] = defaultdict(list)

    def admit(self, text: str) -> bool:
        """Admit `text` unless its Jaccard similarity with an admitted one reaches the limit."""
        candidate = views(text)
        if any(self._nearest(view) >= self._limit for view in candidate):
            return False
        for view in candidate:
            self._sets.append(view)
            for shingle in view:
                self._holders[shingle].append(len(self._sets) - 1)
        return True

    def _nearest(self, view: frozenset[str]) -> float:
        shared = Counter(holder for shingle in view for holder in self._holders.get(shingle, ()))
        return max(
            (both / (len(view) + len(self._sets[holder]) - both) for holder, both in shared.items()),
            default=0.0,
        )
