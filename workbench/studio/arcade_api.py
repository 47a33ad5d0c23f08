"""What the studio tells of arcade."""

from starlette.routing import BaseRoute

from workbench.studio.library import Library


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/arcade`."""
    return []
