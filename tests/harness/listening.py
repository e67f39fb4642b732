"""A listener of training runs that passes what it hears on to functions."""

from collections.abc import Callable

from thinkmix.train.output.listener import Silent
from thinkmix.train.output.result import Evaluation, Progress, Start


class Heard(Silent):
    """Passes on what it was given functions for, and takes no note of the rest."""

    def __init__(
        self,
        *,
        begin: Callable[[Start], object] | None = None,
        step: Callable[[Progress], object] | None = None,
        point: Callable[[Evaluation], object] | None = None,
        say: Callable[[str], object] | None = None,
    ) -> None:
        passes = {"begin": begin, "step": step, "point": point, "say": say}
        vars(self).update({name: passed for name, passed in passes.items() if passed})
