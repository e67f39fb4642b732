"""Jobs for worker processes that end well, badly, or well at the second try; imports nothing heavy."""

import os
import signal
import time
from pathlib import Path

from thinkmix.flows.system.memory import held_bytes

HOARD: list[bytearray] = []


def note(log: Path, word: str) -> str:
    """Add a line to the log and return the word."""
    with log.open("a") as lines:
        lines.write(f"{word} {os.getpid()}\n")
    return word


def wait_for(log: Path, word: str) -> str:
    """Wait until the word is in the log."""
    while not (log.exists() and f"{word} " in log.read_text()):
        time.sleep(0.01)
    return word


def die_once(log: Path, word: str) -> str:
    """Be killed if the word is not in the log yet."""
    seen = log.exists() and any(line.startswith(f"{word} ") for line in log.read_text().splitlines())
    note(log, word)
    if not seen:
        os.kill(os.getpid(), signal.SIGKILL)
    return word


def die(signal_number: int) -> None:
    """Be killed every time."""
    os.kill(os.getpid(), signal_number)


def allocate(size: int) -> int:
    """Ask for memory; it is not touched."""
    return len(bytearray(size))


def hoard(size: int) -> int:
    """Take memory and keep it; return how much is held now."""
    HOARD.append(bytearray(size))
    return held_bytes()


def fill(size: int) -> None:
    """Use memory, a piece at a time, and stay there."""
    for _ in range(size // 10**7):
        HOARD.append(bytearray(b"x") * 10**7)
        time.sleep(0.01)
    signal.pause()


def sort(size: int) -> int:
    """Let polars ask for `size` bytes: Rust aborts where Python raises."""
    import polars as pl  # noqa: PLC0415

    return pl.select(pl.int_range(0, size // 8)).select(pl.all().reverse()).height


def panic(words: str) -> None:
    """Raise what Rust code raises that gave up: not an Exception, and of a class that no module exports."""
    raise type("PanicException", (BaseException,), {})(words)


def quit_with(status: int) -> None:
    """End the process without a word."""
    os._exit(status)


def fail(error: Exception) -> None:
    """Raise."""
    raise error


def wait_beside(log: Path) -> None:
    """Note that the job runs, and then never end."""
    note(log, "waiting")
    signal.pause()


class Unreadable:
    """A job that another process cannot unpickle."""

    def __call__(self) -> None:
        """Never be called."""

    def __reduce__(self) -> tuple[object, ...]:
        return refuse, ()


def refuse() -> None:
    """Fail while a job is being read."""
    msg = "cannot be read here"
    raise ImportError(msg)


def row_work(last: int, killers: frozenset[int], first: int, stop: int) -> int:
    """Work on rows up to `last`; be killed by some of them."""
    rows = range(first, min(stop, last))
    if killers & set(rows):
        os.kill(os.getpid(), signal.SIGKILL)
    return len(rows)


def crowded(first: int, stop: int) -> int:
    """Be killed by more than 100 rows together, and by none alone."""
    if stop - first > 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return stop - first
