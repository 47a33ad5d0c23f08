"""Self-play: games of a network against itself, and how its strength is known."""
