"""Small changes of the code are made one by one, and it shows which of them no test notices."""

import ast
import gc
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.measure import ROOT
from benchmarks.mutants import __main__ as driver
from benchmarks.mutants.collected import _exchange, _functions
from benchmarks.mutants.operators import changed, mutants
from benchmarks.mutants.sessions import Outcome

SOURCE = '''"""What it is for."""
from functools import cache

LIMIT: int | None = 3

@cache
def fits(size: int, *, slack: int = 0) -> bool:
    """Say whether it fits."""
    if not size:
        raise ValueError(f"no size, at most {LIMIT + slack}")
    return size < LIMIT and size != "x"

class Pair:
    """Two."""

    def first(self):
        return min(self.both)
'''


def made(source: str) -> dict[str, str]:
    """Return the changed sources by name."""
    return {one.name: changed(source, one) for one in mutants(source, "m")}


def test_changes_are_named_by_function_and_by_what_is_changed() -> None:
    """Operators, conditions, constants and names; no docstring, annotation, decorator or message."""
    assert list(made(SOURCE)) == [
        "m:: plus 1 in `3`",
        "m:: plus 1 in `0`",
        "m:fits: Not dropped in `not size`",
        "m:fits: Add to Sub in `LIMIT + slack`",
        "m:fits: And to Or in `size < LIMIT and size != 'x'`",
        "m:fits: Lt to LtE in `size < LIMIT`",
        "m:fits: NotEq to Eq in `size != 'x'`",
        "m:fits: other text in `'x'`",
        "m:Pair.first: to max in `min`",
    ]


def test_each_change_is_made_alone() -> None:
    """One line of the module differs, by what the name says."""
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    for name, text in made(SOURCE).items():
        differs = [line for line, old in zip(text.splitlines(), original, strict=True) if line != old]
        assert len(differs) == 1, name
    assert "return size <= LIMIT and size != 'x'" in made(SOURCE)["m:fits: Lt to LtE in `size < LIMIT`"]


def test_a_name_does_not_move_with_its_line() -> None:
    """Other functions before it change no name; the same change twice in one function has a number."""
    assert set(made(SOURCE)) < set(made(SOURCE.replace("@cache", "def other():\n    return 1 - 2\n\n@cache")))
    twice = list(made("def f(a):\n    return a < 1 or a < 1\n"))
    assert twice[1::2] == ["m:f: Lt to LtE in `a < 1`", "m:f: Lt to LtE in `a < 1` (2)"]


def test_a_changed_kernel_stays_python() -> None:
    """Machine code of the original would hide the change from those who call it, and costs half a minute."""
    (text,) = made("@compiled\ndef f(a):\n    return -a\n").values()
    assert text == "def f(a):\n    return --a"


SCRIPT = """
import json, sys
from pathlib import Path
import pytest, pytest_timeout, _pytest.assertion.rewrite
from benchmarks.mutants import sessions, trial
from benchmarks.mutants.operators import changed, mutants
from benchmarks.mutants.trial import Tests
sessions.SPARE = trial.SPARE = 1  # each of these tests takes milliseconds
copy = Path(sys.argv[1])
files = sorted(path.name for path in copy.glob("test_*.py"))
tests, source = Tests(copy, "m.py", files), (copy / "m.py").read_text()
for number, one in enumerate(mutants(source, "m")):
    print(json.dumps([one.name, *tests.judge(one, changed(source, one), number, "")[:2]]))
assert (copy / "m.py").read_text() == source
"""


def judged(folder: Path, source: str, tests: str) -> subprocess.CompletedProcess[str]:
    """Judge all changes of a module by its tests, in a process of its own."""
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (folder / "m.py").write_text(source)
    (folder / "test_m.py").write_text(tests)
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_tests_that_reach_a_change_judge_it(tmp_path: Path) -> None:
    """What fails is named; what nothing notices passes; an endless loop and a crash do not stop the rest."""
    source = """import os
def used(n):
    return n < 3
def loop(n):
    while n > 0:
        n -= 1
def crash(n):
    if n == 1:
        os.abort()
def unused(n):
    return -n
"""
    tests = """import m
def test_used():
    assert m.used(2)
    assert not m.used(4)
def test_loop():
    m.loop(2)
def test_crash():
    m.crash(0)
"""
    done = judged(tmp_path, source, tests)
    assert done.returncode == 0, done.stderr
    verdicts = {name.removeprefix("m:"): rest for name, *rest in map(json.loads, done.stdout.splitlines())}
    assert verdicts["used: Lt to LtE in `n < 3`"] == ["passed", ""]
    assert verdicts["used: plus 1 in `3`"] == ["passed", ""]
    assert verdicts["loop: Sub to Add in `n -= 1`"] == ["timeout", ""]
    assert verdicts["loop: Gt to GtE in `n > 0`"] == ["passed", ""]
    assert verdicts["crash: Eq to NotEq in `n == 1`"] == ["failed", ""]
    assert verdicts["unused: USub dropped in `-n`"] == ["passed", ""]


