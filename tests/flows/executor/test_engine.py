"""Which engine works on shards: settings that would do nothing are refused."""

import pytest

from thinkmix.flows.executor.engine import LOCAL, Executor, executor_from_flags, workers
from thinkmix.flows.executor.workers import LEAST_BYTES
from thinkmix.schemas.errors import RecipeError


def test_flags_that_were_not_given_change_nothing():
    """No flag, no change: this machine, all its cores, its memory."""
    assert executor_from_flags(kind=None, memory=None, scheduler=None, exchange=None) == LOCAL == Executor()


@pytest.mark.parametrize(("text", "size"), [("6GB", 6 * 10**9), ("4GiB", 2**32), (10**9, 10**9)])
def test_memory_is_a_size(text, size):
    """Sizes are written as people write them."""
    assert executor_from_flags(memory=text).memory == size


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "spark"}, "kind: there is no 'spark'; there are local, dask"),
        ({"memory": "much"}, "memory: could not parse"),
        ({"memory": "1MB"}, "memory: state at least 536,870,912, not '1MB'"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    """The sentence names the setting."""
    with pytest.raises(RecipeError, match=said):
        executor_from_flags(**settings)


@pytest.mark.parametrize(
    ("settings", "count", "said"),
    [
        ({"scheduler": "tcp://127.0.0.1:9"}, None, "--scheduler and --exchange are for --engine dask"),
        ({"exchange": "file:///x"}, None, "--scheduler and --exchange are for --engine dask"),
        ({"kind": "dask"}, None, "--engine dask needs --scheduler"),
        ({"kind": "dask", "scheduler": "tcp://127.0.0.1:9"}, 2, "--workers and --worker-memory are for"),
        ({"kind": "dask", "scheduler": "tcp://127.0.0.1:9", "memory": "2GB"}, None, "are for --engine local"),
    ],
)
def test_settings_of_the_other_engine_are_refused(settings, count, said, tmp_path):
    """A flag that would do nothing is an error, not a surprise."""
    with (
        pytest.raises(RecipeError, match=said),
        workers(executor_from_flags(**settings), count, tmp_path, *[None] * 2),
    ):
        pass


def test_memory_of_a_worker_is_a_flag_and_a_variable(run, tmp_path, monkeypatch):
    """Both reach the engine: what it refuses is exit code 2."""
    command = ("build", "sample-7-3", "--store", tmp_path, "--direct")
    code, _, by_flag = run(*command, "--worker-memory", "1MB")
    assert code == 2
    assert f"{LEAST_BYTES:,}" in by_flag
    monkeypatch.setenv("THINKMIX_WORKER_MEMORY", "1MB")
    code, _, by_variable = run(*command)
    assert (code, by_variable) == (2, by_flag)
