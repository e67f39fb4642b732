"""`python -m tools.generate [FOLDER]` writes the embedded sample, by default into `data/samples`."""

import sys
from pathlib import Path

from tools.generate.files import write_sample

if __name__ == "__main__":
    write_sample(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "data/samples")