def test_a_failing_test_is_named(tmp_path: Path) -> None:
    """So that the next run begins with it."""
    done = judged(
        tmp_path, "def f(n):\n    return n + 0\n", "import m\ndef test_f():\n    assert m.f(1) == 1\n"
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["m:f: Add to Sub in `n + 0`", "passed", ""],
        ["m:f: plus 1 in `0`", "failed", "test_m.py::test_f"],
    ]


def test_a_cached_function_is_reached_by_all_tests_that_ask_for_it(tmp_path: Path) -> None:
    """Not only by the one that asked first, whose answer the others get."""
    source = "from functools import cache\n@cache\ndef f():\n    return 1 + 1\n"
    tests = "import m\ndef test_one():\n    m.f()\ndef test_two():\n    assert m.f() == 2\n"
    done = judged(tmp_path, source, tests)
    assert done.returncode == 0, done.stderr
    verdicts = [json.loads(line)[1:] for line in done.stdout.splitlines()]
    assert verdicts == [["failed", "test_m.py::test_two"]] * 3


def test_a_change_that_shows_only_where_its_module_is_imported_is_noticed(tmp_path: Path) -> None:
    """What was made of a function before it was exchanged is made again in the second run."""
    source = "def f():\n    return 1 + 1\nTWO = f()\n"
    done = judged(tmp_path, source, "import m\ndef test_two():\n    assert m.TWO == 2\n")
    assert done.returncode == 0, done.stderr
    verdicts = [json.loads(line)[1:] for line in done.stdout.splitlines()]
    assert verdicts == [["failed", "test_m.py::test_two"]] * 3


def test_methods_and_closures_are_exchanged(tmp_path: Path) -> None:
    """A change in a method, in a function that it makes, and in one that is wrapped, is noticed."""
    source = """import functools
def twice(f):
    @functools.wraps(f)
    def both(n):
        return f(n) + f(n)
    return both
@twice
def wrapped(n):
    return n + 0
class Base:
    def size(self):
        return 3
class Pair(Base):
    def size(self):
        return super().size() + max(len(one) for one in ("a", "bb"))
"""
    tests = "import m\ndef test_m():\n    assert (m.wrapped(2), m.Pair().size()) == (4, 5)\n"
    done = judged(tmp_path, source, tests)
    assert done.returncode == 0, done.stderr
    verdicts = {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}
    assert [name for name, rest in verdicts.items() if rest[0] == "passed"] == [
        "m:wrapped: Add to Sub in `n + 0`"
    ]


@pytest.mark.parametrize(
    ("source", "times"),
    [
        ("def f(a, b, c):\n    return a + b + c + 0\n", 2),
        ("N = 6\ndef f(a, b, c):\n    return N\n", 2),
        ("def f(a, b, c):\n    return a + 5\nSIX = f(1, 2, 3)\n", 4),
        ("def f(a, b, c=4):\n    return a + b + c\n", 3),
    ],
    ids=["function", "constant", "called-before", "default"],
)
def test_tests_are_collected_once_for_what_can_be_exchanged(tmp_path: Path, source: str, times: int) -> None:
    """And once to see what they reach; a function that was called before is changed in its file."""
    tests = """import m
with open("collected.txt", "a") as file:
    file.write("x")
def test_f():
    assert m.f(1, 2, 3) == 6
"""
    done = judged(tmp_path, source, tests)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "collected.txt").read_text() == times * "x"


