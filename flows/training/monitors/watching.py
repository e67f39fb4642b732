"""A training that is watched by monitors: each is told what the terminal is told, and none may end it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

from thinkmix.flows.store.paths import open_version
from thinkmix.flows.training.monitors.contract import Monitor, MonitoredRun, check_installed
from thinkmix.flows.training.monitors.known import MONITORS
from thinkmix.flows.training.pace import View, speaks
from thinkmix.schemas.errors import NotFound, ThinkmixError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.names import public_name
from thinkmix.train.output.result import Evaluation, Progress, Start


def monitors_named(names: Sequence[str]) -> tuple[type[Monitor], ...]:
    """Return the monitors of these names, each once, if their libraries are installed.

    Raises:
        NotFound: if no monitor has a name.
        TrainError: if a library is not installed.
    """
    known = {monitor.name: monitor for monitor in MONITORS}
    for name in names:
        if name not in known:
            msg = f"there is no monitor {name!r}; a training reports to {', '.join(known)}"
            raise NotFound(msg)
        check_installed(known[name])
    return tuple(known[name] for name in dict.fromkeys(names))


@contextmanager
def watched(
    view: View,
    monitors: Sequence[type[Monitor]],
    *,
    version: Path,
    model: str | None,
    plan: TrainPlan,
    output: Path,
) -> Iterator[View]:
    """Yield a view that tells monitors, too, and close them however the training ends.

    Only the process that speaks for the run tells any.
    """
    if not monitors or not speaks():
        yield view
        return
    told = _Watched(view, _run(version, model, plan, output), [monitor() for monitor in monitors])
    failed = True
    try:
        yield told
        failed = False
    finally:
        told.end(failed=failed)


def _run(version: Path, model: str | None, plan: TrainPlan, output: Path) -> MonitoredRun:
    with suppress(ThinkmixError):  # the training itself says what is wrong with it
        version = open_version(version)
    version, output = version.resolve(), output.resolve()
    mixture = version.parents[1].name if version.parent.name == "versions" else version.name
    stated = {
        name: value
        for name, value in plan.model_dump(mode="json").items()
        if isinstance(value, str | int | float | bool)
    }
    config = {**stated, "mixture": mixture, "version": version.name, "model": public_name(model or "")}
    key = sha256(f"{output}\0{sorted(config.items())}".encode()).hexdigest()[:16]
    return MonitoredRun(mixture, output.name, key, output.with_name(f"{output.name}.monitors"), config)


@dataclass
class _Watched:
    """A view that tells monitors what it is told."""

    view: View
    run: MonitoredRun
    monitors: list[Monitor]
    open: list[Monitor] = field(default_factory=list)
    begun: bool = False
    early: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)
    """What was measured before the first step."""

    def begin(self, start: Start) -> None:
        self.view.begin(start)
        for monitor in self.monitors:
            if self._tell(monitor, partial(monitor.begin, self.run)):
                self.open.append(monitor)
        for step, numbers in self.early:
            self._log(step, numbers)
        self.early.clear()
        self.begun = True

    def step(self, told: Progress, pace: float) -> None:
        self.view.step(told, pace)
        self._log(
            told.step,
            {
                "train/loss": told.loss,
                "train/learning_rate": told.learning_rate,
                "train/tokens": float(told.tokens),
                "train/tokens_per_second": pace,
            },
        )

    def point(self, found: Evaluation) -> None:
        self.view.point(found)
        numbers = {"heldout/loss": found.total.loss}
        numbers |= {f"heldout/source/{name}": loss.loss for name, loss in found.by_source.items()}
        numbers |= {f"heldout/mode/{name}": loss.loss for name, loss in found.by_mode.items()}
        self._log(found.step, numbers)

    def say(self, sentence: str) -> None:
        self.view.say(sentence)

    def end(self, *, failed: bool) -> None:
        """Close every monitor."""
        for monitor in self.open:
            self._tell(monitor, partial(monitor.end, failed=failed))
        self.open.clear()

    def _log(self, step: int, numbers: Mapping[str, float]) -> None:
        if not self.begun and not self.open:
            self.early.append((step, numbers))
        for monitor in self.open[:]:
            if not self._tell(monitor, partial(monitor.log, step, numbers)):
                self.open.remove(monitor)

    def _tell(self, monitor: Monitor, act: Callable[[], None]) -> bool:
        """Return whether a monitor took it; if not, say so once."""
        try:
            act()
        except Exception as error:  # of a library or its disk: the training goes on
            self.view.say(
                f"{monitor.name} takes no more numbers of this run: {type(error).__name__}: {error}"
            )
            return False
        return True
