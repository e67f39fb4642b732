"""TensorBoard: event files in a folder; a resumed run adds a file to it."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from thinkmix.flows.training.monitors.contract import MonitoredRun


class TensorBoard:
    """Writes event files that `tensorboard --logdir FOLDER` shows."""

    name: ClassVar[str] = "tensorboard"
    package: ClassVar[str] = "tensorboard"
    module: ClassVar[str] = "tensorboard"

    _writer: Any = None

    def begin(self, run: MonitoredRun) -> None:
        """Open the folder of the run."""
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - torch takes seconds

        self._writer = SummaryWriter(str(run.folder / self.name))
        self._writer.add_text("plan", f"```json\n{json.dumps(dict(run.config), indent=1)}\n```")

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write the numbers of a step."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, *, failed: bool) -> None:
        """Close the file."""
        self._writer.close()
