"""Board games: two players, perfect information, no chance."""
