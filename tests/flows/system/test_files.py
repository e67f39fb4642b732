"""Open files: a build that may open too few ends with a sentence, before it begins or wherever it is."""

import errno
import json
import os
import resource
from functools import partial

import pytest

from tests.harness.builders import python, thinkmix, write_recipe
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreFull, TooFewFiles


@pytest.mark.acceptance("A16")
@pytest.mark.parametrize(
    "most", [32, 40, *(pytest.param(most, marks=pytest.mark.deep) for most in (24, 48, 64))]
)
def test_too_few_open_files_harm_nothing(most, sources, store_copy, built, tmp_path):
    """A build ends well or with one sentence that names the limit and a way out; the good version stays."""
    store = store_copy()
    stated = write_recipe(tmp_path / "seed-11.yaml", seed=11)
    for name in ("math", "chat"):
        (tmp_path / name).symlink_to(sources / name)
    limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (most, most))
    ended = thinkmix("build", stated, "--store", store, "--direct", "--workers", 1, preexec_fn=limit)
    assert (ended.returncode, "open files" in ended.stderr) == ((5, True) if most < 40 else (0, False))
    assert "Traceback" not in ended.stderr
    assert "panicked" not in ended.stderr
    if ended.returncode:
        *_, said = ended.stderr.splitlines()
        assert said.startswith("thinkmix: a build with 1 worker needs 40 open files")
        assert f"may open {most}: ulimit -n 528" in said
    assert problems(open_version(store / "small")) == []
    assert (open_version(store / "small").name == built.digest) == (ended.returncode != 0)


def test_the_refusal_is_json_for_machines(sources, tmp_path):
    """What a person reads as a sentence, a machine reads by its code."""
    stated = write_recipe(sources / "seed-12.yaml", seed=12)
    limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (44, 44))
    command = ("build", stated, "--store", tmp_path, "--workers", 2, "--json")
    ended = thinkmix(*command, preexec_fn=limit)
    assert json.loads(ended.stdout)["code"] == "too_few_files"
    assert "a build with 2 workers needs 48" in ended.stderr
    assert "or fewer --workers" in ended.stderr


def test_a_soft_limit_is_raised_as_far_as_it_may_be(sources, tmp_path):
    """A shell's low soft limit costs nothing where the hard limit has room."""
    code = (
        "import resource; from thinkmix.flows.system import files; files.allow(4); "
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    limits = [(20, 300), (20, 2000)]
    for soft, hard in limits:
        limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        assert python("-c", code, preexec_fn=limit).stdout.split() == [str(min(hard, 576)), str(hard)]


@pytest.mark.acceptance("A16")
@pytest.mark.parametrize(
    "raised",
    [
        OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
        OSError(errno.ENFILE, os.strerror(errno.ENFILE)),
        OSError("[Errno 24] Failed to open local file. Detail: [errno 24] Too many open files"),
    ],
)
def test_too_few_files_have_one_name(raised, tmp_path):
    """The wording of the library does not matter, and under a store it is not mistaken for a full disk."""
    with pytest.raises(TooFewFiles, match=r"too many open files under .* may open") as told:  # noqa: SIM117
        with full_disk(tmp_path):
            raise raised
    assert not isinstance(told.value, StoreFull)


def test_a_panic_for_want_of_files_ends_a_command_with_a_sentence():
    """Panics of Rust code are no Exception, and libraries wrap what they were told."""
    code = (
        "import thinkmix.flows.cli\n"
        "class PanicException(BaseException): pass\n"
        "def app():\n"
        "    try:\n"
        "        raise OSError(24, 'Too many open files')\n"
        "    except OSError as error:\n"
        "        raise {kind}('a library is confused')\n"
        "thinkmix.flows.cli.app = app\n"
        "thinkmix.flows.cli.main()\n"
    )
    for kind in ("PanicException", "ValueError"):
        ended = python("-c", code.format(kind=kind))
        assert (ended.returncode, ended.stderr.count("\n")) == (5, 1)
        assert ended.stderr.startswith("thinkmix: no more files can be opened, and this process may open")
    ended = python("-c", code.format(kind="SystemExit"))
    assert ended.returncode == 1
    assert ended.stderr == "a library is confused\n"
