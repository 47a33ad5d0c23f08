"""Training: one loop per data regime, and what surrounds them all."""
