"""Gates: one version's facts beside those of the last good one, judged by limits."""
