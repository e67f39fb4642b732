"""Training runs as people meet them: pace and times, what is told of them, and those that follow builds."""
