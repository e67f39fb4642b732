"""`thinkmix serve`: builds every night, and from a form in the browser."""

import os
from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.building import (
    EngineOption,
    ExchangeOption,
    MemoryOption,
    SchedulerOption,
    WorkersOption,
)
from thinkmix.flows.cli.terminal import (
    JsonOption,
    NotifyOption,
    StoreOption,
    WebhookOption,
    app,
    say,
    say_json,
)


@app.command(
    epilog='Example: thinkmix serve math-7-3 --store store --cron "0 2 * * *" --timezone Asia/Shanghai'
)
def serve(
    recipes: Annotated[
        list[str], typer.Argument(help="Names of shipped recipes, or paths of YAML files.", metavar="RECIPE…")
    ],
    store: StoreOption = Path("build/store"),
    cron: Annotated[
        str, typer.Option(help="When to build: minute, hour, day, month, weekday.")
    ] = "0 2 * * *",
    timezone: Annotated[str, typer.Option(help="Time zone of --cron, like Asia/Shanghai.")] = "UTC",
    name: Annotated[str | None, typer.Option(help="Name of the deployment; the mixture's if unset.")] = None,
    workers: WorkersOption = None,
    worker_memory: MemoryOption = None,
    engine: EngineOption = None,
    scheduler: SchedulerOption = None,
    exchange: ExchangeOption = None,
    webhook: WebhookOption = None,
    notify: NotifyOption = None,
    automate: Annotated[
        bool,
        typer.Option(
            "--automations",
            help="Have the server mark runs as crashed that fall silent, and tell the webhook of them.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Build recipes on a schedule and on demand, one at a time, until this process is ended.

    Needs a Prefect server that stays (PREFECT_API_URL). Every scheduled run reads its recipe's file anew;
    the form in the server's browser page starts a build of what is filled in there.
    """
    from thinkmix.flows.executor.engine import executor_from_flags as stated_engine
    from thinkmix.flows.runs.webhook import NOTIFY, URL, check_webhook, find_webhook

    if webhook:  # the processes of the builds inherit it: parameters of a run are for everyone to see
        found = check_webhook(webhook, notify)
        os.environ.update({URL: found.url, NOTIFY: ",".join(sorted(found.told))})
    place = stated_engine(kind=engine, memory=worker_memory, scheduler=scheduler, exchange=exchange)
    from thinkmix.flows.orchestrate import serve as serving
    from thinkmix.flows.orchestrate.scheduler import check_server
    from thinkmix.flows.store.store import Store

    store = store.resolve()
    served = serving.nightly(recipes, name)
    deployments = [
        serving.deployment(stated, store, cron=cron, timezone=timezone, workers=workers, engine=place)
        for stated in served
    ]
    url = check_server()
    serving.settle_all(served, Store(store))
    made: list[str] = []
    if automate:
        from thinkmix.flows.orchestrate.automations import create_automations

        made = create_automations(find_webhook())
    facts = [
        {"deployment": f"{known.flow_name}/{known.name}", "recipe": str(stated.file), "cron": cron}
        for known, stated in zip(deployments, served, strict=True)
    ]
    if as_json:
        say_json({"server": url, "timezone": timezone, "deployments": facts, "automations": made})
    else:
        for fact in facts:
            say(f"{fact['deployment']}: {cron} {timezone}, {fact['recipe']}")
        for automation in made:
            say(f"automation  {automation}")
    serving.serve(deployments)
