"""Agents of Stable-Baselines3 (Raffin et al. 2021, JMLR 22(268)) and sb3-contrib, as they are.

Their networks, losses, replay and exploration are the library's. Here they get a config, a place in
checkpoints without pickles, and the protocols by which agents are evaluated and recorded.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from inspect import signature
from operator import attrgetter
from pkgutil import resolve_name
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, field_validator

from agents.base import Agent, Array, Decision, Memory, Update, load_weights
from agents.config import AgentConfig
from envs.base import EnvSpec, Step

Algorithm = Literal[
    "A2C", "DDPG", "DQN", "PPO", "SAC", "TD3",
    "CrossQ", "MaskablePPO", "QRDQN", "RecurrentPPO", "TQC", "TRPO",
]  # fmt: skip
OF_SB3 = ("A2C", "DDPG", "DQN", "PPO", "SAC", "TD3")
# What the rest of a config says, and what only Python can.
NOT_KWARGS = {
    "env": "env",
    "policy": "agent.policy",
    "seed": "seed",
    "device": "device",
    "verbose": "log_period_env_steps",
    "tensorboard_log": "wandb.mode",
    "stats_window_size": "log_period_env_steps",
    "monitor_wrapper": None,
    "_init_setup_model": None,
}
# Of a model, all that changes while it learns and is a number.
COUNTERS = (
    "num_timesteps",
    "_episode_num",
    "_n_updates",
    "_n_calls",
    "exploration_rate",
    "_current_progress_remaining",
)


class SB3Config(AgentConfig):
    """Which algorithm, which of its policies, and its other arguments."""

    training = "sb3"

    kind: Literal["sb3"] = Field(
        description="an algorithm of Stable-Baselines3 or sb3-contrib, as it is"
    )
    algorithm: Algorithm = Field(description="the class of SB3 or sb3-contrib")
    policy: str = Field(default="MlpPolicy", description="MlpPolicy, CnnPolicy, MultiInputPolicy")
    kwargs: dict[str, Any] = Field(
        default={}, description="arguments of the class, by SB3's own names and with its defaults"
    )
    precision: Literal["float32"] = Field(
        default="float32", description="of the network's arithmetic; SB3 knows no other"
    )

    @field_validator("kwargs")
    @classmethod
    def _ludus_sets_the_others(cls, kwargs: dict[str, Any]) -> dict[str, Any]:
        for key in kwargs.keys() & NOT_KWARGS.keys():
            place = f"; set {NOT_KWARGS[key]}" if NOT_KWARGS[key] else ""
            raise ValueError(f"{key} is not set here{place}")
        return kwargs

    @property
    def discount(self) -> float:
        """γ, of which what comes later is worth less."""
        return float(self.kwargs.get("gamma", 0.99))

    @property
    def reward_clip(self) -> None:
        """SB3 clips no rewards."""

    def make(
        self, spec: EnvSpec, device: torch.device, rng: np.random.Generator | None = None
    ) -> "SB3Agent":
        """Returns the agent, untrained, to act in the world of `spec`; it needs no `rng`.

        Raises:
            ValueError: SB3 is not installed, or refuses the world or the arguments.
        """
        with seeds_kept():
            return SB3Agent(self.build(unplayed_world(spec), device, None), spec)

    def build(self, world: Any, device: torch.device, seed: int | None) -> Any:
        """Returns SB3's model, untrained; `world` is a Gymnasium env or a VecEnv of SB3's.

        Raises:
            ValueError: SB3 is not installed, or refuses the world or the arguments.
        """
        algorithm = algorithm_class(self.algorithm)
        known = signature(algorithm).parameters.keys() - NOT_KWARGS.keys()
        for key in self.kwargs.keys() - known:
            raise ValueError(
                f"agent.kwargs: {self.algorithm} has no {key}; it has {', '.join(sorted(known))}"
            )
        try:
            given = {key: _from_yaml(key, value) for key, value in self.kwargs.items()}
            given["action_noise"] = _noise(given.get("action_noise"), world.action_space)
            if "action_noise" not in known:
                del given["action_noise"]
            return algorithm(self.policy, world, device=device, seed=seed, **given)
        except MemoryError:
            raise
        except Exception as error:  # SB3 asserts, and its networks fail as they may
            reason = " ".join(str(error).split())
            raise ValueError(f"{self.algorithm} refuses this: {reason}") from error


def algorithm_class(name: str) -> Any:
    """Returns the class of SB3 or sb3-contrib; raises ValueError if it is not installed."""
    package = "stable_baselines3" if name in OF_SB3 else "sb3_contrib"
    if find_spec(package) is None:
        raise ValueError(f"{package} is not installed; get it with: pip install 'ludus[sb3]'")
    return resolve_name(f"{package}:{name}")


def _from_yaml(key: str, value: Any) -> Any:
    """Returns an argument as SB3 takes it: YAML has neither tuples nor classes."""
    if isinstance(value, Mapping) and key != "action_noise":
        return {inner: _from_yaml(inner, one) for inner, one in value.items()}
    if key == "train_freq" and isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and key.endswith(("_class", "_fn")):
        return resolve_name(value)
    return value


def _noise(given: Any, space: Any) -> Any:
    """Returns SB3's noise of `{sigma: S}`, normal in every number of an action."""
    if given is None:
        return None
    if not isinstance(given, Mapping) or given.keys() != {"sigma"}:
        raise ValueError("action_noise is {sigma: S}, the deviation of normal noise")
    from stable_baselines3.common.noise import NormalActionNoise

    ones = np.ones(space.shape)
    return NormalActionNoise(0 * ones, float(given["sigma"]) * ones)


