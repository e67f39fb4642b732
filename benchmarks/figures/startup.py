"""How long it takes until the command line answers, and until `schemas` is imported."""

import sys
from collections.abc import Sequence

from benchmarks.measure import THINKMIX, medians, run
from benchmarks.measurements import Measurement, Options


def measure(options: Options) -> Sequence[Measurement]:
    """Take the median of ten starts with warm files, by the clock."""
    taken = medians(
        options.size(tiny=1, short=10, full=10),
        help=lambda: run([*THINKMIX, "--help"]).wall,
        schemas=lambda: run([sys.executable, "-c", "import thinkmix.schemas"]).wall,
        python=lambda: run([sys.executable, "-c", ""]).wall,
    )
    about = {
        "figure": "startup", "unit": " s", "at_least": 0.5, "aim": 0.2, "less_is_better": True,
        "on": "median of 10 starts", "notes": (f"Python alone {taken['python']:.3f} s",),
    }  # fmt: skip
    return [
        Measurement(what="`thinkmix --help`", measured=taken["help"], **about),
        Measurement(what="`import thinkmix.schemas`", measured=taken["schemas"], **about),
    ]
