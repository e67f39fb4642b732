"""The model: loaded, made ready, run forward, saved and merged."""
