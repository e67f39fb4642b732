"""How a command is stopped from outside: a signal becomes an exception, so that all it began is settled."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """The process was asked to end. No `KeyboardInterrupt`: libraries take that for their own."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped from outside ({signal.Signals(number).name})")
        self.exit_code = 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` on the first signal that asks to end, and ignore those that come while it is settled.

    A terminal and `make` both send one. Signals that are ignored, as `nohup` does, stay ignored.
    """
    if threading.current_thread() is not threading.main_thread():  # the only one that may handle signals
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    mine = [number for number, handler in before.items() if handler != signal.SIG_IGN]

    def stop(number: int, frame: FrameType | None) -> None:
        for each in mine:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for number in mine:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])


def interrupt_as_usual() -> None:
    """Let an interrupt be a `KeyboardInterrupt` again: without it no event loop cancels its tasks."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
