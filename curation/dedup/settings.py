"""What a recipe says of near-duplicates: how they are to be found."""

from typing import Literal, Self

from pydantic import Field, model_validator

from thinkmix.schemas.record import Record

Numbers = Literal["ignore", "distinguish"]
"""Whether two texts that differ in their numbers only are one problem, or two."""


class BandPlan(Record):
    """How MinHash bands are made of a text: all that they depend on."""

    shingle: int = Field(default=5, ge=1, le=32)
    """Words (or, in scripts without spaces, characters) to a shingle."""
    permutations: int = Field(default=120, ge=16, le=1024)
    """Length of a MinHash signature."""
    bands: int = Field(default=20, ge=1, le=256)
    """Bands of the signature; permutations / bands rows each. 120 in 20 find 99.9 % of pairs at 0.8."""
    seed: int = Field(default=1, ge=0, lt=2**32)
    """Decides the permutations."""

    @model_validator(mode="after")
    def _bands_fit(self) -> Self:
        if self.permutations % self.bands:
            msg = f"bands ({self.bands}) must divide permutations ({self.permutations}): change one"
            raise ValueError(msg)
        return self


class DedupPlan(BandPlan):
    """How near-duplicates are found: MinHash bands propose pairs, true Jaccard decides."""

    threshold: float = Field(default=0.8, gt=0, le=1)
    """Jaccard similarity of the shingle sets from which two texts count as the same."""
    numbers: Numbers = "ignore"
    """Whether texts that differ in a number are the same; an exercise with other figures is another one.
    Numbers are digits with sign and point, numerals of Chinese, and words like seven or third."""
