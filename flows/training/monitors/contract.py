"""What a monitor is: it takes the numbers of a training while that runs, through its own library."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Protocol

from thinkmix.schemas.errors import TrainError


@dataclass(frozen=True)
class MonitoredRun:
    """One training as monitors name it: no text of a row and no secret is in it."""

    project: str
    """The mixture."""
    name: str
    """Name of the output folder."""
    key: str
    """What a resumed run has in common with the one that it goes on from: 16 digits of a digest."""
    folder: Path
    """Where a monitor that writes files puts them; it lies beside the output and stays."""
    config: Mapping[str, str | int | float | bool]


class Monitor(Protocol):
    """One of the monitors. What it raises is told once and ends the monitor, never the training."""

    name: ClassVar[str]
    """What `--report-to` calls it."""
    package: ClassVar[str]
    """What pip installs."""
    module: ClassVar[str]
    """What is imported."""

    def begin(self, run: MonitoredRun) -> None:
        """Open the run, or the one of the same key again."""

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Take numbers of a step."""

    def end(self, *, failed: bool) -> None:
        """Close the run."""


def check_installed(monitor: type[Monitor]) -> None:
    """Refuse a monitor whose library is not installed, before anything is loaded.

    Raises:
        TrainError: naming the command that installs it.
    """
    if find_spec(monitor.module) is None:
        msg = f"--report-to {monitor.name} needs its library: pip install {monitor.package}"
        raise TrainError(msg)
