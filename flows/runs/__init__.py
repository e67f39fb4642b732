"""Outcomes of runs and versions: history, verdicts, approval, retention, and messages."""
