"""The store on disk: versions, cached outputs, the log of runs, locks, and what else decides an output."""
