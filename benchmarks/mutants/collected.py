"""Tests that are collected once, and run for each change of a function in a process forked for it.

To import the modules and collect the tests takes longer than the tests that reach a function. Here all is
there already, and only the code of one function is exchanged. A test that fails then fails because of the
change. If none does, a value may have been made before the exchange: the driver tries the change in its file.
"""

import gc
import json
import os
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from benchmarks.mutants.sessions import Outcome, Watch, in_fork, run_pytest

_UNKNOWN = Outcome("passed", "", 0.0)


class Collected:
    """A process that has the tests of some files, and waits for changes."""

    def __init__(self, copy: Path, files: list[str]) -> None:
        (asked, ask), (told, tell) = os.pipe(), os.pipe()
        if not os.fork():
            try:
                os.close(ask)
                os.close(told)
                with os.fdopen(asked) as requests, os.fdopen(tell, "w") as answers:
                    run_pytest(copy, files, _Server(copy, requests, answers))
            finally:
                os._exit(0)
        os.close(asked)
        os.close(tell)
        self._requests, self._answers = os.fdopen(ask, "w"), os.fdopen(told)
        self.works = bool(self._answers.readline())

    def judge(self, path: Path, function: str, text: str, order: dict[str, float], limit: float) -> Outcome:
        """Run tests with one function taken from `text`; only `failed` tells of the change."""
        asked = {"path": str(path), "function": function, "text": text, "order": order, "limit": limit}
        try:
            print(json.dumps(asked), file=self._requests, flush=True)
            answer = self._answers.readline()
        except BrokenPipeError:
            answer = ""
        self.works = bool(answer)
        return Outcome(*json.loads(answer)) if answer else _UNKNOWN


class _Server(Watch):
    """Runs tests each time that it is asked to, in a fork."""

    def __init__(self, copy: Path, requests: Any, answers: Any) -> None:
        super().__init__({})
        self._copy, self._requests, self._answers = copy, requests, answers

    def pytest_runtestloop(self, session: Any) -> bool:
        items = {item.nodeid: item for item in session.items}
        print("ready", file=self._answers, flush=True)
        for line in self._requests:
            outcome = self._judge(items, json.loads(line))
            print(json.dumps(outcome), file=self._answers, flush=True)
        return True

    def _judge(self, items: dict[str, Any], asked: dict[str, Any]) -> Outcome:
        path, function = asked["path"], asked["function"]
        found = _function(path, function)
        code = _code(compile(asked["text"], path, "exec"), function.split("."))
        if function and (found is None or code is None or code.co_freevars != found.__code__.co_freevars):
            return _UNKNOWN
        self._order = asked["order"]

        def work() -> dict[str, Any]:
            if found and code:
                found.__code__ = code
            chosen = [items[test] for test in self._order if test in items]
            for item, following in zip(chosen, [*chosen[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.failed:
                    break
            return {"code": int(bool(self.failed)), "failed": self.failed}

        return in_fork(self._copy, asked["limit"], work)[0]


def _function(path: str, name: str) -> FunctionType | None:
    """Return the function of a file, a method as `Class.name`, if it is the only one of its name."""
    found = [
        one
        for one in gc.get_objects()
        if isinstance(one, FunctionType)
        and (one.__code__.co_filename, one.__code__.co_qualname) == (path, name)
    ]
    return found[0] if len(found) == 1 else None


def _code(code: CodeType, names: list[str]) -> CodeType | None:
    """Return the code of a function in that of a module, or of a class in it."""
    for name in names:
        found = [one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == name]
        if len(found) != 1:
            return None
        code = found[0]
    return code
