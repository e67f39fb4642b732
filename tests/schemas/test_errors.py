"""The errors: each has a code word of its own, which machines may rely on, and crosses process borders."""

import pickle

import pytest

from thinkmix.schemas.errors import StageOom, ThinkmixError, WorkerDied

CODES = {
    *("error", "recipe_error", "source_error", "source_not_found", "source_denied", "source_unavailable"),
    *(
        "source_corrupt",
        "store_error",
        "not_found",
        "store_busy",
        "store_corrupt",
        "store_full",
        "too_few_files",
        "worker_error",
        "workspace_error",
        "push_error",
    ),
    *("stage_oom", "worker_died", "cluster_error", "ledger_error", "mixture_error", "template_error"),
    "source_empty",
    *("train_error", "blocked", "scheduler_error", "not_approved", "not_rolled_back", "source_moved"),
    *("forgotten", "thinking_mode_failed"),
}


def kinds(root: type[ThinkmixError] = ThinkmixError) -> list[type[ThinkmixError]]:
    """Return a class and all below it that the schema defines."""
    below = [kind for child in root.__subclasses__() for kind in kinds(child)]
    return [root, *(kind for kind in below if kind.__module__ == root.__module__)]


def test_every_error_has_a_code_word_of_its_own():
    """No two kinds share a word, and none of the words that machines know goes away."""
    assert sorted(kind.code for kind in kinds()) == sorted(CODES)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_errors_cross_process_borders(kind):
    """What a worker raises is the same on the other side."""
    there = pickle.loads(pickle.dumps(kind("what to mend")))
    assert (type(there), str(there), there.code, there.exit_code) == (
        kind,
        "what to mend",
        kind.code,
        kind.exit_code,
    )


def test_death_of_a_worker_has_one_exit_code():
    """Whether for memory or not, a scheduler of commands sees a worker that died."""
    assert StageOom.exit_code == WorkerDied.exit_code == 6
