"""What was measured, beside what was to be reached: kept in results.json, shown in docs/benchmarks.md."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import ROOT, machine

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


@dataclass(frozen=True)
class Measurement:
    """One figure of one run."""

    figure: str
    """Subcommand that measures it."""
    what: str
    unit: str
    at_least: float
    aim: float
    measured: float
    on: str
    """What it was measured on: rows, bytes, real or generated."""
    less_is_better: bool = False
    at_full_size: bool = False
    """Bounds are about the full scale only."""
    notes: tuple[str, ...] = ()
    versions: str = ""
    """Of the peers."""
    scale: str = ""
    date: str = ""
    load: float = 0.0
    """Processes that wanted a core, over the five minutes before the end."""
    cpu: str = ""
    """What it was measured on if that is another processor than the one that the page names for all."""

    @property
    def reached(self) -> str:
        """Return yes, no, that even the aim was, or that the scale was too small to say."""
        if self.at_full_size and self.scale != "full":
            return "open: not at full size"
        if self._meets(self.aim):
            return "yes, and the aim"
        return "yes" if self._meets(self.at_least) else "**no**"

    def line(self) -> str:
        """Return the finding as a row of a Markdown table."""
        sign = "≤ " if self.less_is_better else ""
        cells = (
            self.what,
            f"{sign}{_number(self.at_least)}{self.unit}",
            f"{sign}{_number(self.aim)}{self.unit}",
            f"{_number(self.measured)}{self.unit}",
            self.reached,
            f"{self.on}; {self.date}, load {self.load:.1f}" + (f", {self.cpu}" if self.cpu else ""),
        )
        return f"| {' | '.join(cells)} |"

    def _meets(self, bound: float) -> bool:
        return self.measured <= bound if self.less_is_better else self.measured >= bound


HEADER = "| figure | at least | aim | measured | reached | on |\n|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Options:
    """What all figures are asked for."""

    scale: str = "short"
    """`tiny` to see that it works, `short` for a quick look, `full` for the sizes that bounds are about."""
    rounds: int = 3
    work: Path = ROOT / "build" / "benchmarks"
    """Folder for generated data and stores; what a figure puts there it removes."""
    real: Path = ROOT.parent / "shared"
    """Folder of real rows; without it figures use generated ones."""

    def size(self, *, tiny: int, short: int, full: int) -> int:
        """Return the one of three sizes that the scale says."""
        return {"tiny": tiny, "short": short, "full": full}[self.scale]


Measure = Callable[[Options], Sequence[Measurement]]


def record(found: Sequence[Measurement], options: Options, path: Path = RESULTS) -> list[Measurement]:
    """Date the findings and put them in the place of those of the same name.

    The page names the machine of all of them; one with another processor is named with its findings alone.
    """
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    busy = os.getloadavg()[1]
    here = machine()
    named = json.loads(path.read_text(encoding="utf-8"))["machine"] if path.exists() else here
    other = here["cpu"] if here["cpu"] != named["cpu"] else ""
    dated = [replace(finding, scale=options.scale, date=today, load=busy, cpu=other) for finding in found]
    known = {finding.what: finding for finding in load(path)}
    known |= {finding.what: finding for finding in dated}
    content = {
        "machine": named if other else here,
        "findings": [asdict(finding) for finding in known.values()],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return dated


def load(path: Path = RESULTS) -> list[Measurement]:
    """Return all that was recorded."""
    if not path.exists():
        return []
    listed = json.loads(path.read_text(encoding="utf-8"))["findings"]
    return [Measurement(**{**one, "notes": tuple(one["notes"])}) for one in listed]


def write_page(order: Sequence[str], path: Path = RESULTS, page: Path = PAGE) -> None:
    """Write what was recorded into the page, between its two marks, in the order of the figures."""
    found = sorted(load(path), key=lambda finding: order.index(finding.figure))
    lines = [_machine(json.loads(path.read_text(encoding="utf-8"))["machine"]), "", HEADER]
    lines += [finding.line() for finding in found]
    lines += ["", "What lies behind the figures:", ""]
    for figure in dict.fromkeys(finding.figure for finding in found):
        lines.append(_behind([finding for finding in found if finding.figure == figure]))
    write_between(page, BEGIN, END, "\n".join(lines) + "\n")


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Write text between two marks of a page, in place of the old text."""
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")


def _behind(found: Sequence[Measurement]) -> str:
    """Return one line of what the findings of a figure were made of."""
    notes = dict.fromkeys(note for finding in found for note in finding.notes)
    peers = ", ".join(dict.fromkeys(finding.versions for finding in found if finding.versions))
    said = "; ".join((*notes, f"peers: {peers}") if peers else notes)
    return f"* `{found[0].figure}`, scale {found[0].scale}: {said}."


def _machine(facts: dict[str, str]) -> str:
    libraries = ", ".join(f"{name} {fact}" for name, fact in list(facts.items())[4:])
    return f"{facts['cores']} cores of {facts['cpu']}, {facts['memory']}, {facts['system']}; {libraries}."


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
