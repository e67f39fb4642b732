"""The store on disk: versions, cached outputs, the run log, who holds them, what else decides an output."""
