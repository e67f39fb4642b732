"""What reports show of a mixture: figures, samples, differences, and the proof of its text."""
