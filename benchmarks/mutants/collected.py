"""Tests that are collected once, and run for each change of a function in a process forked for it.

To import the modules and collect the tests takes longer than the tests that reach a function. Here all is
there already, and only the code of one function is exchanged, or one constant that nothing but functions of
its module reads. What was called before, so that there may be values that it made, is left to the driver.
"""

import ast
import gc
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from benchmarks.mutants.sessions import Outcome, Watch, in_fork, run_pytest

Place = tuple[str, str]
"""File of a function, and its name."""


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

    def judge(
        self,
        path: Path,
        function: str,
        text: str,
        called: Sequence[str],
        order: Mapping[str, float],
        limit: float,
    ) -> Outcome | None:
        """Run tests with one function taken from `text`, or a constant of it.

        Args:
            path: file of the module.
            function: name of the function, a method as `Class.name`; nothing for a constant.
            text: what the file holds; nothing to run the tests without a change.
            called: functions of the module that were called before the tests.
            order: seconds of each test in the order to run them.
            limit: seconds of CPU for all of them.

        Returns:
            The outcome, or nothing if the change can only be tried in a file.
        """
        asked = {"path": str(path), "function": function, "text": text, "called": called}
        try:
            print(json.dumps(asked | {"order": order, "limit": limit}), file=self._requests, flush=True)
            answer = self._answers.readline()
        except BrokenPipeError:
            answer = ""
        self.works = bool(answer)
        outcome = json.loads(answer or "null")
        return Outcome(*outcome) if outcome else None


class _Server(Watch):
    """Runs tests each time that it is asked to, in a fork."""

    def __init__(self, copy: Path, requests: Any, answers: Any) -> None:
        super().__init__({})
        self._copy, self._requests, self._answers = copy, requests, answers

    def pytest_runtestloop(self, session: Any) -> bool:
        items = {item.nodeid: item for item in session.items}
        functions = _functions()
        print("ready", file=self._answers, flush=True)
        for line in self._requests:
            asked = json.loads(line)
            exchange = _exchange(asked, functions)
            outcome = self._judge(items, exchange, asked["order"], asked["limit"]) if exchange else None
            print(json.dumps(outcome), file=self._answers, flush=True)
        return True

    def _judge(
        self, items: Mapping[str, Any], exchange: Callable[[], object], order: dict[str, float], limit: float
    ) -> Outcome:
        self._order = order

        def work() -> dict[str, Any]:
            exchange()
            chosen = [items[test] for test in order if test in items]
            for item, following in zip(chosen, [*chosen[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.failed:
                    break
            return {"code": int(bool(self.failed)), "failed": self.failed}

        return in_fork(self._copy, limit, work)[0]


def _functions() -> Mapping[Place, list[FunctionType]]:
    """Return all functions by file and name, methods as `Class.name`."""
    functions = defaultdict(list)
    gc.unfreeze()  # `tests/conftest.py` freezes what it collected, which would not be among the objects
    for one in gc.get_objects():
        if type(one) is FunctionType:  # `isinstance` asks objects for their class, and some warn of it
            functions[one.__code__.co_filename, one.__code__.co_qualname].append(one)
    return functions


def _exchange(
    asked: Mapping[str, Any], functions: Mapping[Place, list[FunctionType]]
) -> Callable[[], object] | None:
    """Return what makes the change that is asked for; nothing if it cannot be made here."""
    path, function, text = asked["path"], asked["function"], asked["text"]
    if not text:
        return lambda: None
    if not function:
        return _assignment(text, path, {name.partition(".")[0] for name in asked["called"]})
    if _decorated(text, function) != _decorated(Path(path).read_text(encoding="utf-8"), function):
        return None  # a kernel that must run as Python: what was compiled of it would go on as it was
    found = functions.get((path, function), [])
    code = _code(compile(text, path, "exec"), function.split("."))
    if len(found) != 1 or code is None or code.co_freevars != found[0].__code__.co_freevars:
        return None
    return None if function in asked["called"] else lambda: setattr(found[0], "__code__", code)


def _decorated(text: str, function: str) -> list[str]:
    """Return the decorators of a function, a method as `Class.name`."""
    body = ast.parse(text).body
    for name in function.split("."):
        (node,) = [one for one in body if getattr(one, "name", "") == name][-1:] or [None]
        body = getattr(node, "body", [])
    return [ast.unparse(one) for one in getattr(node, "decorator_list", [])]


def _code(code: CodeType, names: list[str]) -> CodeType | None:
    """Return the code of a function in that of a module, or of a class in it."""
    for name in names:
        found = [one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == name]
        if len(found) != 1:
            return None
        code = found[0]
    return code


def _assignment(text: str, path: str, called: Collection[str]) -> Callable[[], object] | None:
    """Return what gives a constant its value in `text`, if nothing but functions of its module reads it.

    None of them must have been `called`. Constants that are made of the constant are made again.
    """
    module = next((one for one in sys.modules.values() if getattr(one, "__file__", "") == path), None)
    before = {ast.dump(node) for node in ast.parse(Path(path).read_text(encoding="utf-8")).body}
    body = ast.parse(text).body
    changed = [node for node in body if ast.dump(node) not in before]
    touched = {name for node in changed for name in _assigned(node)}
    while True:
        again = [node for node in body if node in changed or _names(node, deep=True) & touched]
        more = touched.union(*(_assigned(node) or {getattr(node, "name", "")} for node in again))
        if more == touched:
            break
        touched = more
    made = [node for node in again if node in changed or _names(node, deep=False) & touched]
    if module is None or not all(map(_assigned, made)) or touched & called:
        return None
    if not made or any(_is_elsewhere(module, name) for node in made for name in _assigned(node)):
        return None
    code = compile(ast.Module(made, []), path, "exec")
    return lambda: exec(code, vars(module))


def _assigned(node: ast.stmt) -> set[str]:
    """Return the names that a statement gives a value."""
    if isinstance(node, ast.Assign):
        return {one.id for each in node.targets for one in ast.walk(each) if isinstance(one, ast.Name)}
    return (
        {node.target.id} if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else set()
    )


def _names(node: ast.AST, *, deep: bool) -> set[str]:
    """Return the names that a statement reads; those in bodies of functions only if `deep`."""
    names: set[str] = set()
    rest = [node]
    while rest:
        one = rest.pop()
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load):
            names.add(one.id)
        shallow = isinstance(one, ast.FunctionDef) and not deep
        for field, value in ast.iter_fields(one):
            if not (shallow and field == "body"):
                rest += [each for each in _listed(value) if isinstance(each, ast.AST)]
    return names


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_elsewhere(module: ModuleType, name: str) -> bool:
    """Return whether another module of ours has imported a constant."""
    value, rooms = vars(module)[name], (module.__name__.partition(".")[0], "tests")
    others = [
        one for title, one in sys.modules.items() if title.partition(".")[0] in rooms and one is not module
    ]
    return any(name in vars(one) and vars(one)[name] is value for one in others)
