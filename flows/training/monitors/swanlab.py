"""SwanLab: offline unless SWANLAB_MODE says otherwise; `swanlab sync` sends it later."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from thinkmix.flows.training.monitors.contract import MonitoredRun


class SwanLab:
    """Logs into a project named after the mixture."""

    name: ClassVar[str] = "swanlab"
    package: ClassVar[str] = "swanlab"
    module: ClassVar[str] = "swanlab"

    _library: Any = None

    def begin(self, run: MonitoredRun) -> None:
        """Open a run, or the one of the same key again where the mode has such."""
        import swanlab  # noqa: PLC0415 - an extra of the user's

        self._library = swanlab
        mode = os.environ.get("SWANLAB_MODE", "offline")
        again = {} if mode in ("offline", "local") else {"id": run.key.ljust(21, "0"), "resume": "allow"}
        swanlab.init(
            project=run.project,
            experiment_name=run.name,
            config=dict(run.config),
            logdir=str(run.folder / self.name),
            mode=mode,
            **again,
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log the numbers of a step."""
        self._library.log(dict(numbers), step=step)

    def end(self, *, failed: bool) -> None:
        """Close the run."""
        self._library.finish()
