"""Programs that live beside builds: `python -m tests.harness.collect_loop PROGRAM STORE MIXTURE`.

- `collect` collects as hard as it can, over and over;
- `careless` does so, too, without asking whether anyone holds or has used what it removes;
- `read` holds one version after the other for a moment and hashes all of it at the start and the end.

Each prints one line of JSON when it gets a line on its input.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from thinkmix.flows.runs import retention
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.paths import reading
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreError


@contextmanager
def _nobody_asks(path: Path, *, unused_since: float) -> Iterator[bool]:
    yield path.exists()


def collect(store: Store, mixture: str, found: Counter) -> None:
    """Collect once, with limits that spare nothing for its age."""
    told = retention.retain(store, keep=1, days=0)
    found["rounds"] += 1
    found["problems"] += len(told.failed)
    for removed in told.removed:
        found[removed.kind] += 1


def read(store: Store, mixture: str, found: Counter) -> None:
    """Read a version at leisure."""
    with reading(store.root / mixture) as folder:
        found["rounds"] += 1
        before = problems(folder)
        time.sleep(0.05)
        now = (folder / MANIFEST).exists()
        found["problems"] += bool(before or problems(folder) or not now)


def until_asked(step: Callable[[Store, str, Counter], None], store: Store, mixture: str) -> Counter:
    """Repeat a step until a line comes in."""
    found, asked = Counter(rounds=0, problems=0), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), asked.set()), daemon=True).start()
    while not asked.is_set():
        try:
            step(store, mixture, found)
        except StoreError as error:
            found["problems"] += 1
            sys.stderr.write(f"{error}\n")
        time.sleep(0.002)
    return found


if __name__ == "__main__":
    program, root, mixture = sys.argv[1:]
    retention._COARSE = 0.1  # of a local disk, whose clock is ours; collects as early as can be
    if program == "careless":
        retention.exclusive_lock = _nobody_asks
    steps = {"collect": collect, "careless": collect, "read": read}
    sys.stdout.write(json.dumps(until_asked(steps[program], Store(Path(root)), mixture)) + "\n")
