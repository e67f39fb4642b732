"""Make every small change of the pure kernels, run the tests that reach it, and count what no test noticed.

python -m benchmarks.mutants                  all groups, in their order
python -m benchmarks.mutants mix gates        some groups
python -m benchmarks.mutants --sample 0.2     a fifth of the changes, which are chosen by their names

What was found is kept in build/mutants and holds as long as a module and its tests are as they were, so a
run that was ended goes on where it stopped. What a test noticed holds as long as that test is as it was,
while others come and go. What has the effect of the original is listed in equal.yaml.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import ROOT
from benchmarks.mutants.operators import changed, mutants
from benchmarks.mutants.proofs import Proofs, digest_of
from benchmarks.mutants.trial import Tests, copied, module_of

RESULTS = ROOT / "build" / "mutants" / "results.jsonl"
EQUAL = Path(__file__).with_name("equal.yaml")
LEAST = 0.95
"""Part of a group's changes, without those of equal effect, that tests must notice."""


def _formats() -> dict[str, tuple[str, ...]]:
    paths, tests = (
        [str(path.relative_to(ROOT)) for path in sorted((ROOT / folder).glob("*.py"))]
        for folder in ("schemas/formats", "tests/schemas/formats")
    )
    return {path: tuple(tests) for path in paths if not path.endswith("__init__.py")}


def _of(folder: str, *names: str) -> tuple[str, ...]:
    found = {path.name: path for path in (ROOT / "tests" / folder).rglob("test_*.py")}
    return tuple(str(found[f"test_{name}.py"].relative_to(ROOT)) for name in names)


GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "mix": {"curation/sample/mix.py": _of("curation", "mix", "mix_gates")},
    "gates": {
        str(path.relative_to(ROOT)): _of("curation", "gates", "layout_gate", "reading_gates", "mix_gates")
        for path in sorted((ROOT / "curation" / "gates").glob("*.py"))
        if path.name != "__init__.py"
    },
    "clusters": {"curation/dedup/clusters.py": _of("curation", "clusters", "dedup")},
    "survivors": {"curation/dedup/survivors.py": _of("curation", "survivors", "dedup")},
    "keys": {"curation/dedup/keys.py": _of("curation", "keys", "dedup")},
    "render": {
        "templates/chat/turns.py": _of("templates", "turns", "seam", "parse"),
        "templates/chat/render.py": _of("templates", "render", "turns"),
        "curation/sample/render.py": _of("curation", "render"),
    },
    "decontamination": {
        "curation/decontaminate/contamination.py": _of("curation", "contamination"),
        "curation/validate/columnar.py": _of("curation", "columnar"),
    },
    "scan": {
        "curation/decontaminate/words.py": _of("curation", "words"),
        "curation/decontaminate/scan.py": _of("curation", "contamination"),
    },
    "formats": _formats(),
}


def main() -> None:
    """Judge what was not judged before, print the table, and exit with 1 where too much lives."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument(
        "--sample", type=float, default=1.0, metavar="PART", help="part of the changes, 0 to 1"
    )
    stated = parser.parse_args()
    names = stated.groups or list(GROUPS)
    equal, known, counts = equal_changes(EQUAL), _known(), {}
    copy = copied(RESULTS.parent / "copy")
    for group in names:
        for path, files in GROUPS[group].items():
            found = _judge(copy, path, files, known, beside=_beside(group, files), part=stated.sample)
            counts[group, path] = count(found, equal)
    sys.exit(report(counts))


def equal_changes(path: Path) -> dict[str, str]:
    """Return the reason of each change that has the effect of the original."""
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: entry["reason"] for entry in listed for name in entry["changes"]}


def _known() -> dict[str, dict[str, Any]]:
    """Return what was found of each change; the last line about it counts, a torn one does not."""
    known = {}
    for line in RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else ():
        try:
            result = json.loads(line)
        except ValueError:
            continue
        known[result["name"]] = result
    return known


def _beside(group: str, files: Sequence[str]) -> tuple[str, ...]:
    """Return the modules of a group that have these tests."""
    return tuple(path for path, others in GROUPS[group].items() if others == files)


def _judge(
    copy: Path,
    path: str,
    files: Sequence[str],
    known: Mapping[str, Mapping[str, Any]],
    *,
    beside: Sequence[str] = (),
    part: float = 1.0,
) -> dict[str, str]:
    """Return the verdict on each change of a module; write down those that are new."""
    source = (copy / path).read_text(encoding="utf-8")
    texts = [source, *((copy / file).read_text(encoding="utf-8") for file in files)]
    digest = digest_of(*texts)
    proofs = Proofs(copy, source)
    changes = [one for one in mutants(source, module_of(copy, path)) if is_sampled(one.name, part)]
    verdicts, tests = {}, None
    for number, mutant in enumerate(changes, start=1):
        result = known.get(mutant.name, {"digest": "", "test": ""})
        if result["digest"] != digest and not proofs.hold(result):
            tests = tests or Tests(copy, path, files, beside)
            outcome = tests.judge(mutant, changed(source, mutant), number, result["test"])
            result = {"name": mutant.name, "digest": digest, **outcome._asdict()}
            result["proof"] = proofs.of(outcome.test)
            with RESULTS.open("a", encoding="utf-8") as results:
                results.write(json.dumps(result, ensure_ascii=False) + "\n")
            print(
                f"{number}/{len(changes)} {outcome.verdict} {outcome.seconds:.1f} s {mutant.name}", flush=True
            )
        verdicts[mutant.name] = result["verdict"]
    return verdicts


def is_sampled(name: str, part: float) -> bool:
    """Return whether a change is one of a part of all, which is the same in every run."""
    return int(digest_of(name)[:8], 16) < part * 16**8


def count(verdicts: Mapping[str, str], equal: Mapping[str, str]) -> Counter[str]:
    """Count verdicts; what is listed as equal and fails a test is listed wrongly."""
    counts: Counter[str] = Counter()
    for name, verdict in verdicts.items():
        word = verdict
        if name in equal:
            word = "equal" if verdict == "passed" else "listed wrongly"
        if word in ("passed", "listed wrongly"):
            print(f"{'lived' if word == 'passed' else word}: {name}")
        counts[word] += 1
    return counts


def report(counts: Mapping[tuple[str, str], Counter[str]]) -> int:
    """Print the table; return 1 if tests miss too many changes of a group, or one is listed wrongly."""
    head = ("module", "mutants", "killed", "lived", "equal", "timeout", "score")
    print(f"{head[0]:44}" + "".join(f"{word:>9}" for word in head[1:]))
    groups: dict[str, Counter[str]] = {}
    for (group, path), found in counts.items():
        _print(path, found)
        groups[group] = groups.get(group, Counter()) + found
    for group, found in groups.items():
        _print(f"all of {group}", found)
    weak = [group for group, found in groups.items() if score(found) < LEAST or found["listed wrongly"]]
    print(f"below {LEAST:.0%} or listed wrongly: {', '.join(weak)}" if weak else f"all at least {LEAST:.0%}")
    return int(bool(weak))


def score(found: Counter[str]) -> float:
    """Return the part of the changes that tests noticed, of those that have an effect."""
    noticed = found["failed"] + found["timeout"]
    return noticed / effect if (effect := found.total() - found["equal"]) else 1.0


def _print(name: str, found: Counter[str]) -> None:
    columns = (found.total(), *(found[word] for word in ("failed", "passed", "equal", "timeout")))
    print(f"{name:44}" + "".join(f"{number:9}" for number in columns) + f"{score(found):9.1%}")


if __name__ == "__main__":
    main()
