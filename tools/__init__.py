"""What is not installed: the generator of the sample, how far a row travels, and which rooms import whom."""
