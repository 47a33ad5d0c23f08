"""Agents: who acts and how it learns."""
