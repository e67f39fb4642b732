"""How an inner loop becomes machine code: compiled once per machine, cached where a cache can be written."""

from collections.abc import Callable, Mapping
from functools import cache, cached_property, update_wrapper
from importlib import import_module
from typing import Any, Generic, ParamSpec, TypeVar

from thinkmix.curation.text.imports import absent

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(loop: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile `loop` on its first call; keep the machine code on disk if any cache folder can be written.

    Kernels are single-threaded: workers are processes, and one thread gives one order of operations.
    """
    return _Kernel(loop, {})


def compiled_in_place(loop: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile `loop`, which makes no array and no slice of one, as `compiled` does.

    Otherwise each call that LLVM does not inline counts a reference to each array of its arguments, and
    again at its end: of reading words, with ten arrays, that was three quarters of the time.
    """
    return _Kernel(loop, {"_nrt": False})


class _Kernel(Generic[Arguments, Result]):
    """A loop that asks for its compiler when it is called: most processes that know it never do.

    Importing numba takes longer than all that a run without a change does.
    """

    def __init__(self, loop: Callable[Arguments, Result], options: Mapping[str, bool]) -> None:
        self._loop, self._options = loop, options
        update_wrapper(self, loop)

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return self.machine(*args, **kwargs)

    @cached_property
    def machine(self) -> Callable[Arguments, Result]:
        """The loop, compiled or about to be."""
        njit = _compiler()
        try:
            made: Callable[Arguments, Result] = njit(cache=True, nogil=True, **self._options)(self._loop)
        except RuntimeError:  # numba finds no writable folder, neither beside the source nor in the home
            made = njit(nogil=True, **self._options)(self._loop)
        else:
            _load_alone(made)
        return made

    @property
    def _numba_type_(self) -> object:
        """Return what numba takes this for where another kernel calls it: the compiled loop."""
        return import_module("numba").typeof(self.machine)


def instruction(typed: Callable[..., object], in_python: Callable[..., Any]) -> Callable[..., Any]:
    """Return what kernels call for a few machine instructions of their own.

    Args:
        typed: takes the types of the arguments, and returns the signature and what emits the instructions.
        in_python: does the same where a kernel runs as Python.
    """
    return _Instruction(typed, in_python)


class _Instruction:
    """Machine instructions that are made known to numba when the first kernel with them is compiled."""

    def __init__(self, typed: Callable[..., object], in_python: Callable[..., Any]) -> None:
        self._typed, self._in_python = typed, in_python

    def __call__(self, *args: object) -> object:
        return self._in_python(*args)

    @cached_property
    def _numba_type_(self) -> object:
        made = import_module("numba.extending").intrinsic(self._typed)
        known = import_module("numba.core.registry").cpu_target.typing_context
        known.refresh()  # it was asked for something else when it last looked what there is
        return known.resolve_value_type(made)


@cache
def _compiler() -> Callable[..., Any]:
    # Numba looks once, when the first kernel is loaded, whether scipy has a BLAS for it: no kernel here
    # needs one, and importing scipy takes longer than loading all kernels.
    with absent("scipy"):
        import_module("numba.np.arraymath")
    compiler: Callable[..., Any] = import_module("numba").njit
    return compiler


def _load_alone(made: Any) -> None:  # noqa: ANN401 - numba's own have no types
    """Let a kernel's machine code be loaded without all that could be compiled into it.

    Before it looks into its cache numba imports its implementations of Python and numpy, which takes
    longer than loading all kernels. Machine code needs its allocator alone; whatever has to be compiled
    after all asks for the rest by itself.
    """
    stored = made._cache

    def load(signature: object, target: object) -> object:
        import_module("numba.core.runtime").rtsys.initialize(target)
        with stored._guard_against_spurious_io_errors():
            return stored._load_overload(signature, target)
        return None  # the file could not be read: numba compiles

    stored.load_overload = load
