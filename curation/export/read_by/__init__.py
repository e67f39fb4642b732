"""Trainers reading an export with their own code: `run.py` is started by path, in their environment."""
