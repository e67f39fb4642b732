"""Tests of changed modules: a copy of the code, and a process forked for each change.

The copy is what is changed, so that started processes read the change, too, and nothing that ends a run
leaves it in the sources. Forking saves the imports of what never changes; polars runs nothing before.
"""

import fcntl
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.mutants.collected import Collected
from benchmarks.mutants.operators import ENTERED, Mutant, watched
from benchmarks.mutants.sessions import PATIENCE, SPARE, Outcome, Watch, in_fork, run_pytest

_BEFORE_FORK = (
    "pytest", "_pytest.assertion.rewrite", "hypothesis.strategies", "numpy", "polars", "pydantic", "orjson",
    "pyarrow.compute", "pyarrow.parquet", "scipy.sparse", "numba", "jinja2.sandbox", "tokenizers", "yaml",
)  # fmt: skip


class Unchanged:
    """Tests while nothing is changed: which functions of some modules each reaches, and how long it takes."""

    def __init__(self, copy: Path, paths: Sequence[str], files: Sequence[str]) -> None:
        sources = {path: (copy / path).read_text(encoding="utf-8") for path in paths}
        forget_modules(copy)
        try:
            for path, source in sources.items():
                (copy / path).write_text(watched(source, path), encoding="utf-8")
            outcome, told = in_fork(copy, 900.0, lambda: _session(copy, files, {}, sources))
        finally:
            for path, source in sources.items():
                (copy / path).write_text(source, encoding="utf-8")
        if outcome.verdict != "passed":
            output = (copy / "output.txt").read_text(encoding="utf-8")
            named = ", ".join(paths)
            sys.exit(f"{output}\nthe tests of {named} must pass before it is changed: {outcome.verdict}")
        self.modules: dict[str, str] = told["modules"]
        self._reached: dict[str, list[str]] = told["reached"]
        self.times: dict[str, float] = told["times"]
        self.limit = 10 + PATIENCE * outcome.seconds
        self.collected = Collected(copy, list(files))
        ordered = self.order(self.times, "")
        asked = copy / paths[0], "", "", [], ordered, self.limit
        tried = self.collected.judge(*asked) if self.collected.works else None
        self.quick = tried is not None and tried.verdict == "passed"

    def called(self, path: str) -> list[str]:
        """Return the functions of a module that are called where modules are imported and tests collected."""
        names = [name.partition(":") for name, tests in self._reached.items() if "" in tests]
        return [function for file, _, function in names if file == path]

    def reaching(self, path: str, function: str) -> list[str]:
        """Return the tests that reach a function; all of them, if it runs outside of tests."""
        reached = self._reached.get(f"{path}:{function}", [""])
        return sorted(self.times if "" in reached else reached)

    def likely(self, path: str) -> str:
        """Return the file with most of the tests that reach a module."""
        reached = [tests for name, tests in self._reached.items() if name.startswith(f"{path}:")]
        files = Counter(test.partition("::")[0] for tests in reached for test in tests if test)
        return max(sorted(files), key=files.__getitem__, default="")

    def order(self, tests: Sequence[str], first: str) -> dict[str, float]:
        """Return the seconds of tests in the order to run them: `first`, then the quickest."""
        return {test: self.times[test] for test in sorted(tests, key=lambda t: (t != first, self.times[t]))}


_unchanged = cache(Unchanged)


