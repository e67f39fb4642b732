"""What became of runs and versions: history, verdicts, acceptance, retention, and who is told."""
