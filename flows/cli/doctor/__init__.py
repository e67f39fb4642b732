"""The doctor: whether this machine and a store are fit for builds, and what to do where they are not.

Each module looks at one thing twice: `collect` gathers facts, `check` judges them without looking anywhere.
"""

from concurrent.futures import ThreadPoolExecutor

from thinkmix.flows.cli.doctor import disk, exposure, libraries, machine, net
from thinkmix.flows.cli.doctor.finding import Finding, Status
from thinkmix.flows.orchestrate.settings import stated
from thinkmix.flows.store.store import Store

__all__ = ["Finding", "Status", "examine"]


def examine(store: Store) -> list[Finding]:
    """Return one finding for each thing that was looked at; needs no network and changes nothing."""
    settings = stated()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(net.collect, settings)
        found = libraries.check(libraries.collect())
        found += machine.check(machine.collect(store))
        found += disk.check(disk.collect(store))
        reached = asked.result()
    found += net.check(reached)
    return found + exposure.check(settings, asks=net.asks_for_password(reached.prefect))
