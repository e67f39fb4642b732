"""How long a test that noticed a change still tells of it, while other tests come and go."""

import ast
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any


def digest_of(*texts: str) -> str:
    """Return the sha256 of some texts, in hex."""
    return sha256("\0".join(texts).encode()).hexdigest()


class Proofs:
    """The tests that noticed changes of one module, which fail again as long as they are the same."""

    def __init__(self, copy: Path, source: str) -> None:
        self._copy, self._source = copy, source

    def of(self, test: str) -> str:
        """Return a digest of the module and the test, with all that its file holds besides tests.

        Empty for no test, and for one that is no longer there.
        """
        file, _, rest = test.partition("::")
        path = self._copy / file
        if not rest or not path.is_file():
            return ""
        name = rest.partition("::")[0].partition("[")[0]
        statements = _statements(path.read_text(encoding="utf-8"))
        if name not in {said for said, _ in statements}:
            return ""
        return digest_of(self._source, test, *(text for said, text in statements if said in ("", name)))

    def hold(self, result: Mapping[str, Any]) -> bool:
        """Return whether a test failed, and would again."""
        proof = result.get("proof")
        return bool(proof) and result["verdict"] == "failed" and proof == self.of(result["test"])


@cache
def _statements(text: str) -> list[tuple[str, str]]:
    """Return what stands in a file of tests, each with its name if it is one."""
    statements = []
    for node in ast.parse(text).body:
        name = node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else ""
        statements.append((name if name.startswith(("test_", "Test")) else "", ast.unparse(node)))
    return statements
