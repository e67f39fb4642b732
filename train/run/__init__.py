"""One training run: steps, devices, checkpoints and measurements."""
