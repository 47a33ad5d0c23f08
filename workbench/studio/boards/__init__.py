"""The board-game pages: replays of games, and games against an agent."""
