"""Generator of the embedded sample: every row of `data/samples` is made here, from a seed."""
