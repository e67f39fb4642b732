"""Builds the small mixture in a process of its own.

Run as a program: `python -m tests.harness.build_once STORE BASE RECIPE WORKERS`.
RECIPE is JSON; WORKERS is the number of worker processes, or 0 to work in this one. Prints JSON.
"""

import json
import sys
from pathlib import Path

from tests.harness.builders import quick_build
from thinkmix.flows.build.pipeline import build
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.store import Store

if __name__ == "__main__":
    _store, _base, _stated, _workers = sys.argv[1:]
    _recipe = Recipe.model_validate_json(_stated)
    if int(_workers):
        _built = build(_recipe, Store(Path(_store)), base=Path(_base), processes=int(_workers))
    else:
        _built = quick_build(_recipe, Path(_store), Path(_base))
    _facts = {"digest": _built.digest, "status": _built.status, "made": _built.made}
    sys.stdout.write(json.dumps(_facts))
