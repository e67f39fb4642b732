"""Free text made fit for the middle of a line of markdown, where it is shown and never obeyed."""

_MARKS = "\\`*_[]<>|#{}"


def inline(text: str) -> str:
    """Return text as one line of markdown that shows it literally: no markup, links or control codes."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    for mark in _MARKS:
        line = line.replace(mark, f"\\{mark}")
    return line


def literal(markdown: str) -> str:
    """Return markdown without the backslashes of `inline`, for a reader who would see them."""
    shown = []
    escaped = False
    for char in markdown:
        if escaped and char not in _MARKS:
            shown.append("\\")
        escaped = char == "\\" and not escaped
        if not escaped:
            shown.append(char)
    return "".join(shown) + ("\\" if escaped else "")
