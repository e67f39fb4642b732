"""Measure the published figures again, or generate rows.

python -m benchmarks all                      a quick look at everything, peers included
python -m benchmarks signatures tokens        some figures
python -m benchmarks all --scale full         the sizes that the bounds are about: hours, 40 GB of disk
python -m benchmarks generate OUT --rows N    a corpus and a recipe that mixes it
python -m benchmarks likeness                 generated text beside real text
python -m benchmarks page                     write benchmarks/results.json into docs/benchmarks.md
python -m benchmarks snippets                 run what docs/training.md says of other trainers against them
python -m benchmarks interop trl axolotl      have these tools read their exports, and train five steps
"""

import argparse
import signal
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks import generate
from benchmarks.measure import machine
from benchmarks.measurements import HEADER, RESULTS, Options, record, write_page

FIGURES = (
    "signatures", "neardup", "recipes", "quality", "rendering", "tokens", "encoding", "training",
    "width", "validation", "rules", "stages", "memory", "growth", "pairs", "runs", "startup", "leaks",
)  # fmt: skip
PEERLESS = (
    "quality", "validation", "rules", "stages", "memory", "growth", "pairs", "runs", "startup", "leaks",
)  # fmt: skip
OTHERS = ("generate", "page", "likeness", "snippets", "interop")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if sys.argv[1:2] and sys.argv[1] in OTHERS:
        commands = parser.add_subparsers(required=True, metavar="COMMAND")
        generate.add_command(commands)
        commands.add_parser("page", help="write the results into the docs").set_defaults(run=_page)
        commands.add_parser("likeness", help="compare generated and real text").set_defaults(run=_likeness)
        commands.add_parser("snippets", help="run those of docs/training.md").set_defaults(run=_snippets)
        interop = commands.add_parser("interop", help="have tools read their exports")
        interop.add_argument("targets", nargs="*", help="names of exporters; all unless named")
        interop.add_argument("--latest", action="store_true", help="install the newest releases")
        interop.add_argument("--keep", action="store_true", help="leave the environments in build/peers")
        interop.set_defaults(run=_interop)
    else:
        _add_figures(parser)
    given = parser.parse_args()
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit(128 + number)
    )  # removes folders, ends children
    given.run(given)


def import_docs(name: str) -> str:
    """Return the first line of a figure's module, without importing what it measures."""
    source = (Path(__file__).parent / "figures" / f"{name}.py").read_text(encoding="utf-8")
    return source.partition("\n")[0].strip('"')


def _add_figures(parser: argparse.ArgumentParser) -> None:
    known = "\n".join(f"  {name:<11} {import_docs(name)}" for name in FIGURES)
    parser.epilog = f"figures:\n{known}\n  all, ours   every figure; those that need no peer"
    parser.add_argument("figures", nargs="+", choices=(*FIGURES, "all", "ours"), metavar="FIGURE")
    parser.add_argument("--scale", choices=("tiny", "short", "full"), default="short")
    parser.add_argument("--rounds", type=int, default=3, help="how many runs; the median counts")
    parser.add_argument(
        "--work", type=Path, default=Options.work, help="folder for generated data and stores"
    )
    parser.add_argument("--real", type=Path, default=Options.real, help="folder of real rows")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file that findings are put into")
    parser.set_defaults(run=_measure)


def _measure(given: argparse.Namespace) -> None:
    options = Options(given.scale, given.rounds, given.work.resolve(), given.real.resolve())
    print(", ".join(f"{name} {fact}" for name, fact in machine().items()), HEADER, sep="\n")
    asked = {"all": FIGURES, "ours": PEERLESS}
    for name in [name for given_name in given.figures for name in asked.get(given_name, (given_name,))]:
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


def _snippets(given: argparse.Namespace) -> None:
    from benchmarks.snippets import check  # noqa: PLC0415

    failed = False
    for found in check():
        print(found.line(), *found.missing[:2], *found.other[:2], sep="\n    ", flush=True)
        failed |= bool(found.missing or found.other)
    if failed:
        sys.exit(1)


def _interop(given: argparse.Namespace) -> None:
    from benchmarks.interop import check, write_page  # noqa: PLC0415

    failed = False
    for outcome in check(given.targets, latest=given.latest, keep=given.keep):
        print(outcome.line(), *outcome.told, sep="\n    ", flush=True)
        failed |= not outcome.good
    if not given.latest:
        write_page()
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
