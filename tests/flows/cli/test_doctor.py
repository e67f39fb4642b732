"""The doctor: every check judges facts, and the command tells a machine that is fit from one that is not."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.harness.builders import flip_bit, python
from thinkmix.flows.cli.doctor import disk, exposure, libraries, machine, net
from thinkmix.flows.cli.doctor.finding import Finding
from thinkmix.flows.orchestrate import settings
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.store import Store

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_ENDPOINT": "",
    "PREFECT_API_URL": "",
    "MODELSCOPE_ENDPOINT": "http://[::1]:1",
}
LIBRARIES = libraries.collect()
GB = 10**9


def statuses(findings: list[Finding]) -> dict[str, str]:
    """Return status by name."""
    return {finding.name: finding.status for finding in findings}


def named(findings: list[Finding], name: str) -> Finding:
    """Return one finding; whatever is not well has an advice."""
    assert all(finding.advice for finding in findings if finding.status != "ok")
    return next(finding for finding in findings if finding.name == name)


def with_versions(**versions: str) -> libraries.Libraries:
    """Return this environment with other versions of some libraries; an empty one is not installed."""
    changed = {name: number for name, number in {**LIBRARIES.installed, **versions}.items() if number}
    return replace(LIBRARIES, installed=changed)


def test_this_environment_is_well() -> None:
    """The environment that tests run in is the one that was tested."""
    assert set(statuses(libraries.check(LIBRARIES)).values()) == {"ok"}


@pytest.mark.parametrize(
    ("versions", "name"),
    [
        ({"fastapi": "0.151.0"}, "prefect × fastapi"),
        ({"fastapi": "0.165.0"}, "prefect × fastapi"),
        ({"sqlalchemy": "2.1.9"}, "prefect × sqlalchemy"),
        ({"datasketch": "1.6.5"}, "datasketch scheme"),
        ({"jinja2": "3.1.5"}, "jinja2 sandbox"),
        ({"torch": "2.5.1"}, "torch weights"),
    ],
)
def test_versions_that_do_not_work_fail(versions: Mapping[str, str], name: str) -> None:
    """Each known trouble is named, with what to install instead."""
    found = named(libraries.check(with_versions(**versions)), name)
    assert found.status == "fail"
    assert found.advice.startswith("pip install '")


def test_other_prefect_may_go_with_other_libraries() -> None:
    """A pair is bad as a pair: beside another Prefect nothing is known against a newer fastapi."""
    found = libraries.check(with_versions(fastapi="0.165.0", prefect="4.0.0"))
    assert named(found, "prefect × fastapi").status == "ok"
    assert named(found, "libraries").status == "fail"


@pytest.mark.parametrize(
    ("versions", "status"),
    [
        ({"polars": "1.9.0"}, "fail"),
        ({"orjson": ""}, "fail"),
        ({"transformers": "6.1.0"}, "warn"),
        ({"transformers": "", "torch": "", "peft": "", "distributed": ""}, "ok"),
        ({"torch": "2.13.0+cu130"}, "ok"),
    ],
)
def test_ranges_are_those_of_the_package(versions: Mapping[str, str], status: str) -> None:
    """A library out of its range fails, one of an extra is warned of, and an extra may be missing."""
    assert named(libraries.check(with_versions(**versions)), "libraries").status == status


def test_old_python_fails() -> None:
    """A Python that the package does not support is named."""
    assert named(libraries.check(replace(LIBRARIES, python="3.10.4")), "python").status == "fail"


@pytest.mark.parametrize(
    ("number", "gpu", "status"),
    [("2.13.0+cpu", True, "warn"), ("2.13.0+cu130", True, "ok"), ("", False, "ok")],
)
def test_torch_that_cannot_use_the_gpu_is_warned_of(number: str, gpu: bool, status: str) -> None:
    """A wheel for CPUs on a machine with a GPU wastes it; no torch at all is fine."""
    found = libraries.check(replace(with_versions(torch=number), accelerator=gpu))
    assert named(found, "torch").status == status


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, "ok"),
        ({"PREFECT_SERVER_API_HOST": "0.0.0.0"}, "fail"),
        ({"PREFECT_SERVER_API_HOST": "::"}, "fail"),
        ({"PREFECT_SERVER_API_HOST": "10.0.0.7"}, "fail"),
        ({"PREFECT_SERVER_API_HOST": "0.0.0.0", "PREFECT_API_AUTH_STRING": "a:b"}, "fail"),
        ({"PREFECT_SERVER_API_HOST": "0.0.0.0", "PREFECT_SERVER_API_AUTH_STRING": "a:b"}, "ok"),
        ({"PREFECT_SERVER_API_HOST": "127.0.0.1"}, "ok"),
        ({"PREFECT_API_URL": "http://0.0.0.0:4200/api"}, "fail"),
        ({"PREFECT_API_URL": "http://build-machine:4200/api"}, "fail"),
        ({"PREFECT_API_URL": "http://build-machine:4200/api", "PREFECT_API_AUTH_STRING": "a:b"}, "ok"),
        ({"PREFECT_API_URL": "https://api.prefect.cloud/api/x", "PREFECT_API_KEY": "k"}, "ok"),
        ({"PREFECT_API_URL": "http://127.0.0.1:4200/api"}, "ok"),
        ({"PREFECT_API_URL": "http://[::1]:4200/api"}, "ok"),
        ({"PREFECT_API_URL": "http://localhost:4200/api"}, "ok"),
    ],
)
def test_server_for_everyone_fails(settings: Mapping[str, str], status: str) -> None:
    """An address that others reach needs a password (A27); the loopback interface does not."""
    assert named(exposure.check(settings), "prefect exposure").status == status


def test_server_that_answers_anyone_counts_more_than_settings() -> None:
    """A password here does not help a server elsewhere that asks for none; one here is warned of."""
    password = {"PREFECT_API_AUTH_STRING": "a:b"}
    far = exposure.check({"PREFECT_API_URL": "http://far:4200/api", **password}, asks=False)
    near = exposure.check({"PREFECT_API_URL": "http://127.0.0.1:1/api"}, asks=False)
    assert [named(found, "prefect exposure").status for found in (far, near)] == ["fail", "warn"]


def test_web_pages_and_forged_requests_are_warned_of() -> None:
    """Prefect's defaults let any web page talk to a server; settings that do not are fine."""
    server = {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}
    assert statuses(exposure.check(server)) == {
        "prefect exposure": "ok",
        "prefect cors": "warn",
        "prefect csrf": "warn",
    }
    server["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] = "http://127.0.0.1:4200"
    server["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] = "true"
    assert set(statuses(exposure.check(server)).values()) == {"ok"}


def test_settings_of_the_profile_count(tmp_path: Path) -> None:
    """What the active profile says holds where the environment says nothing; a damaged file says nothing."""
    (tmp_path / "profiles.toml").write_text(
        'active = "x"\n[profiles.x]\nPREFECT_SERVER_API_HOST = "0.0.0.0"\nPREFECT_API_URL = "http://a/api"\n'
    )
    home = {"PREFECT_HOME": str(tmp_path)}
    found = settings.stated({**home, "PREFECT_API_URL": "http://b/api", "HOME": "/"})
    assert found["PREFECT_SERVER_API_HOST"] == "0.0.0.0"
    assert found["PREFECT_API_URL"] == "http://b/api"
    (tmp_path / "profiles.toml").write_text("active = [")
    assert settings.stated(home) == home


def answer(status: int | None, words: str = "") -> net.Answer:
    """Return what some address answered."""
    return net.Answer("http://there", status, words)


@pytest.mark.parametrize(
    ("hub", "status"), [(None, "warn"), (answer(None), "warn"), (answer(503), "warn"), (answer(401), "ok")]
)
def test_silent_hub_is_a_warning(hub: net.Answer | None, status: str) -> None:
    """Builds of local and pinned sources do without a hub; any answer shows that it is there."""
    assert statuses(net.check(net.Reached(hub, hub, None, "3.8.8")))["hub"] == status


@pytest.mark.parametrize(
    ("server", "status"),
    [
        (None, "ok"),
        (answer(None, "refused"), "fail"),
        (answer(200, '"3.8.9"'), "ok"),
        (answer(200, '"3.4.1"'), "warn"),
        (answer(401), "fail"),
        (answer(200, "<html>"), "fail"),
        (answer(404), "fail"),
    ],
)
def test_configured_server_must_answer_in_our_version(server: net.Answer | None, status: str) -> None:
    """A server that is configured but is not there, or is no Prefect, fails every build."""
    found = net.check(net.Reached(answer(200), None, server, "3.8.8"))
    assert named(found, "prefect server").status == status


def test_server_that_asks_for_a_password_needs_one() -> None:
    """A server with a password is as it should be, and of use only to builds that have one."""
    asking = net.Reached(answer(200), None, answer(401), "3.8.8", credentials=True)
    assert named(net.check(asking), "prefect server").status == "ok"
    found = exposure.check(
        {"PREFECT_API_URL": "http://127.0.0.1:1/api"}, asks=net.asks_for_password(answer(401))
    )
    assert named(found, "prefect exposure").detail == "127.0.0.1, with a password"


@contextmanager
def listening(status: int, body: str = "") -> Iterator[str]:
    """Run a web server that says the same to everyone; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "http://elsewhere.invalid/")
            self.end_headers()
            self.wfile.write(body.encode() if self.command == "GET" else b"")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_addresses_are_asked_and_told_without_secrets(monkeypatch) -> None:
    """HF_ENDPOINT is asked as it is, redirections are answers, and a password never shows."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with listening(307) as hub, listening(200, '"3.8.8"') as server:
        monkeypatch.setenv("HF_ENDPOINT", hub)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://me:canary@127.0.0.1:1/x?canary=1")
        reached = net.collect({"PREFECT_API_URL": f"{server}/api/"})
    assert (reached.hub.status, reached.prefect.status) == (307, 200)
    assert statuses(net.check(reached))["prefect server"] == "ok"
    assert "canary" not in repr(reached)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "huggingface.co", "http://", "http://a:b:c/"])
