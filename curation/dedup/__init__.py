"""Exact and near-duplicates, and which of them stays."""
