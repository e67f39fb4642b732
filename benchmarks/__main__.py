"""Measure the published figures again, or generate rows.

python -m benchmarks all                      a quick look at everything, peers included
python -m benchmarks signatures tokens        some figures
python -m benchmarks all --scale full         the sizes that the bounds are about: hours, 40 GB of disk
python -m benchmarks generate OUT --rows N    a corpus and a recipe that mixes it
python -m benchmarks likeness                 generated text beside real text
python -m benchmarks page                     write benchmarks/results.json into docs/benchmarks.md
"""

import argparse
import time
from importlib import import_module
from pathlib import Path

from benchmarks import generate
from benchmarks.findings import HEADER, RESULTS, Options, record, write_page
from benchmarks.measure import machine

FIGURES = (
    "signatures", "neardup", "quality", "rendering", "tokens", "validation", "stages", "memory", "growth",
    "pairs", "startup",
)  # fmt: skip
PEERLESS = ("quality", "validation", "stages", "memory", "growth", "pairs", "startup")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    generate.add_command(commands)
    commands.add_parser("page", help="write the recorded results into the docs").set_defaults(run=_page)
    commands.add_parser("likeness", help="compare generated text with real text").set_defaults(run=_likeness)
    _add_figures(commands, "all", FIGURES, "measure every figure")
    _add_figures(commands, "ours", PEERLESS, "measure the figures that need no peer")
    for name in FIGURES:
        _add_figures(commands, name, (name,), import_docs(name))
    given = parser.parse_args()
    given.run(given)


def import_docs(name: str) -> str:
    """Return the first line of a figure's module, without importing what it measures."""
    source = (Path(__file__).parent / "figures" / f"{name}.py").read_text(encoding="utf-8")
    return source.partition("\n")[0].strip('"')


def _add_figures(commands, name: str, figures: tuple[str, ...], text: str) -> None:
    command = commands.add_parser(name, help=text)
    command.add_argument("--scale", choices=("tiny", "short", "full"), default="short")
    command.add_argument("--rounds", type=int, default=3, help="runs of which the median counts")
    command.add_argument(
        "--work", type=Path, default=Options.work, help="folder for generated data and stores"
    )
    command.add_argument("--real", type=Path, default=Options.real, help="folder of real rows")
    command.add_argument("--results", type=Path, default=RESULTS, help="file that findings are put into")
    command.set_defaults(run=_measure, figures=figures)


def _measure(given: argparse.Namespace) -> None:
    options = Options(given.scale, given.rounds, given.work.resolve(), given.real.resolve())
    print(", ".join(f"{name} {fact}" for name, fact in machine().items()), HEADER, sep="\n")
    for name in given.figures:
        start = time.perf_counter()
        found = record(import_module(f"benchmarks.figures.{name}").measure(options), options, given.results)
        for finding in found:
            print(finding.line())
        for finding in found[:1]:
            print(*(f"    {note}" for note in finding.notes), sep="\n")
        print(f"    ({name} took {time.perf_counter() - start:.0f} s)", flush=True)


def _page(given: argparse.Namespace) -> None:
    write_page(FIGURES)


def _likeness(given: argparse.Namespace) -> None:
    from benchmarks.likeness import show  # noqa: PLC0415

    show(Options())


if __name__ == "__main__":
    main()
