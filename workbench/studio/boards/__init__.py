"""The pages of board games: games replayed, and games against an agent."""
