"""A run on record: the history knows of it, whichever way it ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from thinkmix.flows.runs.history import ActiveRun, stamp
from thinkmix.flows.runs.running import UNSCHEDULED, Scheduled, note_build
from thinkmix.flows.store.store import Store


@contextmanager
def record_run(store: Store, mixture: str, scheduled: Scheduled = UNSCHEDULED) -> Iterator[ActiveRun]:
    """Yield a run that the mixture's history will know of, whichever way it ends.

    A run that is killed leaves a note, by which the next one knows of it.
    """
    active = ActiveRun(store, mixture)
    with note_build(store, mixture, stamp(active.started), scheduled):
        try:
            yield active
        except BaseException as error:
            if not active.told:
                from thinkmix.flows.runs.failure import record_failure  # noqa: PLC0415 - few builds fail

                raised = record_failure(active, error)
                if raised is not error:
                    raise raised from error
            raise
