"""Which outputs a build makes again after one change, stage by stage: the table of docs/cache.md.

    python -m benchmarks.made_again                       # this checkout
    python -m benchmarks.made_again BEFORE AFTER          # two checkouts, side by side
    python -m benchmarks.made_again --page BEFORE AFTER   # written into docs/cache.md

Each change is made to a copy of the rows, the recipe or the source files, beside a copy of the store that a
build without it left. An output is made again if a folder for it appears in the cache.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.generate import Corpus, generate
from benchmarks.measure import ROOT
from benchmarks.measurements import write_between
from benchmarks.rows import overwrite

PAGE = ROOT / "docs" / "cache.md"
BEGIN, END = "<!-- made again: begin -->", "<!-- made again: end -->"
ROOMS = ("schemas", "templates", "curation", "train", "flows", "data")
CORPUS = Corpus(rows=2_400, bytes_per_row=20_000, shard_rows=100)
"""Twenty-four files of 100 rows, 33 MB of text, published in a few shards."""


@dataclass(frozen=True)
class Place:
    """A copy of everything that a build is made of."""

    folder: Path

    @property
    def code(self) -> Path:
        """Folder of the package."""
        return self.folder / "code" / "thinkmix"

    @property
    def rows(self) -> Path:
        """Folder of the rows and the recipe."""
        return self.folder / "rows"

    @property
    def store(self) -> Path:
        """The store."""
        return self.folder / "store"

    def outputs(self) -> set[tuple[str, str]]:
        """Return stage and key of all outputs in the cache."""
        found = (self.store / ".cache").glob("*/*/manifest.json")
        return {(path.parts[-3], path.parts[-2]) for path in found if path.parts[-3] != "charts"}

    def build(self) -> None:
        """Build the recipe in a process of its own, with this copy of the code.

        Raises:
            RuntimeError: if the build fails, with the end of what it said.
        """
        command = [sys.executable, "-c", "from thinkmix.flows.cli import main; main()", "build"]
        command += [str(self.rows / "recipe.yaml"), "--store", str(self.store), "--direct", "--json"]
        path = os.pathsep.join([str(self.folder / "libraries"), str(self.folder / "code")])
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        # a gate may hold what changed, and a template may leave no row: what was made counts all the same
        if done.returncode not in (0, 6, 8):
            raise RuntimeError(f"the build ended with {done.returncode}: {done.stderr[-800:]}")


Change = Callable[[Place], None]


def edit_row(place: Place) -> None:
    """Reword the problem of one row."""
    path = place.rows / "math" / "00003.parquet"
    frame = pl.read_parquet(path)
    first = pl.int_range(pl.len()) == 17
    reworded = pl.col("problem") + " Explain each step in your own words."
    overwrite(path, frame.with_columns(problem=pl.when(first).then(reworded).otherwise("problem")))


def add_file(place: Place) -> None:
    """Add a file of rows that no other file holds."""
    path = place.rows / "math" / "00000.parquet"
    frame = pl.read_parquet(path)
    new = pl.col("problem") + pl.format(" Number {} of a new list.", pl.int_range(pl.len()))
    target = place.rows / "math" / "99999.parquet"
    shutil.copy(path, target)
    overwrite(target, frame.with_columns(problem=new))


def edit(*names: str) -> Change:
    """Return the edit of a source file that changes what it holds and nothing of what it does.

    Args:
        names: of the file in this release and in earlier ones; the first that is there is edited.
    """

    def change(place: Place) -> None:
        path = next(path for name in names if (path := place.code / name).is_file())
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")

    return change


def edit_template(place: Place) -> None:
    """Edit the text of a chat template, wherever the release keeps it."""
    with next((place.code / "templates" / "chat").rglob("qwen3.jinja")).open("a", encoding="utf-8") as file:
        file.write("\n")


def add_format(place: Place) -> None:
    """Add a row format, as its author would: a file, and where all are listed."""
    formats = place.code / "schemas" / "formats"
    listed = next(path for path in (formats / "known.py", formats / "__init__.py") if path.is_file())
    _replace(
        formats / "alpaca.py",
        formats / "toy.py",
        {"class Alpaca(": "class Toy(", 'Literal["alpaca"] = "alpaca"': 'Literal["toy"] = "toy"'},
    )
    xlam = "from thinkmix.schemas.formats.xlam"
    joined = f"from thinkmix.schemas.formats.toy import Toy\n{xlam}"
    _replace(listed, listed, {"    | Auto,": "    | Toy\n    | Auto,", xlam: joined})


def _replace(source: Path, target: Path, words: Mapping[str, str]) -> None:
    """Write a file with some words replaced; each of them must occur in it."""
    text = source.read_text(encoding="utf-8")
    for old, new in words.items():
        if old not in text:
            raise RuntimeError(f"{source.name} has no {old!r}")
        text = text.replace(old, new)
    target.write_text(text, encoding="utf-8")


def state(line: str) -> Change:
    """Return the change of a recipe by one more line."""

    def change(place: Place) -> None:
        with (place.rows / "recipe.yaml").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    return change


def library(name: str) -> Change:
    """Return the change of a library's version, as the installed packages state it."""

    def change(place: Place) -> None:
        number = f"{version(name)}.post1"
        folder = place.folder / "libraries" / f"{name}-{number}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")

    return change


