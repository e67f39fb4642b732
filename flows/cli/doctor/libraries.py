"""Installed libraries: within the ranges that were tested, and none that is known not to work beside another.

Read from the packages' metadata alone, for importing them takes seconds.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distributions, metadata, requires
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from thinkmix.flows.cli.doctor.diagnosis import Diagnosis, diagnose

EXTRAS = ("train", "dask", "modelscope")


class Libraries(NamedTuple):
    """What is installed, and what was asked for."""

    python: str
    python_range: str
    installed: Mapping[str, str]
    """Version by canonical name."""
    required: Sequence[str]
    """Requirements of the package, extras included, as its metadata states them."""
    accelerator: bool
    """Whether the machine has a GPU that its system knows."""


class Trouble(NamedTuple):
    """Versions of a library that do not work, alone or beside another one."""

    name: str
    bad: str
    """The library and the range in question."""
    symptom: str
    cure: str
    beside: str = ""
    """The other library and its range; empty if it takes none."""


TROUBLES = (
    Trouble(
        "prefect × fastapi",
        "fastapi>=0.151",
        "every flow dies at its start: `Body() got an unexpected keyword argument`",
        "fastapi>=0.139,<0.151",
        "prefect>=3.8,<3.9",
    ),
    Trouble(
        "prefect × sqlalchemy",
        "sqlalchemy>=2.1",
        "the server starts, but never schedules a run",
        "sqlalchemy>=2.0,<2.1",
        "prefect>=3.8,<3.9",
    ),
    Trouble(
        "datasketch scheme",
        "datasketch<2.0",
        "its signatures are of another scheme than ours",
        "datasketch>=2.0,<3",
    ),
    Trouble("jinja2 sandbox", "jinja2<3.1.6", "templates can leave the sandbox", "jinja2>=3.1.6,<4"),
    Trouble(
        "torch weights", "torch<2.6", "loading weights can run code in them (CVE-2025-32434)", "torch==2.13.0"
    ),
)


def look() -> Libraries:
    """Look at the environment."""
    return Libraries(
        python=platform.python_version(),
        python_range=metadata("thinkmix")["Requires-Python"] or "",
        # the first of several is the one that an import finds
        installed={
            canonicalize_name(each.name): each.version for each in [*distributions()][::-1] if each.name
        },
        required=requires("thinkmix") or (),
        accelerator=any(Path(place).exists() for place in ("/dev/nvidia0", "/dev/kfd")),
    )


def check(libraries: Libraries) -> Iterator[Diagnosis]:
    """Yield what there is to say of Python and the libraries."""
    if libraries.python in SpecifierSet(libraries.python_range, prereleases=True):
        yield diagnose("python", libraries.python)
    else:
        detail = f"{libraries.python}, not {libraries.python_range}"
        yield diagnose("python", detail, fail="install a newer Python")
    yield _ranges(libraries)
    yield from (found for trouble in TROUBLES if (found := _trouble(libraries.installed, trouble)))
    yield _torch(libraries)


def _ranges(libraries: Libraries) -> Diagnosis:
    """Compare versions with their ranges; libraries of extras need not be there at all."""
    found, wanted, broken = [], [], False
    for stated in map(Requirement, libraries.required):
        base, extra = (
            stated.marker is None or any(stated.marker.evaluate({"extra": extra}) for extra in extras)
            for extras in (("",), EXTRAS)
        )
        number = libraries.installed.get(canonicalize_name(stated.name))
        if base if number is None else (base or extra) and not _within(number, stated):
            found.append(f"{canonicalize_name(stated.name)} {number or 'is missing'}")
            wanted.append(f"'{canonicalize_name(stated.name)}{stated.specifier}'")
            broken |= base
    if not found:
        return diagnose("libraries", "all within the ranges that were tested")
    advice = f"pip install {' '.join(wanted)}"
    return diagnose("libraries", ", ".join(found), **{"fail" if broken else "warn": advice})


def _trouble(installed: Mapping[str, str], trouble: Trouble) -> Diagnosis | None:
    """Judge a trouble; None where its library is not installed."""
    there, bad = [], True
    for stated in (Requirement(words) for words in (trouble.bad, trouble.beside) if words):
        number = installed.get(stated.name)
        bad = bad and number is not None and _within(number, stated)
        if number is not None:
            there.append(f"{stated.name} {number}")
    if Requirement(trouble.bad).name not in installed:
        return None
    words = " beside ".join(there)
    if bad:
        return diagnose(trouble.name, f"{words}: {trouble.symptom}", fail=f"pip install '{trouble.cure}'")
    return diagnose(trouble.name, words)


def _torch(libraries: Libraries) -> Diagnosis:
    number = libraries.installed.get("torch")
    if number is None:
        advice = "only `thinkmix train` needs it: pip install 'thinkmix[train]'"
        return diagnose("torch", f"not installed; {advice}")
    if Version(number).local == "cpu" and libraries.accelerator:
        detail = f"{number} cannot use this machine's GPU"
        return diagnose("torch", detail, warn="install the wheel for your GPU")
    where = "GPU" if libraries.accelerator else "CPU only, no GPU found"
    others = ((name, libraries.installed.get(name)) for name in ("transformers", "peft"))
    shown = (f"{name} {version}" for name, version in others if version)
    return diagnose("torch", ", ".join((f"{number} ({where})", *shown)))


def _within(number: str, stated: Requirement) -> bool:
    return stated.specifier.contains(number, prereleases=True)
