"""How pages write names and numbers."""


def grouped(number: float) -> str:
    """Return a whole number with narrow spaces between thousands."""
    return f"{round(number):,}".replace(",", "\u202f")


def percent(share: float) -> str:
    """Return a part in percent, with a decimal if it is small."""
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}" if share >= 0.0005 else "<0.1%"


def printable(text: str, *, longest: int) -> str:
    """Return text that a chart or a line can hold: no characters that XML refuses, and no more than fits."""
    shown = "".join(char if char.isprintable() else "·" for char in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
