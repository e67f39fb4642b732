"""What a recipe says of sampling: the part of each source, the size, and what is held out."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from thinkmix.schemas.patterns import Name
from thinkmix.schemas.record import Record

Unit = Literal["examples", "tokens", "trainable_tokens"]
"""What shares count."""


class MixPlan(Record):
    """How the final mixture is composed."""

    shares: Mapping[Name, Annotated[float, Field(ge=0, le=1_000_000)]] = Field(min_length=1, max_length=256)
    """Part of each source in what is not replay: fractions that sum to 1, or whole numbers as a ratio."""
    replay: tuple[Name, ...] = Field(default=(), max_length=256)
    """Sources of what the model can do already, read again so that it is not forgotten; not in `shares`."""
    replay_share: float = Field(default=0.1, gt=0, lt=1)
    """Fraction of the final mixture that is replay, in equal parts per source of `replay`."""
    unit: Unit = "examples"
    """What a share is a fraction of."""
    size: int | None = Field(default=None, ge=1, le=10**15)
    """Examples (or tokens, by `unit`) in the mixture; unset means as many as the shares allow."""
    when_short: Literal["shrink", "repeat", "fail"] = "shrink"
    """What to do when a source cannot fill its share of `size`: a smaller mixture, repeats, or no build."""
    eval_share: float = Field(default=0.02, ge=0, le=0.5)
    """Fraction held out for evaluation; whole clusters, so no near-duplicate is on both sides."""

    @field_validator("shares")
    @classmethod
    def _shares_sum_to_one(cls, shares: Mapping[str, float]) -> Mapping[str, float]:
        total = sum(_decimal(share) for share in shares.values())
        if total == 0:
            msg = "all shares are 0: give one of the sources more"
            raise ValueError(msg)
        if total != 1 and not _are_ratio(shares.values()):
            msg = (
                f"shares sum to {float(total):g}, and fractions must sum to 1: change one, "
                "or write whole numbers as a ratio, as 7 and 3"
            )
            raise ValueError(msg)
        return shares

    @model_validator(mode="after")
    def _repeats_end(self) -> Self:
        if self.when_short == "repeat" and self.size is None:
            msg = "when_short: repeat needs a size, or the mixture would have no end: state `size`"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _replay_has_one_share(self) -> Self:
        named = [*self.shares, *self.replay]
        if twice := sorted({name for name in self.replay if named.count(name) > 1}):
            msg = (
                f"a replay source has its share by replay_share: name {', '.join(twice)} once, and only there"
            )
            raise ValueError(msg)
        return self

    def exact_shares(self) -> dict[str, Fraction]:
        """Return each source's share of the final mixture, replay included; they sum to 1 exactly.

        Shares are the decimals that were written, not their binary neighbours.
        """
        replayed = _decimal(self.replay_share) if self.replay else Fraction(0)
        total = sum(_decimal(share) for share in self.shares.values())  # 1, unless they are a ratio
        shares = {name: (1 - replayed) * _decimal(share) / total for name, share in self.shares.items()}
        return shares | {name: replayed / len(self.replay) for name in self.replay}


def _decimal(share: float) -> Fraction:
    return Fraction(repr(share))


def _are_ratio(shares: Iterable[float]) -> bool:
    return all(share == int(share) for share in shares)
