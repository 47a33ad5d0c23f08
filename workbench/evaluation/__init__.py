"""Evaluation: how good an agent is, in episodes or in games, and how sure that is."""
