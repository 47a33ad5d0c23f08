"""The two ways in which a command may end badly; each carries one line for a person to read."""


class UsageError(Exception):
    """Wrong usage or config: exit code 2. The message says what to change."""


class WorkError(Exception):
    """The work itself failed: exit code 1. The message says why and what to do."""
