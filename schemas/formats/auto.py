"""The word for a format that is to be recognised from the rows."""

from typing import Literal

from thinkmix.schemas.formats.contract import Format


class Auto(Format):
    """Whatever the first rows of every file are recognised as; nothing is ever read by this itself."""

    type: Literal["auto"] = "auto"
    """Name of the format."""
