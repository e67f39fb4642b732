"""Home: may I train on what is there, and what became of the last runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from thinkmix.flows.runs.history import TREND, history
from thinkmix.flows.runs.standing import Standing, standing
from thinkmix.flows.store.store import Store
from thinkmix.flows.workspace.places import store_of
from thinkmix.flows.workspace.show import show
from thinkmix.schemas.errors import StoreError
from thinkmix.schemas.run import PastRun

router = APIRouter()


@dataclass(frozen=True)
class Card:
    """One mixture as home shows it."""

    name: str
    standing: Standing | None
    """Unset if its files cannot be read."""
    trouble: str | None
    """Why not."""
    runs: Sequence[PastRun]
    """The last ones, oldest first."""
    building: bool

    @property
    def colour(self) -> str:
        """Return the colour of its light: that of the current version, for that is what is trained on."""
        if self.standing is None or self.standing.current is None:
            return "bad"
        return "good" if self.standing.good else "bad"


def card(store: Store, name: str) -> Card:
    """Return what home shows of a mixture; damage is a sentence on its card, never an error of the page."""
    building = store.building_since(name) is not None
    try:
        return Card(name, standing(store, name), None, history(store, name)[-TREND:], building)
    except (StoreError, OSError) as error:
        return Card(name, None, str(error), (), building)


@router.get("/", response_class=HTMLResponse)
def home(request: Request) -> HTMLResponse:
    """Show every mixture of the store with its light."""
    store = store_of(request)
    cards = [card(store, name) for name in store.mixtures()]
    good = sum(one.standing is not None and one.standing.good for one in cards)
    failed = [one for one in cards if one.standing and one.standing.failed]
    return show(request, "home.html.jinja", cards=cards, good=good, failed=failed)
