"""The two ways in which a command may fail; each carries one line for the user."""


class UsageError(Exception):
    """Wrong usage or config: exit code 2. The message says what to change."""


class WorkError(Exception):
    """The work itself failed: exit code 1. The message says why and what to do."""


def is_lack_of_memory(error: Exception) -> bool:
    """Returns whether Python, numpy or torch was refused memory; torch need not be imported."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


def is_failure_of_world(error: Exception) -> bool:
    """Returns whether it is an `envs.base.WorldFailure`, for which numpy need not be imported."""
    return type(error).__name__ == "WorldFailure"
