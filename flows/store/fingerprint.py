"""What else decides an output besides its arguments: the code of ours that it can reach, and its libraries.

Code is followed module by module through its imports, those inside of functions included. Of the module that
holds the function itself, only the statements count that the function uses, so that an edit to one piece of
work leaves the outputs of its neighbours alone.
"""

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "charset_normalizer": ("charset-normalizer",),
    "jinja2": ("jinja2",),
    "jsonschema": ("jsonschema", "jsonschema-specifications"),
    "llvmlite": ("llvmlite",),
    "math_verify": ("math-verify", "latex2sympy2-extended", "sympy"),
    "numba": ("numba", "llvmlite"),
    "numpy": ("numpy",),
    "orjson": ("orjson",),
    "polars": ("polars",),
    "pyarrow": ("pyarrow",),
    "pydantic": ("pydantic",),
    "quicktok": ("quicktok-v1",),
    "referencing": ("referencing", "rpds-py"),
    "sympy": ("sympy",),
    "tokenizers": ("tokenizers",),
}
"""Libraries whose change may change a byte of the mixture: distributions by the name of their import."""

_PACKAGE = "thinkmix"
_BUILD = (f"{_PACKAGE}.flows.build.stages", f"{_PACKAGE}.flows.build.version")
_OF_FLOWS = (
    f"{_PACKAGE}.flows.build",
    f"{_PACKAGE}.flows.recipe.recipe",
)
"""What of `flows` decides bytes: the order of the stages and the recipe. The rest carries jobs and files."""

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
_IMPORTED = re.compile(r"import_module\(\s*[\"']([\w.]+)[\"']")
_VERSION = re.compile(r"^Version: (.+)$", re.MULTILINE)
_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class Code:
    """Code of ours and the libraries that it imports."""

    modules: Mapping[str, str]
    """sha256 of each source file, by the module's name; of the work itself that of the statements it uses."""
    libraries: Mapping[str, str]
    """Versions of the distributions."""

    @cached_property
    def digest(self) -> str:
        """Return one sha256 over all of it."""
        content = sha256()
        for name, print_ in sorted(self.modules.items()):
            content.update(f"{name}\0{print_}\0".encode())
        for name, number in sorted(self.libraries.items()):
            content.update(f"{name}=={number}\0".encode())
        return content.hexdigest()


class _Module(NamedTuple):
    """One source file of ours."""

    sha256: str
    imports: frozenset[str]
    """Modules of ours, and all packages that they lie in."""
    libraries: frozenset[str]
    """Other top-level names that it imports."""


@dataclass(frozen=True, eq=False)
class Sources:
    """The source files of the package, as they lie in its folder."""

    root: Path

    def work(self, module: str, function: str, *others: str) -> Code:
        """Return the code that a function of a module can reach, and that of other modules.

        Raises:
            ValueError: if the module has no such function: there is nothing to follow.
        """
        texts = list(_used(self._text(module), function))
        if not texts:
            msg = f"{module} has no function {function!r} at its top, so its code cannot be followed"
            raise ValueError(msg)
        text = "\n".join(texts)
        found = self._imports(text)
        rest = self.reach({*found.imports, *others} - {module})
        own = {f"{module}.{function}": found.sha256}
        return Code({**rest.modules, **own}, {**rest.libraries, **_versions(found.libraries)})

    def reach(self, modules: Iterable[str]) -> Code:
        """Return the code of modules and of all that they import."""
        waiting, seen = list(modules), dict[str, _Module]()
        while waiting:
            name = waiting.pop()
            if name not in seen and _decides(name):
                seen[name] = self._module(name)
                waiting += seen[name].imports
        libraries = frozenset[str]().union(*(module.libraries for module in seen.values()))
        return Code({name: module.sha256 for name, module in seen.items()}, _versions(libraries))

    def path(self, module: str) -> Path | None:
        """Return the source file of a module of ours; None if there is no such module."""
        package, _, name = module.rpartition(".")
        folder = os.path.join(self.root, *package.split(".")[1:])  # noqa: PTH118 - many times as fast
        if f"{name}.py" in self._names(folder):
            return Path(folder, f"{name}.py")
        inside = os.path.join(folder, name)  # noqa: PTH118
        return Path(inside, "__init__.py") if name in self._names(folder) else None

    def _text(self, module: str) -> str:
        path = self.path(module)
        assert path is not None, module
        return path.read_text(encoding="utf-8")

    def _module(self, name: str) -> _Module:
        known = _MODULES.setdefault(self.root, {})
        if name not in known:
            known[name] = self._imports(self._text(name))
        return known[name]

    def _imports(self, text: str) -> _Module:
        ours, others = set[str](), set[str]()
        found = _IMPORT.findall(text)
        if "import_module" in text:
            found += [(name, "", "") for name in _IMPORTED.findall(text)]
        for source, names, plain in found:
            several = [part.split()[0] for part in plain.split(",") if part.strip()]
            for module in [source] if source else several:
                if module.partition(".")[0] != _PACKAGE:
                    others.add(module.partition(".")[0])
                    continue
                inside = (f"{module}.{name}" for name in _NAME.findall(names))
                ours.update(name for name in (module, *inside) if self.path(name))
        packages = {parent for name in ours for parent in _parents(name) if parent not in ours}
        return _Module(sha256(text.encode()).hexdigest(), frozenset(ours | packages), frozenset(others))

    @cache  # noqa: B019 - there is one of them, and one more for each test
    def _names(self, folder: str) -> frozenset[str]:
        """Return the names in a folder; of one that is not there, none."""
        try:
            return frozenset(os.listdir(folder))  # noqa: PTH208 - as above
        except OSError:
            return frozenset()


