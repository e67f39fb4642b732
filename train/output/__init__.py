"""What a run writes, and where it works until the output is complete."""
