"""The draw: which examples make the mixture, and their rendering as far as the draw goes."""
