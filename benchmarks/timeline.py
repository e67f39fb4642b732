"""Build a recipe and print when each stage began: `python -m benchmarks.timeline RECIPE STORE [WORKERS]`.

The last line is JSON: seconds from the start at which each stage was first heard of, and the end.
"""

import json
import sys
import time
from pathlib import Path

from flows.pipeline import build
from flows.progress import Event
from flows.recipes import load
from flows.store import Store


def main() -> None:
    start = time.perf_counter()
    begun: dict[str, float] = {}

    def notify(event: Event) -> None:
        begun.setdefault(event.stage, time.perf_counter() - start)

    located = load(sys.argv[1])
    processes = int(sys.argv[3]) if len(sys.argv) > 3 else None
    build(located.recipe, Store(Path(sys.argv[2])), base=located.base, processes=processes, notify=notify)
    print(json.dumps({"begun": begun, "end": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
