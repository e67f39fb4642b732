"""How an inner loop becomes machine code: compiled once per machine, cached where a cache can be written."""

from collections.abc import Callable
from importlib import import_module
from typing import ParamSpec, TypeVar

from numba import njit

from curation.imports import absent

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(loop: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile `loop` on its first call; keep the machine code on disk if any cache folder can be written.

    Kernels are single-threaded: workers are processes, and one thread gives one order of operations.
    """
    try:
        cached: Callable[Arguments, Result] = njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # numba finds no writable folder, neither beside the source nor in the home
        cached = njit(nogil=True)(loop)
    return cached


# Numba looks once, when the first kernel is loaded, whether scipy has a BLAS for it: no kernel here needs
# one, and importing scipy takes longer than loading all kernels.
with absent("scipy"):
    import_module("numba.np.arraymath")
