"""The page on which a person plays a game alongside an agent."""
