"""Questions of held-out rows to models: benchmarks by EvalScope, and two models beside each other."""
