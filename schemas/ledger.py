"""The ledger: at every stage, rows, messages, text and tokens in = kept + the sum dropped by reason."""

from collections.abc import Iterable, Mapping
from typing import Self

from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.record import Record

VALIDATE, DEDUP, RENDER, MIX = "validate", "dedup", "render", "mix"
"""The stages that the ledger counts, in the order of the rows."""


class Amount(Record):
    """How much of a source: all counts are of the same rows.

    `text_bytes` counts the UTF-8 bytes of a raw row's strings, measured once when it is read.
    Examples exist from rendering on, and tokens of those that were rendered, which is as far as sampling
    goes; elsewhere they are 0.
    """

    rows: int = 0
    messages: int = 0
    text_bytes: int = 0
    examples: int = 0
    tokens: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            rows=self.rows + other.rows,
            messages=self.messages + other.messages,
            text_bytes=self.text_bytes + other.text_bytes,
            examples=self.examples + other.examples,
            tokens=self.tokens + other.tokens,
        )


class StageCount(Record):
    """What one stage did to one source."""

    stage: str
    source: str
    read: Amount = Amount()
    kept: Amount = Amount()
    dropped: Mapping[str, Amount] = {}

    def __add__(self, other: "StageCount") -> "StageCount":
        """Add two parts of the same stage and source.

        Raises:
            LedgerError: if they are of different ones.
        """
        if (self.stage, self.source) != (other.stage, other.source):
            msg = f"{self.stage} of {self.source} cannot be added to {other.stage} of {other.source}"
            raise LedgerError(msg)
        reasons = sorted({*self.dropped, *other.dropped})
        return StageCount(
            stage=self.stage,
            source=self.source,
            read=self.read + other.read,
            kept=self.kept + other.kept,
            dropped={
                reason: self.dropped.get(reason, Amount()) + other.dropped.get(reason, Amount())
                for reason in reasons
            },
        )

    def check(self) -> Self:
        """Return the count if it balances in every unit.

        Raises:
            LedgerError: naming stage, source and both sides.
        """
        out = sum(self.dropped.values(), self.kept)
        if out != self.read:
            msg = f"{self.stage} of {self.source} does not balance: read {self.read!r}, accounted {out!r}"
            raise LedgerError(msg)
        return self


class TurnCount(Record):
    """What became of the turns of a source's valid rows: turns = trained + the sum of context by reason."""

    source: str
    turns: int = 0
    trained: int = 0
    """Turns that are examples, unless a later stage drops them."""
    context: Mapping[str, int] = {}
    """Turns that are shown and not learned, by `thinkmix.schemas.reasons.Context`."""

    def __add__(self, other: "TurnCount") -> "TurnCount":
        """Add what the next shard of the source holds."""
        reasons = sorted({*self.context, *other.context})
        return TurnCount(
            source=self.source,
            turns=self.turns + other.turns,
            trained=self.trained + other.trained,
            context={
                reason: self.context.get(reason, 0) + other.context.get(reason, 0) for reason in reasons
            },
        )

    def check(self, ledger: "Ledger") -> Self:
        """Return the count if it balances, and is of the turns that validation kept.

        Raises:
            LedgerError: naming the source and both sides.
        """
        kept = ledger.of("validate").get(self.source)
        if self.turns != self.trained + sum(self.context.values()) or (
            kept and kept.kept.messages != self.turns
        ):
            msg = f"the turns of {self.source} do not balance: {self!r}, of {kept.kept if kept else None!r}"
            raise LedgerError(msg)
        return self


class Ledger(Record):
    """The counts of all stages in the order they ran."""

    stages: tuple[StageCount, ...]

    def check(self) -> Self:
        """Return the ledger if every stage balances and reads exactly what the one before it kept.

        Raises:
            LedgerError: naming the stage, the source and both amounts.
        """
        kept: dict[str, StageCount] = {}
        for count in self.stages:
            count.check()
            before = kept.get(count.source)
            if before and not _continues(before, count):
                msg = (
                    f"{count.stage} of {count.source} read {count.read!r}, "
                    f"but {before.stage} kept {before.kept!r}"
                )
                raise LedgerError(msg)
            kept[count.source] = count
        return self

    def of(self, stage: str) -> dict[str, StageCount]:
        """Return the counts of one stage by source."""
        return {count.source: count for count in self.stages if count.stage == stage}


def total(parts: Iterable[StageCount]) -> StageCount:
    """Add up the parts (shards) of one stage and source; there must be at least one."""
    first, *rest = parts
    return sum(rest, first)


def _continues(before: StageCount, count: StageCount) -> bool:
    """Return whether a stage read what the one before it kept; examples exist only from rendering on."""
    born = {} if before.read.examples else {"examples": 0, "tokens": 0}
    return before.kept.model_copy(update=born) == count.read.model_copy(update=born)
