"""Installed libraries: within the ranges that were tested, and none that is known not to work beside another.

Read from the packages' metadata alone, for importing them takes seconds.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions, metadata, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from thinkmix.flows.cli.doctor.finding import Finding, fail, ok, warn

EXTRAS = ("train", "dask", "modelscope")


@dataclass(frozen=True)
class Libraries:
    """What is installed, and what was asked for."""

    python: str
    python_range: str
    installed: Mapping[str, str]
    """Version by canonical name."""
    required: Sequence[str]
    """Requirements of the package, extras included, as its metadata states them."""
    accelerator: bool
    """Whether the machine has a GPU that its system knows."""


@dataclass(frozen=True)
class Trouble:
    """Versions of a library that do not work, alone or beside another one."""

    name: str
    library: str
    bad: str
    """Range of the versions in question."""
    symptom: str
    cure: str
    beside: tuple[str, str] = ("", "")
    """The other library and its range; empty if it takes none."""


TROUBLES = (
    Trouble(
        "prefect × fastapi",
        "fastapi",
        ">=0.151",
        "every flow dies at its start: `Body() got an unexpected keyword argument`",
        "fastapi>=0.139,<0.151",
        ("prefect", ">=3.8,<3.9"),
    ),
    Trouble(
        "prefect × sqlalchemy",
        "sqlalchemy",
        ">=2.1",
        "the server starts, but never schedules a run",
        "sqlalchemy>=2.0,<2.1",
        ("prefect", ">=3.8,<3.9"),
    ),
    Trouble(
        "datasketch scheme",
        "datasketch",
        "<2.0",
        "its signatures are of another scheme than ours",
        "datasketch>=2.0,<3",
    ),
    Trouble("jinja2 sandbox", "jinja2", "<3.1.6", "templates can leave the sandbox", "jinja2>=3.1.6,<4"),
    Trouble(
        "torch weights",
        "torch",
        "<2.6",
        "loading weights can run code in them (CVE-2025-32434)",
        "torch==2.13.0",
    ),
)


def collect() -> Libraries:
    """Look at the environment."""
    found: dict[str, str] = {}
    for distribution in distributions():
        if name := distribution.metadata["Name"]:
            found.setdefault(canonicalize_name(name), distribution.version)
    return Libraries(
        python=platform.python_version(),
        python_range=metadata("thinkmix")["Requires-Python"] or "",
        installed=found,
        required=requires("thinkmix") or (),
        accelerator=any(Path(place).exists() for place in ("/dev/nvidia0", "/dev/kfd")),
    )


def check(libraries: Libraries) -> list[Finding]:
    """Return what there is to say of Python and the libraries."""
    return [
        _python(libraries),
        _ranges(libraries),
        *(_trouble(libraries, trouble) for trouble in TROUBLES if trouble.library in libraries.installed),
        _torch(libraries),
    ]


def _python(libraries: Libraries) -> Finding:
    if libraries.python in SpecifierSet(libraries.python_range, prereleases=True):
        return ok("python", libraries.python)
    return fail("python", f"{libraries.python}, not {libraries.python_range}", "install a newer Python")


def _ranges(libraries: Libraries) -> Finding:
    """Compare versions with their ranges; libraries of extras need not be there at all."""
    wrong, broken = [], False
    for stated in map(Requirement, libraries.required):
        name, base = (
            canonicalize_name(stated.name),
            stated.marker is None or stated.marker.evaluate({"extra": ""}),
        )
        extra = any(stated.marker and stated.marker.evaluate({"extra": extra}) for extra in EXTRAS)
        number = libraries.installed.get(name)
        if number is None:
            missing = base
        else:
            missing = (base or extra) and not stated.specifier.contains(number, prereleases=True)
        if missing:
            wrong.append((f"{name} {number or 'is missing'}", f"'{name}{stated.specifier}'"))
            broken |= base
    if not wrong:
        return ok("libraries", "all within the ranges that were tested")
    detail = ", ".join(found for found, _ in wrong)
    advice = f"pip install {' '.join(wanted for _, wanted in wrong)}"
    return (fail if broken else warn)("libraries", detail, advice)


def _trouble(libraries: Libraries, trouble: Trouble) -> Finding:
    other, other_bad = trouble.beside
    number, beside = libraries.installed[trouble.library], libraries.installed.get(other, "")
    words = f"{trouble.library} {number}" + (f" beside {other} {beside}" if beside else "")
    bad = _within(number, trouble.bad) and (not other or (bool(beside) and _within(beside, other_bad)))
    if bad:
        return fail(trouble.name, f"{words}: {trouble.symptom}", f"pip install '{trouble.cure}'")
    return ok(trouble.name, words)


def _torch(libraries: Libraries) -> Finding:
    number = libraries.installed.get("torch")
    if number is None:
        return ok("torch", "not installed; only `thinkmix train` needs it: pip install 'thinkmix[train]'")
    local = Version(number).local or ""
    if local == "cpu" and libraries.accelerator:
        return warn("torch", f"{number} cannot use this machine's GPU", "install the wheel for your GPU")
    others = [
        f"{name} {libraries.installed[name]}"
        for name in ("transformers", "peft")
        if name in libraries.installed
    ]
    where = "GPU" if libraries.accelerator else "CPU only, no GPU found"
    return ok("torch", ", ".join((f"{number} ({where})", *others)))


def _within(number: str, stated: str) -> bool:
    return SpecifierSet(stated).contains(number, prereleases=True)
