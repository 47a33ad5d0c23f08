"""Self-play: games of a network against itself, and measurement of its strength."""
