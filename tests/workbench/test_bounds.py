"""Every number of every config has bounds, and within them nothing overflows."""

import math
from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Any, get_args

import numpy as np
import pytest
import torch
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, TypeAdapter, ValidationError

from agents import AGENTS
from agents.alphazero import AlphaZero, AlphaZeroConfig
from agents.dqn import DQNConfig
from agents.ppo import PPOConfig
from agents.r2d2 import R2D2Config
from agents.search import GumbelConfig, PUCTConfig, Search
from envs import ENVS
from envs.base import EnvSpec
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.config import BOARDS, TRAININGS, Env


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yields every config model that an annotation speaks of, and those inside them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        if kind is not None and kind.annotation is str:
            return  # what models of several kinds have in common
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for part in get_args(annotation):
        yield from models(part)


NAMED = [resolve_name(name) for table in (AGENTS, ENVS, BOARDS) for name in table.values()]
MODELS = sorted({one for model in (*TRAININGS.values(), *NAMED) for one in models(model)}, key=str)
NUMBERS = [
    (model, name)
    for model in MODELS
    for name, field in model.model_fields.items()
    if {int, float} & {field.annotation, *get_args(field.annotation)}
]
MAY_BE_NEGATIVE = {"success_return_above"}  # some worlds pay nothing but costs
every_number = pytest.mark.parametrize(
    ("model", "name"), NUMBERS, ids=[f"{model.__name__}.{name}" for model, name in NUMBERS]
)


def bounds(model: type[BaseModel], name: str) -> tuple[float, float]:
    """Returns the smallest and the largest value of a field."""
    field = model.model_fields[name]
    whole = int in (field.annotation, *get_args(field.annotation))
    step = (lambda x, to: x + (1 if to > x else -1)) if whole else math.nextafter
    low, high = -math.inf, math.inf
    for rule in field.metadata:
        match rule:
            case Ge(ge=value):
                low = value
            case Gt(gt=value):
                low = step(value, math.inf)
            case Le(le=value):
                high = value
            case Lt(lt=value):
                high = step(value, -math.inf)
    return low, high


def test_all_models_are_found() -> None:
    found = {model.__name__ for model in MODELS}
    assert found >= {"AtariConfig", "PUCTConfig", "GumbelConfig", "GateConfig", "DQNConfig"}
    assert found >= {"ResignationConfig", "PositionReplayConfig", "ReplayConfig", "PPOConfig"}
    assert len(NUMBERS) > 90


@every_number
def test_a_number_has_bounds_that_fit_its_arithmetic(model: type[BaseModel], name: str) -> None:
    low, high = bounds(model, name)
    least = -(2**53) if name in MAY_BE_NEGATIVE else 0
    assert least <= low <= high <= 2**53
    default = model.model_fields[name].default
    if isinstance(default, int | float):
        assert low <= default <= high
    if float in (
        model.model_fields[name].annotation,
        *get_args(model.model_fields[name].annotation),
    ):
        # Squares of both are numbers for float32, and so is what is divided by them.
        for bound in filter(None, (low, high)):
            assert np.finfo(np.float32).tiny < bound**2 < np.finfo(np.float32).max


PIXELS = EnvSpec("pixels", 2, (1, 36, 36), 1, ("left", "right"))
SMALL: dict[type[BaseModel], dict[str, Any]] = {
    DQNConfig: {"kind": "dqn", "network": "small", "precision": "float32"},
    PPOConfig: {"kind": "ppo", "rollout_ticks": 16},
    R2D2Config: {"kind": "r2d2"},
    AlphaZeroConfig: {"kind": "alphazero", "blocks": 1, "channels": 8, "precision": "float32"},
}


@pytest.mark.parametrize("side", [0, 1], ids=["smallest", "largest"])
@pytest.mark.parametrize(
    ("model", "name"),
    [(model, name) for model, name in NUMBERS if model in SMALL],
    ids=[f"{model.__name__}.{name}" for model, name in NUMBERS if model in SMALL],
)
def test_the_extremes_of_an_agent_can_be_built(
    model: type[BaseModel], name: str, side: int
) -> None:
    """On a device of sizes without memory, where the largest networks cost nothing."""
    data = SMALL[model] | {name: bounds(model, name)[side]}
    if name == "sequence_ticks":  # which divides the rollout
        data |= {"rollout_ticks": data[name]} if model is PPOConfig else {}
    elif name == "rollout_ticks":
        data |= {"sequence_ticks": 1}
    config: Any = model.model_validate(data)
    meta = torch.device("meta")
    with meta:
        if isinstance(config, AlphaZeroConfig):
            game = OpenSpielGame(BoardConfig(kind="board", game="tic_tac_toe"))
            agent: Any = AlphaZero(config, game.spec, meta)
        else:
            agent = config.make(PIXELS, meta, np.random.default_rng(0))
    assert agent.updates == 0
    assert all(math.isfinite(value) for value in agent.schedules().values())


@pytest.mark.parametrize("side", [0, 1], ids=["smallest", "largest"])
@pytest.mark.parametrize(
    ("model", "name"), [(m, n) for m, n in NUMBERS if m in (PUCTConfig, GumbelConfig)]
)
def test_a_search_with_extreme_numbers_finds_a_policy(
    model: type[BaseModel], name: str, side: int
) -> None:
    kind = model.model_fields["kind"]
    config: Any = model.model_validate(
        {"kind": get_args(kind.annotation)[0], name: bounds(model, name)[side]}
    )
    game = OpenSpielGame(BoardConfig(kind="board", game="tic_tac_toe"))

    def evaluate(obs: Any) -> tuple[Any, Any]:
        chances = np.tile(np.array([0.1, 0.9, 0], np.float32), (len(obs), 1))
        return np.zeros((len(obs), 9), np.float32), chances

    search = Search(config, game, evaluate, 2)
    search.run(20, noise=np.random.default_rng(0))
    for game_number in range(2):
        policy = search.policy(game_number)
        assert np.isfinite(policy).all()
        assert np.isclose(policy.sum(), 1)


def test_the_coldest_temperature_draws_from_the_flattest_policy() -> None:
    coldest, _ = bounds(AlphaZeroConfig, "temperature")
    weights = np.full(50_000, 1 / 50_000) ** (1 / coldest)
    assert np.isclose((weights / weights.sum()).sum(), 1)


def test_worlds_refuse_what_is_beyond_their_bounds() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 1024"):
        TypeAdapter(Env).validate_python({"kind": "probe", "probe": "recall", "num_envs": 1025})
