"""Serves the build flow every night: `python -m tests.serve_flow NAME PARAMETERS`, until it is ended."""

import json
import sys

from flows.build import build_mixture

if __name__ == "__main__":
    build_mixture.serve(name=sys.argv[1], cron="0 3 * * *", parameters=json.loads(sys.argv[2]), limit=1)
