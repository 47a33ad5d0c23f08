"""Tree search over many games at once, for any game and any network."""

from agents.search.config import GumbelConfig, PUCTConfig, SearchConfig
from agents.search.lines import Line
from agents.search.search import Evaluate, Search, value_of

__all__ = [
    "Evaluate",
    "GumbelConfig",
    "Line",
    "PUCTConfig",
    "Search",
    "SearchConfig",
    "value_of",
]