_MODULES: dict[Path, dict[str, _Module]] = {}

OURS = Sources(Path(str(files(_PACKAGE))))
"""The package as it is installed."""


@cache
def library_versions() -> Mapping[str, str]:
    """Return the installed versions of all distributions in `LIBRARIES`."""
    # `version` parses the whole of the metadata as an e-mail, which takes as long as everything else here
    texts = {name: distribution(name).read_text("METADATA") for names in LIBRARIES.values() for name in names}
    return {name: _VERSION.findall(text or "")[0] for name, text in texts.items()}


@cache
def code_digest() -> str:
    """Return one sha256 over all code and libraries that decide a byte of a version."""
    return OURS.reach(_BUILD).digest


@cache
def code_of(function: Callable[..., object], types: frozenset[str]) -> Code:
    """Return the code that decides what a function makes.

    Args:
        function: one at the top of a module of ours.
        types: modules that declare the types of its arguments.
    """
    return OURS.work(function.__module__, function.__qualname__, *types)


def _versions(imported: Iterable[str]) -> dict[str, str]:
    known = library_versions()
    return {name: known[name] for top in imported for name in LIBRARIES.get(top, ())}


def _decides(module: str) -> bool:
    """Return whether a module's code decides what rows become; the package's own face does not.

    A recipe reaches every gate, and a gate judges a version that is there.
    """
    if module in (_PACKAGE, f"{_PACKAGE}.curation.gates.known"):
        return False
    return not module.startswith(f"{_PACKAGE}.flows") or module.startswith(_OF_FLOWS)


def _parents(module: str) -> Iterator[str]:
    """Yield the packages that a module lies in: Python runs them before it."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _used(text: str, function: str) -> Iterator[str]:
    """Yield the statements at the top of a module that a function of it uses, itself included, as they stand.

    A statement is used if something used has a name in it that the statement binds.
    """
    lines = text.splitlines()
    statements = list(_one_by_one(ast.parse(text).body))
    bound: dict[str, list[int]] = {}
    for place, node in enumerate(statements):
        for name in _bound(node):
            bound.setdefault(name, []).append(place)
    if not any(isinstance(statements[place], ast.FunctionDef) for place in bound.get(function, ())):
        return
    waiting, used = list(bound[function]), set[int]()
    while waiting:
        place = waiting.pop()
        if place not in used:
            used.add(place)
            names = {node.id for node in ast.walk(statements[place]) if isinstance(node, ast.Name)}
            waiting += [place for name in names for place in bound.get(name, ())]
    for place in sorted(used):
        node = statements[place]
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield ast.unparse(node)
            continue
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        yield "\n".join(lines[first - 1 : node.end_lineno])


def _one_by_one(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, imports of several names as one import each."""
    for node in statements:
        if isinstance(node, ast.ImportFrom):
            yield from (ast.ImportFrom(node.module, [alias], node.level) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (ast.Import([alias]) for alias in node.names)
        else:
            yield node


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top of a module binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    for one in ast.walk(node):  # a statement may hold others, as `if` and `try` do
        if isinstance(one, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in one.names)
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
