"""How much memory and time a run needs, before a weight is loaded."""
