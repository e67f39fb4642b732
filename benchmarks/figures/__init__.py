"""One module per figure, each with a `measure` that returns what it found."""
