"""The report of a training run, and the model card beside its weights."""
