"""What the documents tell a reader to type: every command is one that there is, and those of the demo run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from tests.harness.builders import ROOT, quick_build
from thinkmix.flows.cli import app
from thinkmix.flows.recipe.recipes import load
from thinkmix.schemas.errors import LAST_RUN_FAILED, ThinkmixError

READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = (*READMES, *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))


def blocks(document: str, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    parts = (ROOT / document).read_text(encoding="utf-8").split("```")[1::2]
    return [part.partition("\n")[2] for part in parts if part.partition("\n")[0] == language]


def commands(block: str) -> list[str]:
    """Return what a block of a console tells to type, without comments, a line each."""
    typed = block.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in typed if line.startswith("$ ")]


def words(command: str) -> list[str]:
    """Return the words of a command up to a redirection."""
    return shlex.split(command.partition(" > ")[0], comments=True)


def parse(arguments: list[str]) -> str:
    """Let the command line read what follows `thinkmix`, run nothing, and return the command's name."""
    group = get_command(app)
    context = group.make_context("thinkmix", list(arguments))
    name, command, rest = group.resolve_command(context, arguments)
    command.make_context(name, rest, parent=context)
    return name


def thinkmix_commands(document: str) -> list[list[str]]:
    """Return the words after `thinkmix` of each command in a document that starts it, by torchrun, too."""
    typed = [words(line) for block in blocks(document, "console") for line in commands(block)]
    started = [line for line in typed if line[0] in ("thinkmix", "torchrun")]
    return [line[line.index("thinkmix") + 1 :] for line in started]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_a_document_can_be_typed(document: str, tmp_path: Path, monkeypatch):
    """Its name, its flags and their values are those that the command line knows."""
    monkeypatch.chdir(tmp_path)
    for arguments in thinkmix_commands(document):
        for file in (word for word in arguments if word.endswith(".yaml")):
            Path(file).parent.mkdir(parents=True, exist_ok=True)  # a flag may want it to be there
            Path(file).touch()
        assert parse(arguments)


def test_a_command_that_there_is_not_is_noticed():
    """The test above fails for a wrong command, a wrong flag, and a wrong value."""
    for wrong in ("bulid sample-7-3", "build sample-7-3 --stroe s", "calibrate v -o o --rows many"):
        with pytest.raises(Exception, match=r"No such command|No such option|a valid integer"):
            parse(wrong.split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `make demo` leaves it, but for the adapter: the environment, and the sample built."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / ".venv").symlink_to(sys.prefix)
    located = load("sample-7-3")
    quick_build(located.recipe, folder / "build" / "store", located.base)
    return folder


def test_the_commands_after_the_demo_run_as_they_are_written(made: Path, tmp_path: Path):
    """In a shell that knows nothing of the environment, one after another; the row of `explain` is there."""
    (block,) = [one for one in blocks("README.md", "console") if "source .venv/bin/activate" in one]
    script = "\n".join(["set -e", *commands(block)]).replace("build/rows", str(tmp_path / "rows"))
    ended = subprocess.run(
        ["bash", "-c", script], cwd=made, env=bare(), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "near_dup" in ended.stdout
    assert (tmp_path / "rows" / "calibration.jsonl").is_file()


def test_the_python_of_the_readme_reads_what_the_demo_made(made: Path):
    """The version is found by the mixture's CURRENT, and has prompts and completions."""
    (block,), translated = (blocks(name, "python") for name in READMES)
    assert translated == [block]
    shown = f"{block}\nprint(len(mixture['train']), sorted(mixture['train'][0]))"
    ended = subprocess.run(
        [sys.executable, "-c", shown],
        cwd=made,
        env=bare(HF_HUB_OFFLINE="1"),
        capture_output=True,
        text=True,
        check=True,
    )
    count, columns = ended.stdout.split(maxsplit=1)
    assert int(count) > 1000
    assert "'completion'" in columns
    assert "'prompt'" in columns


def test_the_demo_ends_with_what_to_do_next(made: Path):
    """Its last lines name files that are there, and commands that can be typed as they stand."""
    (made / "build/adapter").mkdir(exist_ok=True)
    told = subprocess.run(
        ["make", "--no-print-directory", "--file", ROOT / "Makefile", "next"],
        cwd=made,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in told.splitlines() if ".venv/bin/thinkmix " in line]
    typed = [line[line.index(".venv/bin/thinkmix ") :] for line in lines]
    names = [parse(words(line)[1:]) for line in typed]
    assert names == ["report", "recipes", "build", "plan"]
    for line in (typed[0], typed[1], typed[3]):
        ended = subprocess.run(["bash", "-c", line], cwd=made, env=bare(), capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, b"")
    assert (made / "mine.yaml").read_text().startswith("# The embedded sample")
    assert "build/store/sample-7-3/report.html" in told
    assert (made / "build/store/sample-7-3/report.html").is_file()


def test_every_target_that_the_readme_names_is_there():
    """`make demo` and `make test` are in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    typed = [words(line) for block in blocks("README.md", "console") for line in commands(block)]
    named = [line[1] for line in typed if line[0] == "make"]
    assert named == ["demo", "test"]
    assert [target for target in named if f"\n{target}: " not in makefile] == []


def bare(**more: str) -> dict[str, str]:
    """Return an environment as a reader has it, whose path knows no `thinkmix`."""
    kept = ("HOME", "TMPDIR", "LANG", "PYTHONPYCACHEPREFIX", "NUMBA_CACHE_DIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PATH": os.defpath} | more


@pytest.mark.parametrize(
    ("document", "word"), [("README.md", "Exit codes:"), ("README.zh-CN.md", "退出码：")]
)
def test_every_exit_code_is_in_the_readme(document: str, word: str):
    """Authors of scripts around a command find each code of each error there."""
    text = (ROOT / document).read_text(encoding="utf-8").partition(word)[2].partition("\n\n")[0]
    listed = {int(part) for part in re.findall(r"(?:^|[，,]\s*)\s*(\d+) ", text)}
    assert listed == {0, LAST_RUN_FAILED, *(kind.exit_code for kind in kinds())}


def kinds(root: type[ThinkmixError] = ThinkmixError) -> list[type[ThinkmixError]]:
    """Return a class of errors and all below it."""
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


def test_the_readme_says_which_commands_speak_to_machines():
    """All commands but those that it names take --json, and each has an example in its help."""
    made = get_command(app).commands.items()
    silent = {name for name, one in made if not any("--json" in option.opts for option in one.params)}
    said = (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .partition("and all but ")[2]
        .partition(" have `--json`")[0]
    )
    assert silent == set(said.split("`")[1::2])
    assert [name for name, one in made if "Example" not in (one.epilog or "")] == []
