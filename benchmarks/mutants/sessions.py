"""Runs of pytest in forked processes, and what they tell."""

import gc
import json
import os
import resource
import select
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

VERDICTS = {0: "passed", 1: "failed", 2: "failed"}  # pytest's exit codes; 2: the module cannot be imported
_NOT_RUN = 3
_TOO_SLOW = (
    "test_clusters_are_those_of_all_pairs",
    "test_hostile_text_is_read_in_time",
    "test_time_grows_with_the_length_alone",
)
"""Tests that take seconds or a minute; what they alone notice counts as not noticed."""
_EXAMPLES = 10  # of a property; what only more of them notice counts as not noticed
_MEMORY = 12 << 30  # of addresses: an endless list must not take the machine's memory
PATIENCE = 5  # times what tests take unchanged
SPARE = 5  # seconds of CPU that a test may take beyond that
_WALL = 4  # seconds that may pass for each of those: others may use the machine


class Outcome(NamedTuple):
    """What tests said: `passed`, `failed` or `timeout`; which test failed, and the seconds of CPU."""

    verdict: str
    test: str
    seconds: float


def in_fork(copy: Path, limit: float, work: Callable[[], dict[str, Any]]) -> tuple[Outcome, dict[str, Any]]:
    """Run tests in a process of their own, within `limit` seconds of CPU.

    Returns:
        The outcome, and what `work` returned of it: pytest's exit `code`, and the test that `failed`.
    """
    told = copy / "told.json"
    told.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        os.setsid()
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            said = work()
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
    if said["code"] not in VERDICTS:
        output = (copy / "output.txt").read_text(encoding="utf-8")
        sys.exit(f"{output}\npytest did not run the tests")
    return Outcome(VERDICTS[said["code"]], said["failed"], seconds), said


def run_pytest(copy: Path, files: list[str], watch: "Watch") -> int:
    """Run the tests of some files in this process; return pytest's exit code."""
    import pytest  # noqa: PLC0415 - not in the process that forks, but for its modules

    os.chdir(copy)
    os.environ |= {"PYTHONPATH": f"{copy / 'src'}:{copy}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sink = os.open(copy / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(sink, 1), os.dup2(sink, 2)
    options = ["-x", "-p", "no:cacheprovider", "-p", "pytest_timeout", "-W", "ignore:overflow:RuntimeWarning"]
    return int(pytest.main([*options, "-k", f"not ({' or '.join(_TOO_SLOW)})", *files], plugins=[watch]))


class Watch:
    """Orders the tests, and ends one that loops; notes what fails first, and which functions each enters.

    Methods that begin with `pytest_` are called by pytest.
    """

    def __init__(self, order: dict[str, float], watched: Collection[str] = ()) -> None:
        """Empty the caches of the files `watched` before each test, so that it enters what it asks for."""
        self._order, self._test = order, ""
        self._watched, self._caches = watched, list[Any]()
        self.reached: dict[str, set[str]] = defaultdict(set)
        self.times: dict[str, float] = {}
        self.failed = ""

    def enter(self, function: str) -> None:
        """Note that the test that runs has entered a function."""
        self.reached[function].add(self._test)

    def pytest_collection_modifyitems(self, items: list) -> None:  # noqa: D102
        for test in (getattr(item, "obj", None) for item in items):
            stated = getattr(test, "_hypothesis_internal_use_settings", None)
            if stated is not None and stated.max_examples > _EXAMPLES:
                test._hypothesis_internal_use_settings = type(stated)(stated, max_examples=_EXAMPLES)
        if self._order:
            there = {item.nodeid: item for item in items}
            items[:] = [there[test] for test in self._order if test in there]
        caches = [one for one in gc.get_objects() if isinstance(one, type(cache(len)))]
        files = {name: getattr(module, "__file__", "") for name, module in sys.modules.items()}
        self._caches = [one for one in caches if files.get(one.__module__) in self._watched]

    def pytest_runtest_logstart(self, nodeid: str) -> None:  # noqa: D102
        self._test = nodeid
        for one in self._caches:
            one.cache_clear()
        if nodeid in self._order:
            used, hard = time.process_time(), resource.getrlimit(resource.RLIMIT_CPU)[1]
            most = int(used + SPARE + PATIENCE * self._order[nodeid]) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (min(most, hard), hard))

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: D102
        self.times[report.nodeid] = self.times.get(report.nodeid, 0.0) + report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_runtest_logfinish(self) -> None:  # noqa: D102
        self._test = ""
