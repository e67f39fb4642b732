"""What `.ci/run` does before the checks: it brings a browser along, or says that it has no browser."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.builders import ROOT

MISSING = (
    ".ci/run: chromium and chromedriver are missing, so the tests of the pages will fail; "
    "install them as root: apt-get install chromium chromium-driver\n"
)


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """The only folder of commands: `make` and `apt-get` that note how they are called, no browser."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "dirname", "cp"):
        (folder / name).symlink_to(shutil.which(name))
    _command(folder, "make", 'echo "make $* CI=$CI"')
    return folder


def _command(folder: Path, name: str, does: str) -> None:
    (folder / name).write_text(f"#!{folder}/bash\n{does}\n")
    (folder / name).chmod(0o755)


def run(commands: Path, user: int, *, apt: str | None = None) -> tuple[int, list[str], str]:
    """Run it as a user, with an `apt-get` that does something more than saying how it was called."""
    _command(commands, "id", f"echo {user}")
    if apt is not None:
        _command(commands, "apt-get", f'echo "apt-get $*"; {apt}')
    ended = subprocess.run(
        [commands / "bash", ROOT / ".ci" / "run"],
        env={"PATH": str(commands)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout.splitlines(), ended.stderr


def test_root_gets_a_browser_installed(commands: Path):
    """By Debian's packages, after an update; then checks and tests run with CI=true."""
    for name in ("chromium", "chromedriver"):
        _command(commands, f"new-{name}", "")
    puts = f'cd {commands}; [ "$1" = update ] || for n in chromium chromedriver; do cp new-$n $n; done'
    code, said, errors = run(commands, 0, apt=puts)
    assert (code, errors) == (0, "")
    assert said == [
        "apt-get update",
        "apt-get install -y --no-install-recommends chromium chromium-driver",
        "make check CI=true",
        "make test CI=true",
    ]


@pytest.mark.parametrize(
    ("user", "apt"),
    [(1000, "exit 0"), (0, None), (0, "exit 100")],
    ids=["no root", "no Debian", "no network"],
)
def test_a_browser_that_cannot_be_installed_is_said_in_a_sentence(user, apt, commands: Path):
    """Checks and tests run all the same."""
    code, said, errors = run(commands, user, apt=apt)
    assert (code, errors) == (0, MISSING)
    assert said[-2:] == ["make check CI=true", "make test CI=true"]
    assert (user == 0 and apt is not None) == any(line.startswith("apt-get") for line in said)


def test_a_browser_that_is_there_is_used(commands: Path):
    """Nothing is installed, and nothing is said."""
    for name in ("google-chrome", "chromedriver"):
        _command(commands, name, "")
    assert run(commands, 0, apt="exit 1") == (0, ["make check CI=true", "make test CI=true"], "")
