"""Recording: episodes and games as videos, traces and game files."""
