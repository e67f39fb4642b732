"""Gates: one version's metrics beside those of the last good one, judged by limits."""
