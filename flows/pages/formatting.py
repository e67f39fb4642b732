"""How pages write names and numbers."""


def grouped(number: float) -> str:
    """Return a whole number with narrow spaces between thousands."""
    return f"{round(number):,}".replace(",", "\u202f")


def percent(share: float) -> str:
    """Return a part in percent, with a decimal if it is small."""
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}" if share >= 0.0005 else "<0.1%"