def test_the_file_with_most_of_the_tests_is_tried_before_others_are_collected(tmp_path: Path) -> None:
    """What it does not notice, the others may."""
    (tmp_path / "test_a.py").write_text(
        """import m
with open("collected.txt", "a") as file:
    file.write("x")
def test_a():
    assert m.f() == 3
"""
    )
    tests = "import m\ndef test_f():\n    assert m.f() != 4\ndef test_g():\n    m.f()\n"
    done = judged(tmp_path, "def f(n=1, m=(1 + 1)):\n    return n + m\n", tests)
    assert done.returncode == 0, done.stderr
    verdicts = {name: test for name, _, test in map(json.loads, done.stdout.splitlines())}
    assert verdicts.pop("m:f: Add to Sub in `n + m`") == "test_a.py::test_a"
    assert verdicts.pop("m:: Add to Sub in `1 + 1`") == "test_a.py::test_a"
    assert set(verdicts.values()) == {"test_m.py::test_f"}
    assert (tmp_path / "collected.txt").read_text() == 3 * "x"  # not for the three that are left


@pytest.mark.parametrize(
    "high",
    ["HIGH = LOW + 1", "def up():\n    return LOW + 1\nHIGH = up()", "HIGH: int = (lambda: LOW + 1)()"],
)
def test_what_is_made_of_a_constant_is_made_again(tmp_path: Path, high: str) -> None:
    """So that no test partly notices a change without effect."""
    source = f"LOW = 1\n{high}\ndef f():\n    return HIGH - LOW\n"
    done = judged(tmp_path, source, "import m\ndef test_f():\n    assert m.f() == 1\n")
    assert done.returncode == 0, done.stderr
    verdicts = {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}
    assert verdicts.pop("m:: plus 1 in `1`") == ["passed", ""]
    assert {rest[0] for rest in verdicts.values()} == {"failed"}


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        ("import m\ndef test_f():\n    assert m.f(1) == 2\n", "must pass before it is changed"),
        ("def test_f():\n    pass\n", "no test of test_m.py imports m.py"),
        ("import m\n", "pytest did not run the tests"),
    ],
)
def test_tests_that_cannot_judge_end_the_run(tmp_path: Path, tests: str, told: str) -> None:
    """A change that no test was run against is neither killed nor alive."""
    done = judged(tmp_path, "def f(n):\n    return n + 0\n", tests)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr


