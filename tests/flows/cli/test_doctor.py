"""The doctor: every check judges facts, and the command tells a machine that is fit from one that is not."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.harness.builders import flip_bit, python
from thinkmix.flows.cli.doctor import disk, libraries, machine, net, server
from thinkmix.flows.cli.doctor.diagnosis import Diagnosis
from thinkmix.flows.orchestrate import settings
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import SourceCorrupt
from thinkmix.templates.chat.families.known import FAMILIES

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_ENDPOINT": "",
    "PREFECT_API_URL": "",
    "MODELSCOPE_ENDPOINT": "http://[::1]:1",
}
LIBRARIES = libraries.look()
GB = 10**9


def statuses(findings: Iterable[Diagnosis]) -> dict[str, str]:
    """Return status by name."""
    return {finding.name: finding.status for finding in findings}


def named(findings: Iterable[Diagnosis], name: str) -> Diagnosis:
    """Return one finding; whatever is not well has an advice."""
    findings = list(findings)
    assert all(finding.advice for finding in findings if finding.status != "ok")
    return next(finding for finding in findings if finding.name == name)


def with_versions(**versions: str) -> libraries.Libraries:
    """Return this environment with other versions of some libraries; an empty one is not installed."""
    changed = {name: number for name, number in {**LIBRARIES.installed, **versions}.items() if number}
    return LIBRARIES._replace(installed=changed)


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
    found = list(libraries.check(with_versions(fastapi="0.165.0", prefect="4.0.0")))
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
    assert named(libraries.check(LIBRARIES._replace(python="3.10.4")), "python").status == "fail"


@pytest.mark.parametrize(
    ("number", "gpu", "status"),
    [("2.13.0+cpu", True, "warn"), ("2.13.0+cu130", True, "ok"), ("", False, "ok")],
)
def test_torch_that_cannot_use_the_gpu_is_warned_of(number: str, gpu: bool, status: str) -> None:
    """A wheel for CPUs on a machine with a GPU wastes it; no torch at all is fine."""
    found = libraries.check(with_versions(torch=number)._replace(accelerator=gpu))
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
    assert server.exposure(settings, asks=None).status == status


def test_server_that_answers_anyone_counts_more_than_settings() -> None:
    """A password here does not help a server elsewhere that asks for none; one here is warned of."""
    password = {"PREFECT_API_AUTH_STRING": "a:b"}
    far = server.exposure({"PREFECT_API_URL": "http://far:4200/api", **password}, asks=False)
    near = server.exposure({"PREFECT_API_URL": "http://127.0.0.1:1/api"}, asks=False)
    assert [far.status, near.status] == ["fail", "warn"]


def test_web_pages_and_forged_requests_are_warned_of() -> None:
    """Prefect's defaults let any web page talk to a server; settings that do not are fine."""
    settings = {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}
    assert statuses(server.check(settings, None)) == {
        "prefect server": "ok",
        "prefect exposure": "ok",
        "prefect cors": "warn",
        "prefect csrf": "warn",
    }
    settings["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] = "http://127.0.0.1:4200"
    settings["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] = "true"
    assert set(statuses(server.check(settings, None)).values()) == {"ok"}


def test_without_a_server_nothing_is_exposed() -> None:
    """Where no server is configured, its pages and forged requests are not spoken of."""
    assert statuses(server.check({}, None)) == {"prefect server": "ok", "prefect exposure": "ok"}


def test_settings_of_the_profile_count(tmp_path: Path) -> None:
    """What the active profile says holds where the environment says nothing; a damaged file says nothing."""
    (tmp_path / "profiles.toml").write_text(
        'active = "x"\n[profiles.x]\nPREFECT_SERVER_API_HOST = "0.0.0.0"\nPREFECT_API_URL = "http://a/api"\n'
    )
    home = {"PREFECT_HOME": str(tmp_path)}
    found = settings.profile_settings({**home, "PREFECT_API_URL": "http://b/api", "HOME": "/"})
    assert found["PREFECT_SERVER_API_HOST"] == "0.0.0.0"
    assert found["PREFECT_API_URL"] == "http://b/api"
    (tmp_path / "profiles.toml").write_text("active = [")
    assert settings.profile_settings(home) == home


def answer(status: int | None, words: str = "") -> net.Answer:
    """Return what some address answered."""
    return net.Answer("http://there", status, words)


@pytest.mark.parametrize(
    ("hub", "status"), [(None, "warn"), (answer(None), "warn"), (answer(503), "warn"), (answer(401), "ok")]
)
def test_silent_hub_is_a_warning(hub: net.Answer | None, status: str) -> None:
    """Builds of local and pinned sources do without a hub; any answer shows that it is there."""
    found = net.hub(hub)
    assert (found.status, bool(found.advice)) == (status, status != "ok")


@pytest.mark.parametrize(
    ("says", "status"),
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
def test_configured_server_must_answer_in_our_version(says: net.Answer | None, status: str) -> None:
    """A server that is configured but is not there, or is no Prefect, fails every build."""
    found = server.check_answer(says, "3.8.8", credentials=False)
    assert (found.status, bool(found.advice)) == (status, status != "ok")


def test_server_that_asks_for_a_password_needs_one() -> None:
    """A server with a password is as it should be, and of use only to builds that have one."""
    settings = {"PREFECT_API_URL": "http://127.0.0.1:1/api"}
    found = list(server.check(settings, answer(401)))
    assert statuses(found)["prefect server"] == "fail"
    assert named(found, "prefect exposure").detail == "127.0.0.1, with a password"
    known = server.check({**settings, "PREFECT_API_AUTH_STRING": "a:b"}, answer(401))
    assert statuses(known)["prefect server"] == "ok"


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

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()


def test_addresses_are_asked_and_told_without_secrets(monkeypatch) -> None:
    """HF_ENDPOINT is asked as it is, redirections are answers, and a password never shows."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with listening(307) as hub, listening(200, '"3.8.8"') as prefect:
        monkeypatch.setenv("HF_ENDPOINT", hub)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://me:canary@127.0.0.1:1/x?canary=1")
        hubs = list(net.check())
        says = server.ask({"PREFECT_API_URL": f"{prefect}/api/"})
    assert hubs[0].detail == f"{hub} answers"
    assert "127.0.0.1:1/x does not answer (Connection refused)" in hubs[1].detail
    assert says[1:] == (200, '"3.8.8"')
    assert "canary" not in repr(hubs)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "huggingface.co", "http://", "http://a:b:c/"])
def test_odd_addresses_are_no_crash(url: str) -> None:
    """What is no address of the web is never opened, and is told like a silent one."""
    assert net.ask(url).status is None


@pytest.mark.parametrize(("free", "status"), [(46, "ok"), (44, "warn"), (26, "warn"), (24, "fail")])
def test_next_build_must_fit(free: int, status: str) -> None:
    """Two and a half times the newest version must be free, and better the cache once more."""
    assert disk.room(Path("/store"), free * GB, version=10 * GB, cache=20 * GB).status == status


def test_disk_that_breaks_the_protocol_fails() -> None:
    """Without locks or honest renames nothing is safe; without links it only takes more space."""
    store, broken = Path("/store"), ["locks do not keep others out"]
    assert disk.abilities(store, [*broken, disk._NO_LINKS], apart=False).status == "fail"
    assert disk.abilities(store, [disk._NO_LINKS], apart=False).status == "warn"
    assert disk.abilities(store, [], apart=True).status == "warn"
    assert disk.abilities(store, [], apart=False).status == "ok"


@pytest.mark.parametrize(
    ("age", "left", "killed", "status"),
    [
        (60.0, True, True, "ok"),
        (25 * 3600.0, False, False, "warn"),
        (None, True, False, "warn"),
        (None, False, True, "warn"),
    ],
)
def test_traces_of_builds_are_told(age: float | None, left: bool, killed: bool, status: str) -> None:
    """A build that goes on is fine for a day; traces without a lock are those of one that was killed."""
    assert named(disk.builds("m", age, killed=killed, left=left), "m: builds").status == status


def test_store_is_looked_at(store_copy: Callable[[], Path]) -> None:
    """Sizes, locks and leftovers are found, and each damage to the current version is named."""
    store = Store(store_copy())
    version = store.versions.current("small")
    taken = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    assert disk._newest(store.root / "small" / "versions") == taken
    assert disk._bytes(store.root / ".cache") > taken / 2
    assert statuses(disk.check(store)) == {"disk": "ok", "file system": "ok", "small: current": "ok"}
    (store.root / "small" / "versions" / ".tmp-1-a").mkdir()
    assert named(disk.check(store), "small: builds").detail == "one left temporary folders"
    with store.lock("small"):
        assert named(disk.check(store), "small: builds").detail == "one has been going on for 0.0 h"
    os.truncate(version / "README.md", 3)
    assert "README.md" in disk.current(store, "small").detail
    flip_bit(version / MANIFEST)
    assert "manifest" in disk.current(store, "small").detail
    (store.root / "small" / "CURRENT").write_text(f"{'0' * 64}\n")
    assert "not there" in disk.current(store, "small").detail
    (store.root / "small" / "CURRENT").write_text("x")
    assert named(disk.check(store), "small: current").status == "fail"


def test_store_that_is_not_there_yet_is_tried_above(tmp_path: Path) -> None:
    """Before the first build the folder above is tried, and nothing stays in it."""
    assert f" free in {tmp_path};" in named(disk.check(Store(tmp_path / "a" / "b")), "disk").detail
    assert list(tmp_path.iterdir()) == []


def test_store_that_cannot_be_written_to_fails(tmp_path: Path, monkeypatch) -> None:
    """A read-only disk is told in a sentence."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(disk.tempfile, "TemporaryDirectory", refuse)
    found = named(disk.check(Store(tmp_path)), "file system")
    assert found.status == "fail"
    assert "Read-only" in found.detail


@pytest.mark.parametrize("broken", ["_locks", "_renames"])
def test_trials_find_what_a_disk_does_not_do(broken: str, tmp_path: Path, monkeypatch) -> None:
    """A disk whose locks hold nobody, or whose renames replace full folders, is found out."""
    if broken == "_locks":
        monkeypatch.setattr(disk.fcntl, "flock", lambda *_: None)
    else:
        monkeypatch.setattr(Path, "rename", lambda *_: None)
    lacking = disk.attempt(tmp_path)
    assert len(lacking) == 1
    assert lacking[0].startswith(broken.strip("_")[:5])


NOW = datetime.now(UTC)


def test_this_machine_is_fit() -> None:
    """The machine that tests run on has a line for each thing, and none of them fails."""
    found = statuses(machine.check(Store(Path("nowhere"))))
    assert list(found) == ["clock", "time zone", "memory", "open files", "chat templates", "tokenizer"]
    assert "fail" not in found.values()


@pytest.mark.parametrize(
    ("now", "newest", "status"),
    [
        (NOW, NOW + timedelta(hours=1), "fail"),
        (NOW, NOW - timedelta(hours=1), "ok"),
        (NOW, None, "ok"),
        (datetime(1970, 1, 1, tzinfo=UTC), None, "fail"),
    ],
)
def test_clock_must_not_be_behind(now: datetime, newest: datetime | None, status: str) -> None:
    """A machine that lost its clock, or that is behind its own store, is named."""
    assert machine.clock(now, newest).status == status


def test_zones_without_names_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule that names a zone fails where the system has none."""
    assert machine.zone(NOW).status == "ok"

    def refuse(key: str) -> None:
        raise machine.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(machine, "ZoneInfo", refuse)
    assert machine.zone(NOW).status == "warn"


@pytest.mark.parametrize(("most", "status"), [(256, "warn"), (20_000, "ok"), (-1, "ok")])
def test_open_files_must_be_enough(most: int, status: str) -> None:
    """A limit below what a build may want is warned of; -1 is none."""
    assert machine.open_files(most, workers=2).status == status


def test_other_templates_and_tokenizers_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not the official text makes other tokens."""
    assert machine.templates({name: family.sha256 for name, family in FAMILIES.items()}).status == "ok"
    assert machine.templates({"qwen3": "0" * 64}).status == "fail"
    assert machine.tokenizer().status == "ok"

    def refuse() -> None:
        raise SourceCorrupt("tokenizer.json: sha256 differs")

    monkeypatch.setattr(machine, "tokenizer_digest", refuse)
    assert machine.tokenizer().detail == "tokenizer.json: sha256 differs"


WHOLE = {
    "physical": 16 * GB, "held": 16 * GB, "usable": 64 * GB // 5, "visible": 8, "quota": None, "cores": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({}, "ok", "16.0 GB and 8 cores: 8 workers of 1.6 GB"),
        (
            {"held": 2 * GB, "usable": 8 * GB // 5, "quota": 1.0, "visible": 64, "cores": 1},
            "ok",
            "2.0 GB (the container's limit; the machine has 16.0 GB) and 64 cores "
            "(the container's quota: 1 CPUs): 1 worker of 1.6 GB",
        ),
        ({"visible": 64, "cores": 64}, "warn", "16.0 GB and 64 cores: 11 workers of 1.2 GB, by memory"),
        ({"usable": 10**8}, "fail", "16.0 GB and 8 cores: 1 worker of"),
    ],
)
def test_memory_and_cores_are_told_with_what_limits_them(
    change: Mapping[str, object], status: str, said: str
) -> None:
    """A container's limits are named, and the number of workers is the one that a build takes."""
    found = machine.memory(**{**WHOLE, **change})
    assert found.status == status
    assert found.detail.startswith(said)


def test_newest_run_is_found(tmp_path: Path) -> None:
    """The newest run of all mixtures counts; lines without a time are passed over."""
    store = Store(tmp_path)
    for mixture, started in (("a", "2026-01-02T00:00:00+00:00"), ("b", "2026-01-03T00:00:00"), ("b", "soon")):
        (tmp_path / mixture).mkdir(exist_ok=True)
        store.log.record_run(mixture, {"started": started})
    assert machine.newest_run(store) == datetime(2026, 1, 3, tzinfo=UTC)


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
