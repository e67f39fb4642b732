"""Outcomes of runs and versions: history, verdicts, acceptance, retention, and messages."""