def test_odd_addresses_are_no_crash(url: str) -> None:
    """What is no address of the web is never opened, and is told like a silent one."""
    assert net._ask(url).status is None


DISK = disk.Disk(Path("/store"), 100 * GB, 10 * GB, 20 * GB, (), True, {})


@pytest.mark.parametrize(("free", "status"), [(46, "ok"), (44, "warn"), (26, "warn"), (24, "fail")])
def test_next_build_must_fit(free: int, status: str) -> None:
    """Two and a half times the newest version must be free, and better the cache once more."""
    assert named(disk.check(replace(DISK, free=free * GB)), "disk").status == status


def test_disk_that_breaks_the_protocol_fails() -> None:
    """Without locks or honest renames nothing is safe; without links it only takes more space."""
    broken = disk.check(replace(DISK, lacking=("locks do not keep others out",)))
    assert named(broken, "file system").status == "fail"
    assert named(disk.check(replace(DISK, links=False)), "file system").status == "warn"


@pytest.mark.parametrize(
    ("mixture", "status"),
    [
        (disk.Mixture("", 60.0, 1, True), "ok"),
        (disk.Mixture("", 25 * 3600.0, 0, False), "warn"),
        (disk.Mixture("", None, 1, False), "warn"),
        (disk.Mixture("", None, 0, True), "warn"),
    ],
)
def test_traces_of_builds_are_told(mixture: disk.Mixture, status: str) -> None:
    """A build that goes on is fine for a day; traces without a lock are those of one that was killed."""
    assert named(disk.check(replace(DISK, mixtures={"m": mixture})), "m: builds").status == status


