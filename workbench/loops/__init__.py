"""One short loop per data regime: the regimes are the architecture."""
