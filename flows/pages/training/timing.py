"""The clock's side of a training run, `timing.json`: kept apart from the manifest, which equal runs share."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from thinkmix.flows.store.atomic import write_atomically
from thinkmix.schemas.record import Record
from thinkmix.train.output.result import Progress, Start

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
    """Step after which this run went on; 0 for one that started over."""
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


@dataclass
class Stopwatch:
    """The times of a run while it lasts; they count from when this was made.

    Args:
        clock: returns seconds that never go back.
        began: UTC.
    """

    clock: Callable[[], float] = time.monotonic
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    resumed_at: int = 0
    steps: list[StepTime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = self._last = self.clock()
        self._tokens = self._trained = 0

    def begin(self, start: Start) -> None:
        """Note that the first step of this run is about to be made."""
        self.resumed_at, self._last = start.step, self.clock()
        self._tokens, self._trained = start.tokens, start.trained_tokens

    def note(self, told: Progress) -> None:
        """Note that a step was made."""
        now = self.clock()
        self.steps.append(
            StepTime(
                step=told.step,
                seconds=now - self._last,
                tokens=told.tokens - self._tokens,
                trained_tokens=told.trained_tokens - self._trained,
            )
        )
        self._last, self._tokens, self._trained = now, told.tokens, told.trained_tokens

    @property
    def pace(self) -> float:
        """Return the tokens a second of this run's own steps, measurements included; 0 before the first."""
        seconds = sum(step.seconds for step in self.steps)
        return sum(step.tokens for step in self.steps) / seconds if seconds else 0.0

    def timing(self, device: str) -> Timing:
        """Return what the clock tells, now that the run is over.

        Args:
            device: on which the model was trained: cpu or cuda.
        """
        name, peak = _accelerator() if device == "cuda" else (_processor(), None)
        return Timing(
            began=self.began,
            seconds=self.clock() - self._started,
            resumed_at=self.resumed_at,
            steps=tuple(self.steps),
            peak_memory=_peak_memory(),
            peak_device_memory=peak,
            device=name,
            processes=int(os.environ.get("WORLD_SIZE", "1")),
        )


def write_timing(timing: Timing, output: Path) -> None:
    """Write `timing.json` into the folder of a run, whole or not at all.

    Raises:
        OSError: if the disk refuses.
    """
    write_atomically(output / TIMING, f"{timing.model_dump_json(indent=2)}\n".encode())


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def _accelerator() -> tuple[str, int]:
    import torch  # noqa: PLC0415 - seconds, and an extra; a machine that trained has it

    return torch.cuda.get_device_name(), torch.cuda.max_memory_allocated()


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "CPU"