def test_store_is_looked_at(store_copy: Callable[[], Path]) -> None:
    """Sizes, locks and leftovers are found, and each damage to the current version is named."""
    store = Store(store_copy())
    seen = disk.collect(store)
    assert seen.version == sum(
        path.stat().st_size for path in store.versions.current("small").rglob("*") if path.is_file()
    )
    assert seen.cache > seen.version / 2
    assert (seen.lacking, seen.links) == ((), True)
    assert statuses(disk.check(seen)) == {"disk": "ok", "file system": "ok", "small: current": "ok"}
    (store.root / "small" / "versions" / ".tmp-1-a").mkdir()
    assert disk.collect(store).mixtures["small"].leftovers == 1
    with store.lock("small"):
        assert disk.collect(store).mixtures["small"].building_for < 60
    version = store.versions.current("small")
    os.truncate(version / "README.md", 3)
    assert "README.md" in disk.collect(store).mixtures["small"].current
    flip_bit(version / MANIFEST)
    assert "manifest" in disk.collect(store).mixtures["small"].current
    (store.root / "small" / "CURRENT").write_text(f"{'0' * 64}\n")
    assert "not there" in disk.collect(store).mixtures["small"].current
    (store.root / "small" / "CURRENT").write_text("x")
    found = disk.check(disk.collect(store))
    assert named(found, "small: current").status == "fail"