def unplayed_world(spec: EnvSpec) -> Any:
    """Returns a world that is never played: it only has the spaces that a network is made for."""
    import gymnasium

    assert spec.plain is not None
    world: Any = gymnasium.Env()
    world.observation_space = spec.plain.observation_space
    world.action_space = spec.plain.action_space
    return world


class SB3Agent(Agent):
    """A model of SB3 as everybody's agents are: it acts, and is saved without pickles.

    Attributes:
        model: SB3's, which learns by its own methods.
    """

    def __init__(self, model: Any, spec: EnvSpec) -> None:
        """`spec` is of the world that the model is for."""
        assert spec.plain is not None
        self.model, self._plain = model, spec.plain
        self.network = model.policy
        self._recurrent = hasattr(model.policy, "lstm_actor")
        self._takes_masks = "action_masks" in signature(model.predict).parameters

    @property
    def updates(self) -> int:  # type: ignore[override]
        """SB3's count: of gradient steps, or of epochs where it learns from rollouts."""
        return int(self.model._n_updates)

    def update(self, batch: Any) -> Update:
        """Is not called: SB3 draws its batches itself."""
        raise NotImplementedError

    def initial_memory(self, num_envs: int) -> Memory:
        """See `Actor.initial_memory`: the states of the actor's and of the critic's LSTM."""
        if not self._recurrent:
            return ()
        lstm = self.network.lstm_actor
        shape = lstm.num_layers, num_envs, lstm.hidden_size
        return tuple(torch.zeros(shape, device=self.model.device) for _ in range(4))

    @torch.no_grad()
    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        obs, allowed = self._plain.unpack(step.obs)
        given: dict[str, Any] = {}
        if self._recurrent:
            given["state"] = tuple(part.cpu().numpy() for part in memory[:2])
            given["episode_start"] = step.first
        elif allowed is not None and self._takes_masks:
            given["action_masks"] = allowed
        action, _ = self.model.predict(obs, deterministic=not explore, **given)
        tensor, _ = self.network.obs_to_tensor(obs)
        if hasattr(self.network, "q_net"):
            return Decision(action, _array(self.network.q_net(tensor))), memory
        if hasattr(self.network, "quantile_net"):
            return Decision(action, _array(self.network.quantile_net(tensor).mean(1))), memory
        policy = np.ones((len(action), 1), np.float32)
        if not hasattr(self.network, "predict_values"):  # it has critics
            return Decision(action, self._value_of(tensor, action), policy), memory
        if self._recurrent:
            from sb3_contrib.common.recurrent.type_aliases import RNNStates

            first = torch.as_tensor(step.first, dtype=torch.float32, device=self.model.device)
            states = RNNStates(memory[:2], memory[2:])
            _, values, _, after = self.network(tensor, states, first, deterministic=True)
            distribution, _ = self.network.get_distribution(tensor, memory[:2], first)
            memory = (*after.pi, *after.vf)
        else:
            masks = (given["action_masks"],) if "action_masks" in given else ()
            values = self.network.predict_values(tensor)
            distribution = self.network.get_distribution(tensor, *masks)
        if self._plain.numbered:
            policy = _array(distribution.distribution.probs)
        return Decision(action, _array(values), policy), memory

    def _value_of(self, obs: Any, action: Any) -> Array:
        """Returns `[N, 1]`: the least of the critics' values, or the mean of their quantiles."""
        scaled = torch.as_tensor(self.network.scale_action(action), device=self.model.device)
        told = self.network.critic(obs, scaled.float())
        if isinstance(told, tuple):
            return _array(torch.cat(told, 1).min(1, keepdim=True).values)
        return _array(told.flatten(1).mean(1, keepdim=True))

    @property
    def replay_bytes(self) -> int:
        """What replay takes when it is full, in memory and in the latest checkpoint."""
        replay = getattr(self.model, "replay_buffer", None)
        return 0 if replay is None else sum(array.nbytes for _, array in _arrays(replay))

    def schedules(self) -> dict[str, float]:
        rate = getattr(self.model, "exploration_rate", None)
        return {} if rate is None else {"epsilon": float(rate)}

    def network_state(self) -> dict[str, torch.Tensor]:
        return dict(self.network.state_dict())

    def load_network_state(self, state: Mapping[str, torch.Tensor]) -> None:
        load_weights(self.network, state)

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`: optimizers, counters, replay, and all random generators."""
        model = self.model
        names, tensors = model._get_torch_save_params()
        replay = getattr(model, "replay_buffer", None)
        return {
            "learned": {
                name: attrgetter(name)(model).state_dict() for name in names if name != "policy"
            },
            "tensors": {name: getattr(model, name).detach() for name in tensors},
            "counters": {name: vars(model)[name] for name in COUNTERS if name in vars(model)},
            "replay": None if replay is None else _saved_replay(replay),
            "random": random_state(),
            "actions_random": model.action_space.np_random.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        model = self.model
        for name, saved in state["learned"].items():
            attrgetter(name)(model).load_state_dict(saved)
        for name, saved in state["tensors"].items():
            getattr(model, name).data.copy_(saved)
        for name, saved in state["counters"].items():
            setattr(model, name, saved)
        if state["replay"] is not None:
            _load_replay(model.replay_buffer, state["replay"])
        set_random_state(state["random"])
        model.action_space.np_random.bit_generator.state = state["actions_random"]


def _array(tensor: torch.Tensor) -> Array:
    array: Array = tensor.cpu().numpy()
    return array


def _arrays(replay: Any) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yields the arrays of SB3's replay, which has a dict of them for observations that are one."""
    for name, value in vars(replay).items():
        for key, array in value.items() if isinstance(value, dict) else [("", value)]:
            if isinstance(array, np.ndarray) and len(array) == replay.buffer_size:
                yield f"{name}.{key}", array


def _saved_replay(replay: Any) -> dict[str, Any]:
    size = replay.buffer_size if replay.full else replay.pos
    arrays = {name: array[:size] for name, array in _arrays(replay)}
    return {"pos": replay.pos, "full": replay.full, "arrays": arrays}


def _load_replay(replay: Any, saved: Mapping[str, Any]) -> None:
    for name, array in _arrays(replay):
        array[: len(saved["arrays"][name])] = saved["arrays"][name]
    replay.pos, replay.full = saved["pos"], saved["full"]
    if replay.optimize_memory_usage and (replay.full or replay.pos):
        # What followed the last observation is not known: there, the next one is stored over it.
        replay.dones[replay.pos - 1] = True


def random_state() -> dict[str, Any]:
    """Returns where the generators stand that all libraries share: SB3 draws from them."""
    version, numbers, spare = random.getstate()
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    state = {
        "python": [version, list(numbers), spare],
        "numpy": [name, keys, *rest],
        "torch": torch.get_rng_state(),
    }
    return state | ({"cuda": torch.cuda.get_rng_state_all()} if torch.cuda.is_available() else {})


def set_random_state(state: Mapping[str, Any]) -> None:
    """Brings `random_state` back."""
    version, numbers, spare = state["python"]
    random.setstate((version, tuple(numbers), spare))
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def seeds_kept() -> Iterator[None]:
    """Lets a block draw from the shared generators, and sets them back."""
    before = random_state()
    try:
        yield
    finally:
        set_random_state(before)
