"""The path of a row, a folder a stage: pure functions from files or frames to files or frames."""