def test_store_that_is_not_there_yet_is_tried_above(tmp_path: Path) -> None:
    """Before the first build the folder above is tried, and nothing stays in it."""
    assert disk.collect(Store(tmp_path / "a" / "b")).place == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_store_that_cannot_be_written_to_fails(tmp_path: Path, monkeypatch) -> None:
    """A read-only disk is told in a sentence."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(disk.tempfile, "TemporaryDirectory", refuse)
    found = named(disk.check(disk.collect(Store(tmp_path))), "file system")
    assert found.status == "fail"
    assert "Read-only" in found.detail


@pytest.mark.parametrize("broken", ["_locks", "_renames"])
def test_trials_find_what_a_disk_does_not_do(broken: str, tmp_path: Path, monkeypatch) -> None:
    """A disk whose locks hold nobody, or whose renames replace full folders, is found out."""
    if broken == "_locks":
        monkeypatch.setattr(disk.fcntl, "flock", lambda *_: None)
    else:
        monkeypatch.setattr(Path, "rename", lambda *_: None)
    lacking, _ = disk._try(tmp_path, [])
    assert len(lacking) == 1
    assert lacking[0].startswith(broken.strip("_")[:5])


NOW = datetime.now(UTC)
MACHINE = machine.collect(Store(Path("nowhere")))


@pytest.mark.parametrize(
    ("change", "name", "status"),
    [
        ({"newest_run": NOW + timedelta(hours=1)}, "clock", "fail"),
        ({"newest_run": NOW - timedelta(hours=1)}, "clock", "ok"),
        ({"now": datetime(1970, 1, 1, tzinfo=UTC)}, "clock", "fail"),
        ({"zones": False}, "time zone", "warn"),
        ({"usable": 10**8}, "memory", "fail"),
        ({"usable": 10**9, "cores": 8}, "memory", "warn"),
        ({"files": 256}, "open files", "warn"),
        ({"files": -1}, "open files", "ok"),
        ({"templates": {"qwen3": "0" * 64}}, "chat templates", "fail"),
        ({"tokenizer": "tokenizer.json: sha256 differs"}, "tokenizer", "fail"),
    ],
)
def test_machine_is_judged(change: Mapping[str, object], name: str, status: str) -> None:
    """Each fact about the machine that would spoil a night is told."""
    assert named(machine.check(MACHINE), name).status == "ok"
    assert named(machine.check(replace(MACHINE, **change)), name).status == status


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "16.0 GB and 8 cores: 8 workers of 1.6 GB"),
        (
            {"memory": 2 * GB, "usable": 8 * GB // 5, "quota": 1.0, "visible": 64, "cores": 1},
            "2.0 GB (the container's limit; the machine has 16.0 GB) and 64 cores "
            "(the container's quota: 1 CPUs): 1 worker of 1.6 GB",
        ),
        ({"visible": 64, "cores": 64}, "16.0 GB and 64 cores: 11 workers of 1.2 GB, by memory"),
    ],
)
def test_memory_and_cores_are_told_with_what_limits_them(change: Mapping[str, object], said: str) -> None:
    """A container's limits are named, and the number of workers is the one that a build takes."""
    whole = {"physical": 16 * GB, "memory": 16 * GB, "usable": 64 * GB // 5, "visible": 8, "cores": 8}
    facts = replace(MACHINE, quota=None, **whole)
    assert named(machine.check(replace(facts, **change)), "memory").detail == said


def test_newest_run_is_found(tmp_path: Path) -> None:
    """The newest run of all mixtures counts; lines without a time are passed over."""
    store = Store(tmp_path)
    for mixture, started in (("a", "2026-01-02T00:00:00+00:00"), ("b", "2026-01-03T00:00:00"), ("b", "soon")):
        (tmp_path / mixture).mkdir(exist_ok=True)
        store.log.record_run(mixture, {"started": started})
    assert machine.collect(store).newest_run == datetime(2026, 1, 3, tzinfo=UTC)


def test_command_ends_with_its_verdict(tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`thinkmix doctor --json` lists its findings with code 0; a server for everyone ends it with 1 (A27)."""
    for name, value in {**QUIET, "PREFECT_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    code, out, _ = run("doctor", "--store", tmp_path / "store", "--json")
    found = json.loads(out)
    assert code == 0, out
    assert {"name", "status", "detail", "advice"} == set(found[0])
    assert len(found) > 15
    monkeypatch.setenv("PREFECT_SERVER_API_HOST", "0.0.0.0")
    code, out, _ = run("doctor", "--store", tmp_path / "store")
    assert code == 1
    assert "fail prefect exposure: PREFECT_SERVER_API_HOST is 0.0.0.0" in out
    assert "→ set PREFECT_SERVER_API_AUTH_STRING" in out
    assert not (tmp_path / "store").exists()


def test_examination_is_quick_and_imports_nothing_heavy(tmp_path: Path) -> None:
    """Without a network it takes less than three seconds of work; neither Prefect nor torch is imported."""
    look = (
        "import sys, time\nfrom pathlib import Path\nfrom thinkmix.flows.cli.doctor import examine\n"
        "from thinkmix.flows.store.store import Store\nexamine(Store(Path(sys.argv[1])))\n"
        "print(time.process_time(), *{'prefect', 'torch', 'transformers', 'polars'} & set(sys.modules))"
    )
    began = time.monotonic()
    ended = python("-c", look, tmp_path, env={**QUIET, "PREFECT_HOME": str(tmp_path)})
    assert ended.returncode == 0, ended.stderr
    seconds, *imported = ended.stdout.split()
    assert imported == []
    assert float(seconds) < 3
    assert time.monotonic() - began < 30  # whatever else this machine does
