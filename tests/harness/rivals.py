"""Three builders of one mixture, again and again: `python -m tests.harness.rivals ROUNDS FOLDER` prints JSON.

Each takes the lock, notes that it is alone, publishes and lets go; who finds the lock taken counts that.
"""

import json
import os
import sys
import time
from pathlib import Path

from tests.harness.crash_points import MIXTURE, begin, fill, judge, prepare
from thinkmix.flows.store import store as store_room
from thinkmix.flows.store.atomic import scratch_folder
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import StoreBusy


def compete(root: Path, seed: int, rounds: int) -> dict[str, object]:
    """Try `rounds` times to publish; return how often it was done, refused, or not alone."""
    built, busy, beside, slowest = 0, 0, 0, 0.0
    store_room._LOOK = 0.002  # builders wait a moment for those who only look; these hold it no longer
    store, witness = Store(root), root / "witness"
    for _ in range(rounds):
        began = time.process_time()
        try:
            with store.lock(MIXTURE):
                handle = os.open(witness, os.O_CREAT | os.O_EXCL)
                with scratch_folder(root / MIXTURE / "versions") as scratch:
                    fill(scratch, seed)
                    version, _ = store.versions.keep(MIXTURE, scratch)
                    store.versions.promote(MIXTURE, version)
                time.sleep(0.01)  # as long as the others wait, so that they meet
                os.close(handle)
                witness.unlink()
            built += 1
            time.sleep(0.01)
        except StoreBusy:
            busy += 1
            slowest = max(slowest, time.process_time() - began)
            time.sleep(0.01)
        except FileExistsError:
            beside += 1
    return {"built": built, "busy": busy, "beside": beside, "slowest": slowest}


def main(rounds: int, folder: Path) -> None:
    """Let three compete, and say what came of each and whether a reader is well served at the end."""
    prepare(folder, builds=False)
    root = folder / "store"
    root.mkdir()
    answers = [folder / f"builder-{number}" for number in range(3)]
    for number, answer in enumerate(answers):
        seed = 1 + number % 2
        begin(lambda answer=answer, seed=seed: answer.write_text(json.dumps(compete(root, seed, rounds))))
    for _ in answers:
        os.wait()
    told = [json.loads(answer.read_text()) for answer in answers]
    sys.stdout.write(json.dumps({"builders": told, "wrong": judge(root)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
