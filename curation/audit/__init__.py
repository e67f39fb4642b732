"""What reports show of a mixture: figures, samples, differences, and the reference check of its text."""
