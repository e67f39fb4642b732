"""MLflow: a run in the server that MLFLOW_TRACKING_URI names, or in a database beside the output."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from thinkmix.flows.training.monitors.contract import MonitoredRun

_TAG = "thinkmix.key"


class MLflow:
    """Logs into an experiment named after the mixture."""

    name: ClassVar[str] = "mlflow"
    package: ClassVar[str] = "mlflow"
    module: ClassVar[str] = "mlflow"

    _client: Any = None
    _run: str = ""

    def begin(self, run: MonitoredRun) -> None:
        """Open a run, or the one of the same key again."""
        from mlflow.tracking import MlflowClient  # noqa: PLC0415 - an extra of the user's

        folder = run.folder / self.name
        folder.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder}/mlflow.db")
        known = self._client.get_experiment_by_name(run.project)
        experiment = known.experiment_id if known else self._client.create_experiment(run.project)
        found = self._client.search_runs([experiment], f"tags.`{_TAG}` = '{run.key}'", max_results=1)
        if found:
            self._run = found[0].info.run_id
            return
        made = self._client.create_run(experiment, run_name=run.name, tags={_TAG: run.key})
        self._run = made.info.run_id
        for name, value in run.config.items():
            self._client.log_param(self._run, name, value)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log the numbers of a step."""
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=step)

    def end(self, *, failed: bool) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self._run, status="FAILED" if failed else "FINISHED")
