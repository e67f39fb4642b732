"""Rows that repeat the questions of an evaluation."""
