"""Build a recipe up to a stage and print when each began: `python -m benchmarks.timeline RECIPE STORE UNTIL`.

The last line is JSON: seconds from the start at which each stage was first heard of, and the end.
"""

import json
import sys
import time
from pathlib import Path

from thinkmix.flows.build.pipeline import build
from thinkmix.flows.build.watch import Watch
from thinkmix.flows.recipe.recipes import load
from thinkmix.flows.store.store import Store
from thinkmix.flows.system.progress import Event


class Reached(Exception):
    """The stage has begun, before which all is timed."""


def main() -> None:
    start = time.perf_counter()
    begun: dict[str, float] = {}
    recipe, store, until = sys.argv[1:]

    def notify(event: Event) -> None:
        begun.setdefault(event.stage, time.perf_counter() - start)
        if event.stage == until:
            raise Reached

    located = load(recipe)
    try:
        build(located.recipe, Store(Path(store)), base=located.base, watch=Watch(notify=notify))
    except Reached:
        print(json.dumps({"begun": begun, "end": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
