"""Training on published versions: planned, started by hand or after a build, timed, or exported."""
