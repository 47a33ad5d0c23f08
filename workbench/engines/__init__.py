"""Engines: external programs as players, and trained agents as engines for other programs."""
