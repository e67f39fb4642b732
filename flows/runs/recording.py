"""A run on record: the history knows of it, whichever way it ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from thinkmix.flows.runs.nights import NightRun, stamp
from thinkmix.flows.runs.running import UNSCHEDULED, Scheduled, noted
from thinkmix.flows.store.store import Store


@contextmanager
def recorded(store: Store, mixture: str, scheduled: Scheduled = UNSCHEDULED) -> Iterator[NightRun]:
    """Yield a run that the mixture's history will know of, whichever way it ends.

    A run that is killed leaves a note, by which the next one knows of it.
    """
    night = NightRun(store, mixture)
    with noted(store, mixture, stamp(night.started), scheduled):
        try:
            yield night
        except BaseException as error:
            if not night.told:
                from thinkmix.flows.runs.failure import failed  # noqa: PLC0415 - few builds fail

                raised = failed(night, error)
                if raised is not error:
                    raise raised from error
            raise
