"""The room as a whole: what it costs to open, and which text it brings."""

import subprocess
import sys
from pathlib import Path

HEAVY = ("jinja2", "quicktok", "tokenizers", "numpy", "polars", "pydantic", "transformers")


def test_opening_the_room_loads_no_heavy_library():
    """`import thinkmix.templates.chat` brings no library along, so that a command line starts at once."""
    code = f"import sys, thinkmix.templates.chat; print([name for name in {HEAVY!r} if name in sys.modules])"
    root = Path(__file__).parents[2]
    got = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert got.stdout == "[]\n"