class Tests:
    """The tests of one module."""

    def __init__(self, copy: Path, path: str, files: Sequence[str], beside: Sequence[str] = ()) -> None:
        """Take the modules `beside` it with the same tests, too, so that these run unchanged only once."""
        self._copy, self._path, self._name = copy, (copy / path).resolve(), path
        self._source = self._path.read_text(encoding="utf-8")
        self._unchanged = _unchanged(copy, tuple(beside) or (path,), tuple(files))
        if str(self._path) not in self._unchanged.modules.values():
            sys.exit(f"no test of {', '.join(files)} imports {path}")
        forget_modules(copy)
        self._import_others()

    def judge(self, mutant: Mutant, text: str, number: int, first: str) -> Outcome:
        """Run the tests that reach the change: `first`, where it is known to fail, then the quickest."""
        chosen = self._unchanged.reaching(self._name, mutant.function)
        order = self._unchanged.order(chosen, first)
        limit = self._unchanged.limit
        if self._unchanged.quick:
            called = self._unchanged.called(self._name)
            quick = self._unchanged.collected.judge(self._path, mutant.function, text, called, order, limit)
            if quick and (quick.verdict != "timeout" or quick.seconds >= SPARE):  # it did not wait for a lock
                return quick
        try:
            self._path.write_text(text, encoding="utf-8")
            os.utime(self._path, (number, number))  # bytecode is told apart by seconds and size
            return self._run(order, first.partition("::")[0] or self._unchanged.likely(self._name))
        finally:
            self._path.write_text(self._source, encoding="utf-8")

    def _run(self, order: dict[str, float], likely: str) -> Outcome:
        """Run tests on the file as it is: those of a `likely` file before all others are collected."""
        seconds, limit = 0.0, self._unchanged.limit
        here = {test: time for test, time in order.items() if test.startswith(f"{likely}::")}
        rest = {test: time for test, time in order.items() if test not in here}
        outcome = Outcome("passed", "", 0.0)
        for chosen in filter(None, (here, rest)):
            files = sorted({test.partition("::")[0] for test in chosen})
            outcome = in_fork(self._copy, limit, partial(_session, self._copy, files, chosen))[0]
            seconds += outcome.seconds
            if outcome.verdict != "passed":
                break
        return outcome._replace(seconds=seconds)

    def _import_others(self) -> None:
        """Import here, before any fork, the modules that do not need the one that is changed."""
        changed = module_of(self._copy, self._name)
        sys.modules[changed] = None
        for name in self._unchanged.modules:
            if not name.startswith("tests"):
                with suppress(ImportError):
                    import_module(name)
        del sys.modules[changed]


def module_of(copy: Path, path: str) -> str:
    """Return the name by which a file of the copy is imported."""
    parts = (copy / path).resolve().relative_to(copy.resolve()).with_suffix("").parts
    return ".".join(parts[1:] if parts[0] == "src" else parts)


def forget_modules(copy: Path) -> None:
    """Forget what was imported from the copy, for the module before."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", "") or "").startswith(f"{copy}/"):
            del sys.modules[name]


def _session(
    copy: Path, files: Sequence[str], order: dict[str, float], changed: Collection[str] = ()
) -> dict[str, Any]:
    """Run tests in this process; return which failed first, what each reached and how long it took."""
    watch = Watch(order, {str((copy / path).resolve()) for path in changed})
    setattr(sys, ENTERED, watch.enter)
    code = run_pytest(copy, list(files), watch)
    loaded = {name: getattr(module, "__file__", "") or "" for name, module in sys.modules.items()}
    return {
        "code": code,
        "failed": watch.failed,
        "modules": {name: file for name, file in sorted(loaded.items()) if file.startswith(f"{copy}/")},
        "reached": {function: sorted(tests) for function, tests in watch.reached.items()},
        "times": watch.times,
    }


def copied(folder: Path) -> Path:
    """Copy the code into `folder`, and import here what a forked process need not import again."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.with_name("lock"), os.O_CREAT | os.O_RDWR)  # held until this process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another run changes {folder}; wait for its end")
    shutil.rmtree(folder, ignore_errors=True)
    compiled = shutil.ignore_patterns("__pycache__")
    for part in ("src", "tests", "benchmarks"):  # in src the rooms themselves in place of the links
        shutil.copytree(ROOT / part, folder / part, ignore=compiled)
    for room in (folder / "src" / "thinkmix").iterdir():
        if room.is_dir():
            (folder / room.name).symlink_to(room.relative_to(folder))
    shutil.copy(ROOT / "pyproject.toml", folder)
    os.environ["NUMBA_CACHE_DIR"] = str(folder.with_name("machine_code"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended; the next run goes on from here"))
    for name in _BEFORE_FORK:
        import_module(name)
    sys.path[:0] = [str(folder / "src"), str(folder)]
    settings = import_module("hypothesis").settings
    phases = import_module("hypothesis").Phase
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=(phases.explicit, phases.generate)
    )
    settings.load_profile("mutants")
    return folder
