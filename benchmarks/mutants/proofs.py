"""How long a test that noticed a change still tells of it, while other tests come and go."""

import ast
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple


def digest_of(*texts: str) -> str:
    """Return the sha256 of some texts, in hex."""
    return sha256("\0".join(texts).encode()).hexdigest()


class Proofs:
    """The tests that noticed changes of one module, which fail again as long as they are the same."""

    def __init__(self, copy: Path, source: str) -> None:
        self._copy, self._source = copy, source

    def of(self, test: str) -> str:
        """Return a digest of the module and the test, with what the test uses of its own file.

        Empty for no test, and for one that is no longer there.
        """
        file, _, rest = test.partition("::")
        path = self._copy / file
        if not rest or not path.is_file():
            return ""
        name = rest.partition("::")[0].partition("[")[0]
        statements = _statements(path.read_text(encoding="utf-8"))
        if not any(name in one.names for one in statements):
            return ""
        used, more = {""}, {name}
        while not more <= used:
            used |= more
            more = set().union(*(one.reads for one in statements if one.names & used))
        return digest_of(self._source, test, *(one.text for one in statements if one.names & used))

    def hold(self, result: Mapping[str, Any]) -> bool:
        """Return whether a test failed, and would again."""
        proof = result.get("proof")
        return bool(proof) and result["verdict"] == "failed" and proof == self.of(result["test"])


class _Statement(NamedTuple):
    """What stands in a file of tests."""

    names: frozenset[str]
    """What it gives a meaning; an empty name for what every test may depend on."""
    reads: frozenset[str]
    text: str


@cache
def _statements(text: str) -> list[_Statement]:
    """Return the statements of a file of tests, without its docstring."""
    statements = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        inside = list(ast.walk(node))
        reads = {one.id for one in inside if isinstance(one, ast.Name)}
        reads |= {one.arg for one in inside if isinstance(one, ast.arg)}  # fixtures
        reads |= {one.value for one in inside if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        said = ast.unparse(node)
        names = _named(node)
        always = not names or "autouse" in said or "pytestmark" in names
        statements.append(_Statement(frozenset({*names, *([""] if always else [])}), frozenset(reads), said))
    return statements


def _named(node: ast.stmt) -> set[str]:
    """Return the names to which a statement gives a meaning."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {one.asname or one.name.partition(".")[0] for one in node.names}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return set()
