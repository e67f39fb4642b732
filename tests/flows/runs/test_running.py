"""The note of the build that is under way: what a killed build leaves, and how the next one settles it."""

import os
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from thinkmix.flows.runs.recording import record_run
from thinkmix.flows.runs.running import Running, Scheduled, record_killed
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import MixtureError


class Notices:
    """Keeps what it is told of killed builds."""

    def __init__(self) -> None:
        self.seen: list[tuple[str | None, bool]] = []

    def __call__(self, left: Running, known: bool) -> None:
        """Keep it."""
        self.seen.append((left.flow_run, known))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with the folder of one mixture."""
    (tmp_path / "small").mkdir()
    return Store(tmp_path)


@pytest.fixture
def leave(store: Store) -> Callable[..., None]:
    """Leave the note of a build whose process is gone, or of one that lives."""

    def write(**changes: object) -> None:
        note = {
            "mixture": "small",
            "started": "2026-01-02T02:00:00+00:00",
            "pid": 1,
            "boot": "b",
            "born": "7",
        }
        store.log.note_running("small", {**note, "flow_run": "dead", **changes})

    return write


def note(store: Store) -> dict[str, object] | None:
    """Return what is noted."""
    content = store.log.noted_running("small")
    return None if content is None else orjson.loads(content)


def test_build_is_noted_while_it_runs(store: Store):
    """The note names this process and the scheduler's run, and is gone when the build has ended."""
    with record_run(store, "small", Scheduled("run-1")):
        noted = note(store)
        assert noted is not None
        assert (noted["pid"], noted["flow_run"], noted["mixture"]) == (os.getpid(), "run-1", "small")
        assert Running.model_validate(noted).alive()
    assert note(store) is None


def test_failed_build_leaves_no_note(store: Store):
    """A build that fails has its line in the history, so there is nothing to settle."""
    with pytest.raises(MixtureError), record_run(store, "small"):
        raise MixtureError("too little")
    assert note(store) is None
    assert [line["error"] for line in store.log.runs("small")] == ["mixture_error"]


@pytest.mark.acceptance("A27")
def test_killed_build_gets_its_line_and_its_end(store: Store, leave: Callable[..., None]):
    """The next build writes `killed` into the history, tells the scheduler, and notes itself."""
    leave()
    notices = Notices()
    with record_run(store, "small", Scheduled("living", notices)):
        assert note(store)["flow_run"] == "living"
    assert notices.seen == [("dead", False)]
    (line,) = store.log.runs("small")
    assert (line["started"], line["status"], line["error"]) == (
        "2026-01-02T02:00:00+00:00",
        "failed",
        "killed",
    )


def test_settling_twice_changes_nothing(store: Store, leave: Callable[..., None]):
    """A build that dies while it settles another leaves work that can be done again: one line, not two."""
    notices = Notices()
    for _ in range(2):
        leave()
        record_killed(store, "small", Scheduled(killed=notices))
    assert len(store.log.runs("small")) == 1
    assert notices.seen == [("dead", False), ("dead", True)]


def test_build_killed_after_it_was_recorded_stays_as_recorded(store: Store, leave: Callable[..., None]):
    """What the history says of a run stands, even if its process died before it removed the note."""
    leave()
    store.log.record_run("small", {"started": "2026-01-02T02:00:00+00:00", "status": "published"})
    notices = Notices()
    record_killed(store, "small", Scheduled(killed=notices))
    assert [line["status"] for line in store.log.runs("small")] == ["published"]
    assert notices.seen == [("dead", True)]


def test_run_that_the_scheduler_starts_over_is_not_its_own_corpse(store: Store, leave: Callable[..., None]):
    """A retried run keeps its id: the killed attempt gets a line, the living run is not called crashed."""
    leave(flow_run="again")
    notices = Notices()
    with record_run(store, "small", Scheduled("again", notices)):
        pass
    assert notices.seen == []
    assert [line["error"] for line in store.log.runs("small")] == ["killed"]


@pytest.mark.acceptance("A27")
def test_living_process_is_left_alone(store: Store):
    """A process that still runs has only failed to remove its note: no line, no crash."""
    with record_run(store, "small"):
        living = note(store)
    store.log.note_running("small", living)
    notices = Notices()
    record_killed(store, "small", Scheduled(killed=notices))
    assert notices.seen == []
    assert store.log.runs("small") == []


@pytest.mark.parametrize("changed", [{"born": "1"}, {"boot": "another"}])
def test_pid_of_another_process_does_not_count(store: Store, changed: dict[str, str]):
    """A pid that was used again, or is from before the machine was restarted, is no sign of life."""
    with record_run(store, "small"):
        living = note(store)
    assert not Running.model_validate({**living, **changed}).alive()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
def test_torn_note_is_passed_over(store: Store, content: bytes):
    """A note that a power loss tore is no reason not to build."""
    (store.root / "small" / "running.json").write_bytes(content)
    notices = Notices()
    with record_run(store, "small", Scheduled(killed=notices)):
        pass
    assert notices.seen == []
    assert note(store) is None
