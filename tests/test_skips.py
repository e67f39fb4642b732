"""A skip is counted, and in continuous integration it fails the run unless its reason is listed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.builders import ROOT

ENDS = {
    "browser": "def test_it(): pytest.skip('chromium and chromedriver are not on the path')",
    "marked": "@pytest.mark.skipif(True, reason='no browser')\ndef test_it(): pass",
    "module": "pytest.importorskip('no_such_library', reason='no library')",
    "shared": "def test_it(): pytest.skip('the shared hub is not beside the checkout')",
    "deepspeed": "@pytest.mark.skip(reason='DeepSpeed is not installed')\ndef test_it(): pass",
    "xfail": "@pytest.mark.xfail(strict=True)\ndef test_it(): assert False",
}


def run(folder: Path, *names: str, ci: str, workers: int = 0) -> tuple[int, list[str]]:
    """Run tests that end as `ENDS` says; return pytest's exit code and the lines of its output."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"test_{name}.py").write_text(f"import pytest\n{ENDS[name]}\n")
    (folder / "test_good.py").write_text("def test_good(): pass\n")
    options = ["-p", "tests.harness.skips", "-p", "xdist", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *options,
            "--numprocesses",
            str(workers),
            "--rootdir",
            folder,
            folder,
        ],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout.splitlines()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("browser", "chromium and chromedriver are not on the path"),
        ("marked", "no browser"),
        ("module", "no library"),
    ],
)
def test_a_skip_that_is_not_listed_fails_in_continuous_integration(name, reason, workers, tmp_path: Path):
    """By a call, a mark or a missing library; whether or not the tests run in processes of their own."""
    code, lines = run(tmp_path, name, ci="true", workers=workers)
    assert code != 0
    assert f"skipped, which CI=true does not allow for this reason: {reason}" in lines
    assert "skipped: 0" in lines[-3:]  # below it, perhaps, that a module was not collected


@pytest.mark.parametrize("workers", [0, 1])
def test_skips_are_counted_by_reason_on_the_last_line_but_one(workers, tmp_path: Path):
    """Reasons that are listed do not fail a run, and a failure that is expected is not a skip."""
    code, lines = run(tmp_path, "shared", "deepspeed", "xfail", ci="true", workers=workers)
    assert code == 0
    assert lines[-2] == (
        "skipped: 2 (1 × DeepSpeed is not installed; 1 × the shared hub is not beside the checkout)"
    )
    assert "1 passed, 2 skipped, 1 xfailed" in lines[-1]


def test_any_skip_is_allowed_on_a_developers_machine(tmp_path: Path):
    """Without CI=true a browser that is missing is counted, and no more."""
    code, lines = run(tmp_path, "browser", ci="")
    assert (code, lines[-2]) == (0, "skipped: 1 (1 × chromium and chromedriver are not on the path)")
