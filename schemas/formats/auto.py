"""The word for a format that is to be recognised from the rows."""

from typing import Literal

from thinkmix.schemas.formats.contract import Format


class Auto(Format):
    """The format that the first rows of every file are recognised as; this class itself reads nothing."""

    type: Literal["auto"] = "auto"
    """Name of the format."""
