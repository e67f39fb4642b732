"""A version: may it be trained on, what is in it, and its report; the page of a run that made none, too."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from thinkmix.flows.inspect.rows import Rows
from thinkmix.flows.runs.listing import versions
from thinkmix.flows.runs.reporting import page_of
from thinkmix.flows.runs.standing import of_version
from thinkmix.flows.store.paths import reading
from thinkmix.flows.workspace.places import run_named, store_of, version_named
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import NotFound
from thinkmix.schemas.ledger import StageCount

router = APIRouter()

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
OWN_POLICY = {"Content-Security-Policy": _POLICY}
"""Of a report, which is one file with its style in it: no script, and nothing fetched."""


@router.get("/m/{name}/v/{digest}", response_class=HTMLResponse)
def version(request: Request, name: str, digest: str) -> HTMLResponse:
    """Show a version's verdict, its size, and the ways on from here.

    Raises:
        NotFound: if the store has no such version.
    """
    store = store_of(request)
    with reading(version_named(store, name, digest)) as folder:
        manifest = Rows(folder).manifest
        said, good = of_version(folder)
        current = store.versions.current(name)
        listed = versions(store, name)
        mine = next((one for one in listed if one.version == folder.name), None)
        return show(
            request,
            "version.html.jinja",
            name=name,
            digest=folder.name,
            verdict=said,
            good=good,
            current=current is not None and current.name == folder.name,
            manifest=manifest,
            others=[one for one in listed if one.version != folder.name],
            may_approve=mine is not None and mine.standing in ("blocked", "rolled back"),
            may_return=good and current is not None and current.name != folder.name,
            dropped=_dropped(manifest.ledger.stages),
        )


@router.get("/m/{name}/v/{digest}/report", response_class=HTMLResponse)
def report(request: Request, name: str, digest: str) -> HTMLResponse:
    """Show the report of a version as it lies in the store.

    Raises:
        NotFound: if the store has no such version.
    """
    with reading(version_named(store_of(request), name, digest)) as folder:
        return HTMLResponse(page_of(folder), headers=OWN_POLICY)


@router.get("/m/{name}/run/{run}", response_class=HTMLResponse)
def past_run(request: Request, name: str, run: str) -> HTMLResponse:
    """Show the page that a run left.

    Raises:
        NotFound: if it is gone.
    """
    page = run_named(store_of(request), name, run) / "report.html"
    if not page.is_file():
        msg = f"the page of this run of {name} is gone"
        raise NotFound(msg)
    return HTMLResponse(page.read_text("utf-8"), headers=OWN_POLICY)


def _dropped(stages: tuple[StageCount, ...]) -> list[tuple[str, int]]:
    """Return reasons with the rows that they left out, most rows first."""
    rows: dict[str, int] = {}
    for count in stages:
        for reason, amount in count.dropped.items():
            rows[reason] = rows.get(reason, 0) + amount.rows
    return sorted(
        ((name, number) for name, number in rows.items() if number), key=lambda one: (-one[1], one[0])
    )
