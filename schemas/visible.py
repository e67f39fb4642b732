"""Whether a text shows anything: white space, joiners, fillers and variation selectors do not."""

_RANGES = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""What Unicode calls default-ignorable, and the blank of Braille; the kernels know the same characters."""
_UNSEEN = frozenset(chr(code) for first, last in _RANGES for code in range(first, last + 1))


def is_visible(text: str) -> bool:
    """Return whether a text has a character that a reader sees."""
    return any(not char.isspace() and char not in _UNSEEN for char in text)
