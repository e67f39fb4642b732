"""What is built of the project: the wheel, the sdist, and a checkout that has lost its links."""

import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("curation", "data", "flows", "schemas", "templates", "train")


def build(project: Path, out: Path, *targets: str) -> None:
    """Build without a network: the builder is installed."""
    wanted = [word for target in targets for word in ("-t", target)]
    subprocess.run([sys.executable, "-m", "hatchling", "build", *wanted, "-d", out], cwd=project, check=True)


def files(wheel: Path) -> dict[str, bytes]:
    """Return the content of the files in a wheel by name."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out, "wheel", "sdist")
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> dict[str, bytes]:
    """The files of the wheel."""
    (built,) = dist.glob("*.whl")
    return files(built)


def test_the_wheel_has_one_name_and_holds_the_six_rooms(wheel):
    """Templates, recipes and samples ship; tests, caches and documents do not."""
    inside = [name for name in wheel if ".dist-info/" not in name]

    assert {name.partition("/")[0] for name in inside} == {"thinkmix"}
    assert {name.split("/")[1] for name in inside} == {*ROOMS, "__init__.py", "py.typed"}
    for needed in (
        "thinkmix/templates/chat/families/qwen3.jinja",
        "thinkmix/templates/pages/report.html.jinja",
        "thinkmix/templates/pages/page/style.css.jinja",
        "thinkmix/templates/workspace/static/htmx.min.js",
        "thinkmix/templates/workspace/words/zh/home.yaml",
        "thinkmix/data/recipes/sample-7-3.yaml",
        "thinkmix/data/samples/tools.jsonl",
    ):
        assert needed in wheel
    code = [name for name in wheel if name.startswith("thinkmix/data/") and name.endswith(".py")]
    assert code == ["thinkmix/data/__init__.py"]  # not what makes the sample
    assert not [name for name in wheel if "__pycache__" in name or name.endswith((".nbi", ".nbc"))]


def test_the_wheel_of_the_sdist_is_that_of_the_checkout(dist, wheel, tmp_path):
    """A build from the sdist, which holds folders in place of the links, has the same files."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    assert not [name for name in names if "__pycache__" in name or name.endswith((".nbi", ".nbc"))]
    (project,) = tmp_path.iterdir()
    build(project, tmp_path / "dist", "wheel")
    (built,) = (tmp_path / "dist").glob("*.whl")
    assert files(built) == wheel


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """A checkout as git or an unpacker leaves it that makes no links: files of text stand in their place."""
    (tmp_path / "src" / "thinkmix").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    source = ROOT / "src" / "thinkmix" / "__init__.py"
    (tmp_path / "src" / "thinkmix" / "__init__.py").write_bytes(source.read_bytes())
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text(f"NAME = {room!r}\n")
        (tmp_path / "src" / "thinkmix" / room).write_text(f"../../{room}")
    for part in ("benchmarks", "tests", "tools"):
        (tmp_path / part).mkdir()
        (tmp_path / "dev" / part).write_text(f"../{part}")
    return tmp_path


def run(lost: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={"PYTHONPATH": str(lost / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_import_without_the_links_ends_with_the_way_out(lost):
    """The last line names what is not a folder, and what to do."""
    ended = run(lost, "-c", "import thinkmix")
    place = lost / "src" / "thinkmix" / "curation"

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"ImportError: {place} is not a folder: the checkout has lost its symbolic links; "
        "run `make links` in it, on Linux or macOS, and install it again"
    )


def test_the_command_without_the_links_ends_in_one_sentence(lost):
    """No traceback stands above it."""
    command = lost / "thinkmix"
    command.write_text("import sys\nfrom thinkmix.flows.cli import main\nsys.exit(main())\n")
    ended = run(lost, command, "recipes")

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("thinkmix: ")
    assert "run `make links`" in ended.stderr


def test_make_links_is_the_way_out(lost):
    """Afterwards every room is imported by its name, and a second call changes nothing."""
    for _ in range(2):
        subprocess.run(["make", "--silent", "links"], cwd=lost, check=True)
        found = {room: (lost / "src" / "thinkmix" / room).readlink() for room in ROOMS}
        assert found == {room: Path("..") / ".." / room for room in ROOMS}
        assert (lost / "dev" / "tests").readlink() == Path("../tests")
    ended = run(lost, "-c", "from thinkmix.curation import NAME; print(NAME)")
    assert (ended.stdout, ended.stderr) == ("curation\n", "")
