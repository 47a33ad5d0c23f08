"""The pages of runs: the gallery, and one run with its curves."""