@pytest.fixture
def one_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a module of one function with its test, and keep results in the folder that is returned."""
    (tmp_path / "m.py").write_text("def f(n):\n    return n + 0\n")
    (tmp_path / "test_m.py").write_text("")
    monkeypatch.setattr(driver, "RESULTS", tmp_path / "results.jsonl")
    return tmp_path


class Judge:
    """Stands for tests, fails one of them for every change, and writes down what it is asked."""

    last: "Judge"

    def __init__(self, *_: object) -> None:
        self.asked: list[tuple[str, str]] = []
        Judge.last = self

    def judge(self, mutant, text: str, number: int, first: str):
        """Fail."""
        self.asked.append((mutant.name, first))
        return Outcome("failed", "test_m.py::test_f", 0.1)


def test_a_run_that_was_ended_goes_on_where_it_stopped(one_group: Path, monkeypatch) -> None:
    """Known results are not made again, a torn line does not count, and changed tests make all again."""
    monkeypatch.setattr(driver, "Tests", Judge)
    names = [one.name for one in mutants((one_group / "m.py").read_text(), "m")]
    want = dict.fromkeys(names, "failed")
    assert driver._judge(one_group, "m.py", ["test_m.py"], {}) == want
    first, second = driver.RESULTS.read_text().splitlines()
    driver.RESULTS.write_text(f"{first}\n{second[:20]}\n")
    assert driver._judge(one_group, "m.py", ["test_m.py"], driver._known()) == want
    assert Judge.last.asked == [(names[1], "")]
    (one_group / "test_m.py").write_text("# another test")
    assert driver._judge(one_group, "m.py", ["test_m.py"], driver._known()) == want
    assert Judge.last.asked == [(name, "test_m.py::test_f") for name in names]


def test_what_a_test_noticed_holds_while_other_tests_come_and_go(one_group: Path, monkeypatch) -> None:
    """Until the test itself changes, or what it uses of its file, or the module."""
    monkeypatch.setattr(driver, "Tests", Judge)
    asked = []
    test = "def test_f(one):\n    assert f(one) == 1\n"
    one = "@pytest.fixture\ndef one():\n    return ONE\n"
    for tests in (
        f"from m import f\nONE = 1\n{one}{test}",
        f"import os\nfrom m import f\nONE = 1\n{one}{test}TWO = 2\ndef test_g():\n    assert f(TWO)\n",
        f"from m import f as f\nONE = 1\n{one}{test}",
        f"from m import f as f\nONE = 1 + 0\n{one}{test}",
        f"from m import f as f\nONE = 1 + 0\n{one}{test}    assert f(2) == 2\n",
        f"from m import f as f\nONE = 1 + 0\n{one}{test}    assert f(2) == 2\nfor n in ():\n    print(n)\n",
        f"from m import f as f\nONE = 1 + 0\n{one}{test.replace('test_f', 'test_g')}",
    ):
        (one_group / "test_m.py").write_text(tests)
        Judge.last = Judge()
        driver._judge(one_group, "m.py", ["test_m.py"], driver._known())
        asked.append(len(Judge.last.asked))
    assert asked == [2, 0, 2, 2, 2, 2, 2]


def test_the_table_fails_below_its_bound(capsys: pytest.CaptureFixture[str]) -> None:
    """A timeout is noticed; what is equal in effect does not count; groups stand for themselves."""
    verdicts = {"a": "failed", "b": "timeout", "c": "passed"}
    good, weak = driver.count(verdicts, {"c": "why"}), driver.count(verdicts, {})
    assert capsys.readouterr().out == "lived: c\n"
    assert driver.report({("g", "m.py"): good}) == 0
    assert driver.report({("g", "m.py"): good, ("h", "n.py"): weak}) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split() == ["m.py", "3", "1", "0", "1", "1", "100.0%"]
    assert shown[-1] == "below 95% or listed wrongly: h"


def test_a_sample_is_the_same_part_of_the_changes_in_every_run() -> None:
    """And all of them are the whole."""
    names = [f"m:f{number}: other text in `'a'`" for number in range(2000)]
    chosen = {part: [name for name in names if driver.is_sampled(name, part)] for part in (0, 0.2, 0.5, 1)}
    assert (chosen[0], chosen[1]) == ([], names)
    assert 300 < len(chosen[0.2]) < 500 < 900 < len(chosen[0.5]) < 1100
    assert set(chosen[0.2]) < set(chosen[0.5])


@pytest.mark.parametrize(("noticed", "code"), [(95, 0), (94, 1)])
def test_the_bound_itself_is_enough(noticed: int, code: int) -> None:
    """95 of 100 are enough, 94 are not."""
    assert driver.report({("g", "m.py"): Counter(failed=noticed, passed=100 - noticed)}) == code


def test_what_is_listed_as_equal_and_fails_a_test_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A reason that does not hold must go."""
    counts = driver.count({"a": "failed", "b": "failed"}, {"b": "why"})
    assert capsys.readouterr().out == "listed wrongly: b\n"
    assert driver.report({("g", "m.py"): counts}) == 1


def test_the_list_of_equal_changes_names_changes_that_there_are() -> None:
    """Each once, with a reason; an edit of the line takes its change off the list."""
    there = {
        one.name
        for modules in driver.GROUPS.values()
        for path in modules
        for one in mutants(
            (ROOT / path).read_text(encoding="utf-8"), f"thinkmix.{path[:-3].replace('/', '.')}"
        )
    }
    assert driver.equal_changes(driver.EQUAL).keys() <= there


def test_every_module_and_its_tests_are_there() -> None:
    """A file that was renamed is missed here and not after an hour."""
    for modules in driver.GROUPS.values():
        for path, files in modules.items():
            assert files
            assert all((ROOT / name).is_file() for name in (path, *files)), path


def test_functions_are_found_that_were_there_before_objects_were_frozen() -> None:
    """Each would otherwise be changed in its file, and all tests be collected for it."""
    gc.freeze()
    try:
        assert _functions()[made.__code__.co_filename, "made"] == [made]
    finally:
        gc.freeze()


@pytest.mark.parametrize(("decorator", "quick"), [("", True), ("@compiled\n", False)])
def test_a_kernel_is_changed_in_its_file_alone(decorator: str, quick: bool, tmp_path: Path) -> None:
    """Its machine code would go on as it was, whatever the function beside it says now."""
    path, space = tmp_path / "k.py", {}
    path.write_text(f"{decorator}def f(a):\n    return -a\n")
    exec(compile("def f(a):\n    return -a\n", path, "exec"), space)
    asked = {"path": str(path), "function": "f", "text": "def f(a):\n    return --a\n", "called": []}
    assert (_exchange(asked, {(str(path), "f"): [space["f"]]}) is not None) is quick
