"""Training: one loop per data regime, and the code that all share."""
