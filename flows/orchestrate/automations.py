"""Runs whose process died: the Prefect server marks them as crashed, and sends a message."""

import sys
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import httpx
from prefect.automations import Automation, CallWebhook, ChangeFlowRunState, EventTrigger, Posture
from prefect.blocks.webhook import Webhook as WebhookBlock
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.events.actions import Action
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Crashed

from thinkmix.flows.runs.webhook import Webhook

FLOW = "build-mixture"
"""Name of the flow that all builds are runs of."""

BLOCKED = "Blocked"
"""Name of the state of a run whose version was built and must be looked at; its type is Failed."""

SILENCE = timedelta(seconds=540)
"""How long a run may be silent. Three times Prefect's own pause between two signs of life, 180 s: with less,
healthy runs were marked as crashed (Prefect issues 18653 and 20887)."""

SILENT_RUNS = "thinkmix: a run that fell silent has crashed"
CRASHED_RUNS = "thinkmix: tell of a crashed run"
BLOCK = "thinkmix-webhook"

UNREACHABLE = (httpx.HTTPError, PrefectException, OSError)
"""What the client raises when a server does not answer, or says no."""

_RUNS = "prefect.flow-run."
_ENDS = {f"{_RUNS}{state}" for state in ("Completed", "Failed", BLOCKED, "Cancelled", "Crashed")}
_PAYLOAD = (
    '{"text": {{ ("*" ~ (flow_run.parameters.recipe.name | default(flow_run.name) | e) ~ "* failed: '
    'its process was killed or fell silent. What was published before is untouched.") | tojson }}}'
)


def create_automations(webhook: Webhook | None, *, silence: timedelta = SILENCE) -> list[str]:
    """Have the server watch over all builds, also those of other machines; return the automations' names.

    New ones replace those of before. The server calls the webhook only for crashed runs: a run that
    fails has a process that tells why.

    Args:
        webhook: where to tell of crashed runs; its address goes into a block that the server encrypts.
        silence: after how long without a sign of life a run has crashed.
    """
    made = [_create(SILENT_RUNS, _silent(silence), _crash())]
    if webhook and "failed" in webhook.told:
        block = WebhookBlock(url=webhook.url, headers={"Content-Type": "application/json"})
        saved = block.save(BLOCK, overwrite=True)
        made.append(_create(CRASHED_RUNS, _crashed(), CallWebhook(block_document_id=saved, payload=_PAYLOAD)))
    return made


def rename(flow_run: str | None, name: str) -> None:
    """Call a run by another name; a server that does not answer keeps the old one."""
    if flow_run is None:
        return
    with suppress(*UNREACHABLE), get_client(sync_client=True) as client:
        client.set_flow_run_name(UUID(flow_run), name)


def server_tells() -> bool:
    """Return whether the server calls the webhook for crashed runs, so that nobody else need."""
    try:
        with get_client(sync_client=True) as client:
            return any(found.enabled for found in client.read_automations_by_name(CRASHED_RUNS))
    except UNREACHABLE:  # better told twice than not at all
        return False


def settle_crashed(flow_run: str) -> bool:
    """Mark a run as crashed whose process is known to be gone.

    Returns:
        Whether people are still to be told: nobody had noticed, and the server does not tell them.
    """
    tells = server_tells()
    try:
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(UUID(flow_run))
            if run.state is not None and run.state.is_final():
                return False
            state: State[None] = Crashed(
                message="Its process was killed: another build has its mixture's lock now."
            )
            client.set_flow_run_state(run.id, state, force=True)
    except ObjectNotFound:  # the run of another server, or of a database that was deleted
        return True
    except UNREACHABLE as error:
        trouble = type(error).__name__
        sys.stderr.write(f"thinkmix: Prefect does not know that flow run {flow_run} was killed: {trouble}\n")
        return True
    return not tells


def _silent(silence: timedelta) -> EventTrigger:
    return EventTrigger(
        posture=Posture.Proactive,
        after={f"{_RUNS}Running", f"{_RUNS}heartbeat"},  # one that dies at once never gave a sign
        expect={f"{_RUNS}heartbeat", *_ENDS},
        match={"prefect.resource.id": f"{_RUNS}*"},
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": FLOW},
        for_each={"prefect.resource.id"},
        threshold=1,
        within=silence,
    )


def _crashed() -> EventTrigger:
    return EventTrigger(
        posture=Posture.Reactive,
        expect={f"{_RUNS}Crashed"},
        match={"prefect.resource.id": f"{_RUNS}*"},
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": FLOW},
        for_each={"prefect.resource.id"},
        threshold=1,
    )


def _crash() -> ChangeFlowRunState:
    return ChangeFlowRunState(state=StateType.CRASHED, message="No sign of life: its process is gone.")


def _create(name: str, trigger: EventTrigger, action: Action) -> str:
    """Put an automation in the place of those of the same name."""
    with get_client(sync_client=True) as client:
        for old in client.read_automations_by_name(name):
            client.delete_automation(old.id)
    Automation(name=name, trigger=trigger, actions=[action]).create()
    return name
