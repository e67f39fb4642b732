"""Sampling: which examples make the mixture, and their rendering as far as sampling goes."""
