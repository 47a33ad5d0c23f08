"""Board games: two players, everything in view, no chance."""
