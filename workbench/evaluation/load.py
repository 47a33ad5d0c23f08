"""Loads a saved agent to play: its run's environment and weights, but no training state."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from agents.base import Actor, Agent
from envs import env_spec, make_rendered_env
from envs.base import EnvConfig
from workbench.config import EpisodicConfig, SelfPlayConfig
from workbench.errors import UsageError
from workbench.recording.episode import Recording, record_episode
from workbench.runs import checkpoint
from workbench.runs.run import Run, open_checkpoint
from workbench.suggestions import choices, elsewhere
from workbench.training.devices import choose_device

if TYPE_CHECKING:
    from agents.alphazero import AlphaZero
    from envs.board.openspiel import OpenSpielGame

# Videos made while training are cut after this many env_steps (two minutes of Atari).
MAX_VIDEO_ENV_STEPS = 1_800


class EnvAgent(NamedTuple):
    """An agent that was trained in a world with episodes."""

    agent: Agent
    env: EnvConfig
    run: Run
    env_steps: int  # that it had trained for: which of the run's checkpoints it is


class BoardAgent(NamedTuple):
    """A network that was trained by self-play, and the game it knows."""

    agent: "AlphaZero"
    game: "OpenSpielGame"
    config: SelfPlayConfig
    run: Run
    env_steps: int  # moves of self-play that it had trained for

    @property
    def path(self) -> Path:
        """The folder of the checkpoint."""
        return self.run.checkpoints / str(self.env_steps)


Trained = EnvAgent | BoardAgent


def load_trained(player: str) -> Trained:
    """Returns what `player` names, a run or a checkpoint.

    Raises:
        UsageError: there is no such run or checkpoint, or it is damaged.
    """
    run, path = open_checkpoint(player)
    config = run.config
    torch.set_num_threads(config.torch_threads)
    device = choose_device("auto")
    saved = run, int(path.name)
    trained: Trained
    try:
        if isinstance(config, SelfPlayConfig):
            # Not before: worlds with episodes need neither OpenSpiel nor numba.
            from agents.alphazero import AlphaZero
            from workbench.evaluation.match import rules_of

            game = rules_of(config.env)
            network = AlphaZero(config.agent, game.spec, device)
            trained = BoardAgent(network, game, config, *saved)
        else:
            agent: Agent = config.agent.make(env_spec(config.env), device, np.random.default_rng(0))
            trained = EnvAgent(agent, config.env, *saved)
        trained.agent.load_network_state(checkpoint.load_model(path))
    except ValueError as error:
        raise UsageError(f"{path} does not belong to {run.config_path}: {error}") from None
    return trained


def load_env_agent(player: str) -> EnvAgent:
    """Returns what `player` names; raises UsageError also if it plays a board game."""
    trained = load_trained(player)
    if isinstance(trained, BoardAgent):
        raise UsageError(f"{trained.run.name} plays a board game, which has no episodes")
    return trained


def acts_by_numbers(trained: EnvAgent) -> bool:
    """Returns whether its actions are no places in a list, see `envs.base.Plain`."""
    plain = env_spec(trained.env).plain
    return plain is not None and not plain.numbered


def load_board_agent(player: str) -> BoardAgent:
    """Returns what `player` names; raises UsageError also if it plays no board game."""
    trained = load_trained(player)
    if isinstance(trained, EnvAgent):
        raise UsageError(f"{trained.run.name} plays no board game")
    return trained


def episodic_config(run: Run) -> EpisodicConfig:
    """Returns the config of a run in a world with episodes; raises UsageError if it has none."""
    config = run.config
    if isinstance(config, SelfPlayConfig):
        raise UsageError(f"{run.name} plays a board game, which has no episodes")
    return config


def simulations_asked_for(player: str, options: str) -> int | None:
    """Returns N of `simulations=N`, the only option that can follow a player's name and a `?`.

    Raises:
        UsageError: the options are others.
    """
    if not options:
        return None
    name, _, text = options.partition("=")
    if name != "simulations" or not is_count(text):
        raise UsageError(f"{player}: after the ? goes simulations=N, e.g. ?simulations=64")
    return int(text)


def is_count(text: str) -> bool:
    """Returns whether a text is a number from 1 to 999,999,999."""
    return text.isascii() and text.isdigit() and 0 < int(text) < 10**9


def load_served(family_name: str, protocol: str, player: str) -> tuple[BoardAgent, str, int | None]:
    """Returns what `player` names, what it is called among engines, and the N of `?simulations=N`.

    Raises:
        UsageError: see `load_board_agent`; or it plays another game than the protocol is for.
    """
    from envs.board.cells import family

    name, _, options = player.partition("?")
    simulations = simulations_asked_for(player, options)
    loaded = load_board_agent(name)
    if family(loaded.game.start()) != family_name:
        raise UsageError(
            f"{protocol} is for {family_name}, but {player} plays {loaded.game.spec.name}"
        )
    return loaded, f"{loaded.run.name}@{loaded.env_steps}", simulations


def with_protocol(env_config: EnvConfig, protocol: str | None) -> EnvConfig:
    """Returns the world under another protocol; raises UsageError if it has no such protocol."""
    if protocol is None:
        return env_config
    if not env_config.protocols:
        raise UsageError(f"{env_config.kind} has no protocols; leave --protocol out")
    if protocol not in env_config.protocols:
        known = choices(protocol, elsewhere("values")["env.protocol"], env_config.protocols)
        raise UsageError(f"unknown protocol {protocol!r}{known}")
    return env_config.model_copy(update={"protocol": protocol})


def record_player(
    actor: Actor,
    env_config: EnvConfig,
    directory: Path,
    env_steps: int,
    *,
    seed: int,
    env_index: int = 0,
    max_env_steps: int = sys.maxsize,
) -> Recording:
    """Records one episode under the world's protocol, as `directory/STEP_SEED.mp4` and `.json`.

    It is the one that `evaluate` scores first with the same `seed` in the env of this index. The
    files of an env but the first are `STEP_SEED_ENV`.

    Args:
        actor: chooses the actions; it is not changed.
        env_config: the world; one env of it is played.
        directory: where the video and its trace go.
        env_steps: how long the actor had trained, for the name and the title.
        seed: of the evaluation; never shared with training.
        env_index: below `MAX_EVAL_ENVS`.
        max_env_steps: the video is cut after this many.
    """
    with closing(make_rendered_env(env_config)) as env:
        return record_episode(
            actor,
            env,
            seed=seed,
            env_index=env_index,
            directory=directory,
            name=f"{env_steps}_{seed}" + f"_{env_index}" * (env_index > 0),
            title=f"{env.spec.name}  step {env_steps:,}",
            max_env_steps=max_env_steps,
        )


def record_progress(actor: Actor, env_config: EnvConfig, directory: Path, env_steps: int) -> Path:
    """Records an actor in the midst of its training, the same episode each time; see above."""
    return record_player(
        actor, env_config, directory, env_steps, seed=0, max_env_steps=MAX_VIDEO_ENV_STEPS
    ).video
