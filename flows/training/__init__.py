"""Training runs on published versions: planned, started by hand or after a build, and timed."""
