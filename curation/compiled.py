"""How an inner loop becomes machine code: compiled once per machine, cached where a cache can be written."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

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
