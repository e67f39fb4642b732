"""Prefect's settings: those that people stated, and ours for a quiet, offline, sound build."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # a fresh database on a busy machine takes longer than the default of 20 s
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # the recorder writes one task run per transaction, and the temporary server ends before it is done;
    # the interval is cut to an integer, so anything below 1 becomes a busy loop
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # a stage has nothing to add to the line with its rows and reasons that the flow logs
    "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "WARNING",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    # results are paths and digests; the default serializer would unpickle whatever lies in the store
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}


def settle_prefect() -> None:
    """Set what is not set yet; has an effect only before `prefect` is imported."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def profile_settings(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the settings of Prefect's active profile, and over them those of the environment."""
    given = os.environ if environment is None else environment
    try:
        home = Path(given.get("PREFECT_HOME") or Path.home() / ".prefect")
        place = Path(given.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
        profiles = tomllib.loads(place.read_text(encoding="utf-8"))
        active = given.get("PREFECT_PROFILE") or profiles.get("active", "")
        profile = {name: str(value) for name, value in profiles["profiles"][active].items()}
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, TypeError):  # no home, no profile
        profile = {}
    return profile | {name: value for name, value in given.items() if name.startswith("PREFECT_") and value}


def server() -> str | None:
    """Return the address of the Prefect server that builds report to; None if nobody named one."""
    return profile_settings().get("PREFECT_API_URL")
