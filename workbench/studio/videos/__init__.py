"""The page of a recorded episode: its video, and what the agent thought and saw."""
