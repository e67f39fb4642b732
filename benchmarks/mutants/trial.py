"""Tests of one changed module: a copy of the code, and a process forked for each change.

The copy is what is changed, so that started processes read the change, too, and nothing that ends a run
leaves it in the sources. Forking saves the imports of what never changes; polars runs nothing before.
"""

import fcntl
import json
import os
import resource
import select
import shutil
import signal
import sys
from collections import defaultdict
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import ROOT
from benchmarks.mutants.operators import ENTERED, Mutant, watched

ROOMS = ("schemas", "templates", "curation", "train", "flows", "data", "tests", "benchmarks")
_BEFORE_FORK = (
    "pytest", "_pytest.assertion.rewrite", "hypothesis.strategies", "numpy", "polars", "pydantic", "orjson",
    "pyarrow.compute", "pyarrow.parquet", "scipy.sparse", "numba", "jinja2.sandbox", "tokenizers", "yaml",
)  # fmt: skip
_VERDICTS = {0: "passed", 1: "failed", 2: "failed"}  # pytest's exit codes; 2: the module cannot be imported
_NOT_RUN = 3
_TOO_SLOW = "test_clusters_are_those_of_all_pairs"  # a minute; what it alone notices counts as not noticed
_EXAMPLES = 10  # of a property; what only more of them notice counts as not noticed
_MEMORY = 12 << 30  # of addresses: an endless list must not take the machine's memory
_PATIENCE = 5  # times what all tests of the module take unchanged
_WALL = 4  # seconds that may pass for each of those: others may use the machine


class Outcome(NamedTuple):
    """What tests said: `passed`, `failed` or `timeout`; which test failed, and the seconds of CPU."""

    verdict: str
    test: str
    seconds: float


class Tests:
    """The tests of one module, with what each reaches and how long it takes while nothing is changed."""

    def __init__(self, copy: Path, path: str, files: list[str]) -> None:
        self._copy, self._path, self._files = copy, copy / path, files
        self._source = self._path.read_text(encoding="utf-8")
        self._reached: dict[str, set[str]] = {}
        self._times: dict[str, float] = {}
        for name, module in list(sys.modules.items()):  # those of the module before
            if (getattr(module, "__file__", "") or "").startswith(f"{copy}/"):
                del sys.modules[name]
        try:
            self._path.write_text(watched(self._source), encoding="utf-8")
            outcome, told = self._run(files, {}, limit=900.0)
        finally:
            self._path.write_text(self._source, encoding="utf-8")
        if outcome.verdict != "passed":
            output = (copy / "output.txt").read_text(encoding="utf-8")
            sys.exit(f"{output}\nthe tests of {path} must pass before it is changed: {outcome.verdict}")
        if not told["loaded"]:
            sys.exit(f"no test of {', '.join(files)} imports {path}")
        self._reached = {function: set(tests) for function, tests in told["reached"].items()}
        self._import_others(told["modules"])
        self._times, self._limit = told["times"], 10 + _PATIENCE * outcome.seconds

    def judge(self, mutant: Mutant, text: str, number: int, first: str) -> Outcome:
        """Run the tests that reach the change: `first`, where it is known to fail, then the quickest."""
        reached = self._reached.get(mutant.function, {""})
        chosen = sorted(self._times) if "" in reached else sorted(reached)
        order = {test: self._times[test] if test != first else -1.0 for test in chosen}
        files = sorted({test.partition("::")[0] for test in chosen})
        try:
            self._path.write_text(text, encoding="utf-8")
            os.utime(self._path, (number, number))  # bytecode is told apart by seconds and size
            return self._run(files, order, self._limit)[0]
        finally:
            self._path.write_text(self._source, encoding="utf-8")

    def _import_others(self, names: list[str]) -> None:
        """Import here, before any fork, the modules that do not need the one that is changed."""
        changed = ".".join(("thinkmix", *self._path.relative_to(self._copy).with_suffix("").parts))
        sys.modules[changed] = None
        for name in names:
            with suppress(ImportError):
                import_module(name)
        del sys.modules[changed]

    def _run(self, files: list[str], order: dict[str, float], limit: float) -> tuple[Outcome, dict]:
        told = self._copy / "told.json"
        told.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            os.setsid()
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
                resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                said = _session(self._copy, self._path, files, order)
                told.write_text(json.dumps(said), encoding="utf-8")
            finally:
                os._exit(0)  # what was written tells how it ended; without it the driver stops
        ended = os.pidfd_open(child)
        try:
            in_time = select.select([ended], [], [], _WALL * limit)[0]
        finally:
            os.close(ended)
            os.killpg(child, signal.SIGKILL)  # it may have started others
        _, status, used = os.wait4(child, 0)
        seconds = used.ru_utime + used.ru_stime
        if not in_time or os.WIFSIGNALED(status):  # machine code that reads beyond an array may crash
            late = not in_time or os.WTERMSIG(status) == signal.SIGXCPU
            return Outcome("timeout" if late else "failed", "", seconds), {}
        said = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {"code": _NOT_RUN}
        if said["code"] not in _VERDICTS:
            output = (self._copy / "output.txt").read_text(encoding="utf-8")
            sys.exit(f"{output}\npytest did not run the tests")
        return Outcome(_VERDICTS[said["code"]], said["failed"], seconds), said


