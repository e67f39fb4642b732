"""The `thinkmix` command: what a person or a scheduler types; every command imports only what it needs."""

import sys
from typing import TYPE_CHECKING, NoReturn

from thinkmix.flows.cli import (
    approving,
    building,
    calibrating,
    checking,
    evaluating,
    exporting,
    formats,
    hand_rows,
    listing,
    planning,
    pushing,
    recipes,
    repairs,
    reviewing,
    rows,
    rules,
    schema,
    selecting,
    serving,
    training,
    upkeep,
    versions,
    workspace,
)
from thinkmix.flows.cli.terminal import app, say_json

if TYPE_CHECKING:
    from thinkmix.schemas.errors import ThinkmixError

__all__ = [
    "app",
    "approving",
    "building",
    "calibrating",
    "checking",
    "evaluating",
    "exporting",
    "formats",
    "hand_rows",
    "listing",
    "main",
    "planning",
    "pushing",
    "recipes",
    "repairs",
    "reviewing",
    "rows",
    "rules",
    "schema",
    "selecting",
    "serving",
    "training",
    "upkeep",
    "versions",
    "workspace",
]


def main() -> None:
    """Run the command line; a `ThinkmixError` ends it with one sentence and its exit code."""
    from thinkmix.flows.system import files
    from thinkmix.flows.system.stopping import Stopped, stoppable
    from thinkmix.schemas.errors import ThinkmixError, TooFewFiles

    try:
        with stoppable():
            app()
    except ThinkmixError as error:
        _end(error)
    except Stopped as stopped:
        sys.stderr.write("thinkmix: stopped; what was published before is untouched\n")
        sys.exit(stopped.exit_code)
    except SystemExit:
        raise
    except BaseException as error:  # panics of Rust code are no Exception
        if not files.ran_out(error):
            raise
        _end(TooFewFiles(files.refusal("no more files can be opened")))


def _end(error: "ThinkmixError") -> NoReturn:
    if "--json" in sys.argv:
        name, words = type(error).__name__, str(error)
        say_json({"error": name, "code": error.code, "message": words, "exit_code": error.exit_code})
    sys.stderr.write(f"thinkmix: {error}\n")
    sys.exit(error.exit_code)