CHANGES: Mapping[str, Change] = {
    "one changed row": edit_row,
    "one added file": add_file,
    "one edited gate": edit("curation/gates/rows.py", "curation/gates/gates.py", "curation/gates.py"),
    "one edited rule of validation": edit(
        "curation/validate/rowwise.py", "curation/validate/normalize.py", "curation/normalize.py"
    ),
    "one edited rule of sampling": edit("curation/sample/mix.py", "curation/mix.py"),
    "the edited page of the report": edit("templates/pages/report.html.jinja"),
    "one new row format": add_format,
    "`threshold` 0.8 to 0.85": state("dedup: {threshold: 0.85}"),
    "`threshold` 0.8 to 0.75": state("dedup: {threshold: 0.75}"),
    "another `seed`": state("seed: 7"),
    "another `template`": state("template: qwen3-instruct-2507"),
    "the edited text of the template": edit_template,
    "another version of tokenizers": library("tokenizers"),
    "another version of numba": library("numba"),
    "another version of polars": library("polars"),
}


def measure(checkout: Path) -> dict[str, Counter[str]]:
    """Return per change the outputs made again, by stage; under `everything`, those of a first build."""
    with TemporaryDirectory(dir=ROOT / "build") as folder:
        base = Place(Path(folder) / "base")
        for room in ROOMS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(checkout / room, base.code / room, ignore=ignored)
        shutil.copy(checkout / "src" / "thinkmix" / "__init__.py", base.code)
        generate(CORPUS, base.rows)
        base.build()
        found = {"everything": Counter(stage for stage, _ in base.outputs())}
        for name, change in CHANGES.items():
            place = Place(Path(folder) / "changed")
            shutil.copytree(base.folder, place.folder)
            before = place.outputs()
            change(place)
            place.build()
            found[name] = Counter(stage for stage, _ in place.outputs() - before)
            shutil.rmtree(place.folder)
            print(f"{checkout.name}: {name}: {dict(found[name])}", file=sys.stderr, flush=True)
        return found


def table(measured: Sequence[tuple[str, Mapping[str, Counter[str]]]]) -> str:
    """Return the table of several checkouts, the stages of the last one written out."""
    named = [name for name, _ in measured]
    lines = [f"| after | {' | '.join(named)} | made by the stages |", f"|---|{'---|' * (len(named) + 1)}"]
    last = measured[-1][1]
    for change in ("everything", *CHANGES):
        cells = [str(sum(found[change].values())) for _, found in measured]
        by_stage = ", ".join(f"{stage} {count}" for stage, count in last[change].most_common())
        label = "nothing there: a first build" if change == "everything" else change
        lines.append(f"| {label} | {' | '.join(cells)} | {by_stage or 'none'} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and print the table or write it into the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkouts", nargs="*", type=Path, help="checkouts of the project; this one if none")
    parser.add_argument("--names", nargs="*", help="their names in the table")
    parser.add_argument("--page", action="store_true", help="write the table into docs/cache.md")
    given = parser.parse_args()
    checkouts = given.checkouts or [ROOT]
    names = given.names or ["outputs made"] if len(checkouts) == 1 else given.names or ["before", "after"]
    (ROOT / "build").mkdir(exist_ok=True)
    made = table([(name, measure(path.resolve())) for name, path in zip(names, checkouts, strict=True)])
    if given.page:
        write_between(PAGE, BEGIN, END, made)
    print(made, end="")


if __name__ == "__main__":
    main()