def _session(copy: Path, changed: Path, files: list[str], order: dict[str, float]) -> dict:
    """Run tests in this process; return which failed first, or what each reached and how long it took."""
    import pytest  # noqa: PLC0415 - not in the process that forks, but for its modules

    os.chdir(copy)
    os.environ |= {"PYTHONPATH": f"{copy / 'src'}:{copy}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sink = os.open(copy / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(sink, 1), os.dup2(sink, 2)
    watch = _Watch(order)
    setattr(sys, ENTERED, watch.enter)
    options = ["-x", "-p", "no:cacheprovider", "-p", "pytest_timeout", "-W", "ignore:overflow:RuntimeWarning"]
    code = pytest.main([*options, "-k", f"not {_TOO_SLOW}", *files], plugins=[watch])
    reached = {function: sorted(tests) for function, tests in watch.reached.items()}
    files = {name: getattr(module, "__file__", "") or "" for name, module in sys.modules.items()}
    ours = sorted(n for n, file in files.items() if file.startswith(f"{copy}/") and not n.startswith("tests"))
    return {
        "code": int(code),
        "failed": watch.failed,
        "loaded": str(changed) in map(os.path.realpath, files.values()),
        "modules": ours,
        "reached": reached,
        "times": watch.times,
    }


class _Watch:
    """Orders the tests; notes what fails first, and which functions of a watched module each one enters."""

    def __init__(self, order: dict[str, float]) -> None:
        self._order, self._test = order, ""
        self.reached: dict[str, set[str]] = defaultdict(set)
        self.times: dict[str, float] = {}
        self.failed = ""

    def enter(self, function: str) -> None:
        self.reached[function].add(self._test)

    def pytest_collection_modifyitems(self, items: list) -> None:
        for test in (getattr(item, "obj", None) for item in items):
            stated = getattr(test, "_hypothesis_internal_use_settings", None)
            if stated is not None and stated.max_examples > _EXAMPLES:
                test._hypothesis_internal_use_settings = type(stated)(stated, max_examples=_EXAMPLES)
        if self._order:
            items[:] = sorted(
                (item for item in items if item.nodeid in self._order), key=lambda i: self._order[i.nodeid]
            )

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._test = nodeid

    def pytest_runtest_logreport(self, report) -> None:
        self.times[report.nodeid] = self.times.get(report.nodeid, 0.0) + report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_runtest_logfinish(self) -> None:
        self._test = ""


def copied(folder: Path) -> Path:
    """Copy the code into `folder`, and import here what a forked process need not import again."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.with_name("lock"), os.O_CREAT | os.O_RDWR)  # held until this process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another run changes {folder}; wait for its end")
    shutil.rmtree(folder, ignore_errors=True)
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "src", folder / "src", symlinks=True)
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
