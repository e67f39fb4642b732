"""Libraries that others would import on their own."""

import subprocess
import sys

import pytest

from thinkmix.curation.text.imports import absent


def test_a_module_is_absent_only_inside_the_block(monkeypatch) -> None:
    """Its parts are absent, too; one with a like name is not."""
    for name in [name for name in sys.modules if name == "wave" or name.startswith("xml.dom")]:
        monkeypatch.delitem(sys.modules, name)  # another test may have imported it
    with absent("wave"), absent("xml.dom"):
        with pytest.raises(ModuleNotFoundError, match="wave is not needed"):
            __import__("wave")
        with pytest.raises(ModuleNotFoundError, match=r"xml\.dom is not needed"):
            __import__("xml.dom.minidom")
        __import__("xml.sax")
    assert __import__("wave")


@pytest.mark.parametrize(
    ("work", "heavy"),
    [
        ("import thinkmix.curation.dedup.dedup", "scipy.linalg"),
        ("import thinkmix.flows.build.publish", "scipy.linalg"),
        ("import thinkmix.flows.build.stages", "numba"),
        ("import thinkmix.flows.build.pipeline", "pyarrow"),
        (
            "import numpy, pyarrow; from thinkmix.curation.text.imports import arrow_without_pandas as go; "
            "go();pyarrow.array(numpy.ones(3)); pyarrow.scalar(1)",
            "pandas",
        ),
    ],
)
def test_heavy_libraries_stay_away(work: str, heavy: str) -> None:
    """Loading the kernels does not import linear algebra, and Arrow in a worker does not import pandas."""
    script = f"{work}; import sys; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
