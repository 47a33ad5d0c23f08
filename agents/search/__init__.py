"""Tree search over many games in lock-step; it knows no game and no network."""

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
