"""The doctor: whether this machine and a store are fit for builds, and what to do where they are not.

A public function of a module judges facts that it is given; `check` gathers them.
"""

from concurrent.futures import ThreadPoolExecutor

from thinkmix.flows.cli.doctor import disk, libraries, machine, net, server
from thinkmix.flows.cli.doctor.diagnosis import Diagnosis
from thinkmix.flows.orchestrate.settings import profile_settings
from thinkmix.flows.store.store import Store


def examine(store: Store) -> list[Diagnosis]:
    """Return one finding for each thing that was looked at; needs no network and changes nothing."""
    settings = profile_settings()
    with ThreadPoolExecutor(2) as pool:
        hubs, asked = pool.submit(net.check), pool.submit(server.ask, settings)
        found = [*libraries.check(libraries.look()), *machine.check(store), *disk.check(store)]
        return [*found, *hubs.result(), *server.check(settings, asked.result())]
