"""Prefect's settings for a quiet, offline, sound build; each only where the user has set none."""

import os
from pathlib import Path

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    # a fresh database on a busy machine takes longer than the default of 20 s
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # the recorder writes one task run per transaction, and the temporary server ends before it is done;
    # the interval is cut to an integer, so anything below 1 becomes a busy loop
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    # results are paths and digests; the default serializer would unpickle whatever lies in the store
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}

_TEMPORARY_SERVER = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_CLI_PROMPT": "false",
}


def settle_prefect(home: Path | None = None) -> None:
    """Set what is not set yet; has an effect only before `prefect` is imported.

    Args:
        home: folder for the database of a temporary server, used when no `PREFECT_API_URL` is set.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    if home is not None and not os.environ.get("PREFECT_API_URL"):
        home.mkdir(parents=True, exist_ok=True)  # without it the server would start over and over
        os.environ.setdefault("PREFECT_HOME", str(home))
        for name, value in _TEMPORARY_SERVER.items():
            os.environ.setdefault(name, value)
