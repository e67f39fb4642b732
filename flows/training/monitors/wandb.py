"""Weights & Biases: offline unless WANDB_MODE says otherwise; `wandb sync` sends it later."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from thinkmix.flows.training.monitors.contract import MonitoredRun


class WandB:
    """Logs into a project named after the mixture."""

    name: ClassVar[str] = "wandb"
    package: ClassVar[str] = "wandb"
    module: ClassVar[str] = "wandb"

    _run: Any = None

    def begin(self, run: MonitoredRun) -> None:
        """Open a run, or the one of the same key again."""
        import wandb  # noqa: PLC0415 - an extra of the user's

        folder = run.folder / self.name
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=run.project,
            name=run.name,
            id=run.key,
            resume="allow",
            config=dict(run.config),
            dir=str(folder),
            mode=os.environ.get("WANDB_MODE", "offline"),
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log the numbers of a step."""
        self._run.log(dict(numbers), step=step)

    def end(self, *, failed: bool) -> None:
        """Close the run."""
        self._run.finish(exit_code=1 if failed else 0)
