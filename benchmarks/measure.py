"""How things are timed and watched: CPU seconds, medians, the memory of a whole process tree."""

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread

ROOT = Path(__file__).resolve().parents[1]

THINKMIX = (sys.executable, "-c", "from thinkmix.flows.cli import main; main()")
"""The `thinkmix` command of this checkout, whatever is installed."""

_LIBRARIES = ("numpy", "numba", "polars", "pyarrow", "pydantic", "quicktok-v1")
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Spent:
    """What a command took."""

    wall: float
    cpu: float
    """Of the process and its children; of those it did not wait for only if they were watched."""
    output: str
    rss: int = 0
    """Most bytes resident in the process tree at once, shared pages counted in each process."""
    pss: int = 0
    """The same with each shared page counted once."""


@dataclass
class _Peak:
    rss: int = 0
    pss: int = 0
    cpu: dict[int, float] = field(default_factory=dict)
    """CPU seconds of each process when it was last seen."""
    done: Event = field(default_factory=Event)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call, of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def medians(rounds: int, **works: Callable[[], float]) -> dict[str, float]:
    """Return the median of what each work measured; they take turns, so that a busy minute hits all."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(work())
    return {name: statistics.median(values) for name, values in taken.items()}


def run(command: Sequence[object], *, watch: bool = False, **environment: str) -> Spent:
    """Run a command of this checkout to its end.

    Args:
        command: program and arguments.
        watch: sample memory and CPU time of its process tree.
        environment: variables to set for it.

    Raises:
        RuntimeError: if it fails, with the end of what it said.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        # the package of this checkout, before one that is installed from another
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        with _watching(process.pid if watch else None) as peak:
            output, _ = process.communicate()
    finally:
        if process.poll() is None:  # we were interrupted: it must not go on without us
            process.terminate()
            process.wait()
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output[-3000:]}"
        )
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, max(cpu, sum(peak.cpu.values())), output, peak.rss, peak.pss)


def last_line(output: str) -> str:
    """Return the last line that a command printed: where ours and the peers' scripts put their result."""
    return output.strip().splitlines()[-1]


def machine() -> dict[str, str]:
    """Return what a figure depends on besides the code."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "cpu": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


@contextmanager
def _watching(root: int | None) -> Iterator[_Peak]:
    peak = _Peak()
    if root is None:
        yield peak
        return
    thread = Thread(target=_watch, args=(root, peak), daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak.done.set()
        thread.join()


def _watch(root: int, peak: _Peak) -> None:
    while not peak.done.wait(_SAMPLE_SECONDS):
        pids = tree(root)
        peak.cpu.update({pid: seconds for pid in pids if (seconds := _cpu(pid)) is not None})
        sizes = [_memory(pid) for pid in pids]
        peak.rss = max(peak.rss, sum(size[0] for size in sizes))
        peak.pss = max(peak.pss, sum(size[1] for size in sizes))


def tree(root: int) -> set[int]:
    """Return the process and all that descend from it."""
    parents = {
        pid: parent
        for entry in Path("/proc").iterdir()
        if (pid := _number(entry.name)) and (parent := _parent(entry)) is not None
    }
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _number(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _parent(process: Path) -> int | None:
    fields = _fields(process)
    return int(fields[1]) if fields else None


def _cpu(pid: int) -> float | None:
    fields = _fields(Path(f"/proc/{pid}"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else None


def _fields(process: Path) -> list[str]:
    """Return what /proc states after the name, which, in brackets, may hold anything."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # ended meanwhile
        return []


def _memory(pid: int) -> tuple[int, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # ended meanwhile
        return 0, 0
    sizes: Mapping[str, int] = {
        name: int(rest.split()[0]) * 1024
        for name, _, rest in (line.partition(":") for line in lines)
        if name in {"Rss", "Pss"}
    }
    return sizes.get("Rss", 0), sizes.get("Pss", 0)
