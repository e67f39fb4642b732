"""The store on disk: versions, cached outputs, who holds them, and what else decides an output."""
