"""Optional simulators: says how to install one that is missing."""

from importlib.util import find_spec


def require(module: str, extra: str) -> None:
    """Raises ValueError, naming the install command, if `module` of this extra is not there."""
    if find_spec(module) is None:
        raise ValueError(f"{module} is not installed; get it with: pip install 'ludus[{extra}]'")
