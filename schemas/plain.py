"""Texts of rows, files and other machines as messages may quote them."""


def plain(text: str, most: int | None = None) -> str:
    """Return text on one line, at most `most` characters of it, without terminal control characters."""
    shown = "".join(char if char.isprintable() else "·" for char in text)
    return shown if most is None or len(shown) <= most else f"{shown[: most - 1]}…"
