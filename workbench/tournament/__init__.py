"""Tournaments: who plays whom, and how strong each is."""
