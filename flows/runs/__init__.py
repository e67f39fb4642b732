"""What became of runs and versions: history, verdicts, approval, retention, and who is told."""
