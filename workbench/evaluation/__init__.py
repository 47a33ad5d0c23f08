"""Evaluation: how good an agent is, over episodes or games, and how certain that is."""
