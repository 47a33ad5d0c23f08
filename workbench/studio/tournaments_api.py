"""What the studio tells of tournaments."""

from starlette.routing import BaseRoute

from workbench.studio.library import Library


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/tournaments`."""
    return []
