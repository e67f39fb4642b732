"""Pushing a version to a hub: what may go, the copy that goes, what is said of it, and the upload."""
