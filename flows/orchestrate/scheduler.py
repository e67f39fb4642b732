"""The Prefect server that builds report to: whether it answers, and lets us in."""

from thinkmix.flows.orchestrate.settings import settle_prefect

settle_prefect()

# the settings above are read when prefect is imported
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.settings import get_current_settings  # noqa: E402

from thinkmix.flows.orchestrate import automations  # noqa: E402
from thinkmix.schemas.errors import SchedulerError  # noqa: E402


def check_server() -> str:
    """Return the address of the server that runs are to be scheduled by.

    Raises:
        SchedulerError: if none is named, it does not answer, or it does not let us in.
    """
    url = get_current_settings().api.url
    if not url:
        msg = (
            "serve needs a lasting Prefect server: start `prefect server start --host 127.0.0.1` and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
        raise SchedulerError(msg)
    with get_client(sync_client=True) as client:
        if trouble := client.api_healthcheck():
            msg = f"no Prefect server answers at {url} ({type(trouble).__name__}); see PREFECT_API_URL"
            raise SchedulerError(msg)
        try:
            client.read_flows(limit=1)
        except automations.UNREACHABLE as error:
            msg = f"the Prefect server at {url} refuses us ({_status(error)}); see PREFECT_API_AUTH_STRING"
            raise SchedulerError(msg) from None
    return url


def _status(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(getattr(response, "status_code", type(error).__name__))
