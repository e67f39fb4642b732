"""The project as a whole: what ships, what the documents promise, and how fast the command starts."""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from typer.main import get_command

from thinkmix.curation.sample.settings import MixPlan
from thinkmix.flows.cli import app
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.sources.hub_source import HubSource
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.flows.sources.modelscope_source import ModelScopeSource
from thinkmix.schemas.findings import Finding
from thinkmix.schemas.reasons import Context

ROOT = Path(__file__).parents[1]


def documents() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    )


def test_every_command_is_documented():
    """docs/commands.md has a line for each command."""
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")

    assert [name for name in get_command(app).commands if f"`thinkmix {name}" not in text] == []


def test_every_recipe_field_is_described_for_the_run_form():
    """A field without a description would be a riddle in Prefect's form and in the schema."""
    for model in (Recipe, MixPlan, HubSource, ModelScopeSource, LocalSource):
        shown = model.model_json_schema()["properties"]
        bare = [name for name in model.model_fields if not shown[name].get("description")]

        assert bare == []


def test_both_readmes_say_the_same_in_the_same_order():
    """The translation has the same sections and runs the same commands."""
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
    )

    def skeleton(text: str) -> tuple[int, list[str]]:
        commands = [line.split("#")[0].strip() for line in text.splitlines() if line.startswith("$ ")]
        return sum(line.startswith("#") for line in text.splitlines()), commands

    assert skeleton(english) == skeleton(chinese)


@pytest.mark.parametrize(
    "start",
    [
        "import thinkmix",
        "import thinkmix.schemas",
        "import thinkmix.templates.chat",
        "import thinkmix.flows.cli",
        "from thinkmix.flows.cli import main\nmain()",
    ],
    ids=["thinkmix", "schemas", "templates", "thinkmix.flows.cli", "--help"],
)
def test_nothing_heavy_is_imported_to_say_what_there_is(start: str):
    """`thinkmix --help` answers at once because libraries wait for the command that needs them."""
    heavy = {"polars", "pyarrow", "numpy", "numba", "torch", "transformers", "peft", "prefect"}
    heavy |= {"datasets", "huggingface_hub", "jinja2", "pydantic", "tokenizers"}
    script = (
        "import atexit, sys\nsys.argv = ['thinkmix', '--help']\n"
        f"atexit.register(lambda: print('HEAVY', sorted({heavy!r} & set(sys.modules))))\n{start}\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout.rstrip().endswith("HEAVY []")


def test_no_document_speaks_of_machines_or_registries():
    """Documents hold for every reader: no absolute home, no address of a package index."""
    text = documents() + (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert [
        word for word in ("/root/", "/home/", "file:///", "pypi.org", "--index-url") if word in text
    ] == []


def test_every_finding_and_every_reason_for_context_is_documented():
    """docs/reading.md has a line for each, with the sentence that the report shows."""
    page = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    for word in (*Finding, *Context):
        assert f"| `{word.value}` | {word.sentence} |" in page


def test_no_folder_of_tests_is_passed_over(request: pytest.FixtureRequest):
    """Pytest looks into no folder called `build` unless it is told to, and says nothing."""
    passed_over = request.config.getini("norecursedirs")
    folders = {path.name for path in (ROOT / "tests").rglob("*") if path.is_dir()} - {"__pycache__"}

    assert "build" in folders
    assert [name for name in folders if any(fnmatch(name, pattern) for pattern in passed_over)] == []
