"""The clock's side of a training run, `timing.json`: kept apart from the manifest, which equal runs share."""

from datetime import datetime

from pydantic import Field

from schemas.record import Record

TIMING = "timing.json"
"""Name of the file beside training.json."""


class StepTime(Record):
    """How long one step took."""

    step: int = Field(ge=1)
    seconds: float = Field(ge=0)
    """Since the step before was told of, measurements in between included."""
    tokens: int = Field(ge=0)
    """Tokens that the model read in it; padding is not counted."""
    trained_tokens: int = Field(ge=0)
    """Of these, the tokens that carried loss."""


class Timing(Record):
    """When a run was, how fast it went and what it needed."""

    began: datetime
    """UTC."""
    seconds: float = Field(ge=0)
    """From the command's start to the weights' being written; loading and measuring included."""
    resumed_at: int = Field(ge=0)
    """Step after which this run went on; 0 for one that began anew."""
    steps: tuple[StepTime, ...]
    """Those that this run made itself: after a resumption, not the earlier ones."""
    peak_memory: int = Field(ge=0)
    """Bytes of resident memory of this process at its highest."""
    peak_device_memory: int | None = Field(default=None, ge=0)
    """Bytes that torch had allocated on the accelerator at its highest; None on a CPU."""
    device: str
    """Name of the accelerator, or the CPU's."""
    processes: int = Field(default=1, ge=1)
    """How many trained together."""
