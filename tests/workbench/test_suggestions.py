"""Other libraries' words lead to keys, agents, kinds, protocols and commands that there are."""

from pathlib import Path

import pytest
import typer

from agents import AGENTS
from tests.end_to_end.configs import ATARI, BOARD, PPO_PROBE, R2D2_PROBE, write_config
from workbench.cli import main as cli
from workbench.config import config_of_agent, load_config
from workbench.config_errors import valid_keys
from workbench.errors import UsageError
from workbench.evaluation.load import with_protocol
from workbench.suggestions import choices, elsewhere, key_meant, word_meant

GUMBEL = BOARD | {"agent": BOARD["agent"] | {"search": {"kind": "gumbel"}}}
DOOM = PPO_PROBE | {"env": {"kind": "doom", "scenario": "VizdoomBasic-v1"}}
GRID = PPO_PROBE | {"env": {"kind": "minigrid", "env_id": "MiniGrid-MemoryS9-v0"}}
CONFIGS = {
    "dqn": ATARI,
    "ppo": PPO_PROBE,
    "r2d2": R2D2_PROBE,
    "alphazero": BOARD,
    "gumbel": GUMBEL,
    "doom": DOOM,
    "grid": GRID,
}
KEYS = {
    kind: list(valid_keys(config_of_agent(config["agent"]["kind"]), config))
    for kind, config in CONFIGS.items()
}


def test_every_key_that_is_suggested_exists_somewhere() -> None:
    everywhere = {key for keys in KEYS.values() for key in keys}
    suggested = {key for row in elsewhere("keys") for key in row.split()}
    assert suggested <= everywhere
    for row in elsewhere("keys"):  # and no key stands in the shadow of those before it
        for i, key in enumerate(row.split()):
            earlier = row.split()[:i]
            assert any(key in keys and not set(earlier) & set(keys) for keys in KEYS.values()), key


@pytest.mark.parametrize(
    "table",
    [
        elsewhere("keys"),
        elsewhere("agents"),
        elsewhere("envs"),
        elsewhere("values")["env.protocol"],
        elsewhere("commands"),
        *elsewhere("values").values(),
    ],
)
def test_a_word_means_one_thing(table: dict[str, str]) -> None:
    words = [word for row in table.values() for word in row.split()]
    assert len(words) == len(set(words))


# What Stable-Baselines3, CleanRL and mctx call them, and what each agent has for it: "-": nothing.
WORDS = """
gamma                  agent.discount             agent.discount              agent.discount  -
lr                     agent.learning_rate        agent.learning_rate         agent.learning_rate  agent.learning_rate
learning_rate          agent.learning_rate        agent.learning_rate         agent.learning_rate  agent.learning_rate
buffer_size            replay.capacity_env_steps  -  replay.capacity_env_steps  replay.capacity_positions
learning_starts        learning_starts_env_steps  -  learning_starts_env_steps  learning_starts_positions
train_freq             samples_per_env_step       agent.epochs                samples_per_env_step  samples_per_position
n_steps                agent.n_step               agent.rollout_ticks         agent.n_step  -
gae_lambda             -                          agent.gae_lambda            -  -
ent_coef               -                          agent.entropy_coefficient   -  -
vf_coef                -                          agent.value_coefficient     -  -
clip_range             -                          agent.policy_clip           -  -
batch_size             agent.batch_size           agent.minibatches           agent.batch_size  agent.batch_size
tau                    agent.target_period_updates  -  agent.target_period_updates  agent.average_decay
target_update_interval agent.target_period_updates  -  agent.target_period_updates  agent.average_decay
exploration_fraction   agent.epsilon_decay_env_steps  -  agent.epsilon_exponent  -
exploration_final_eps  agent.epsilon_end          -  agent.epsilon  -
num_envs               env.num_envs               env.num_envs                env.num_envs  env.num_games
n_envs                 env.num_envs               env.num_envs                env.num_envs  env.num_games
total_timesteps        total_env_steps            total_env_steps             total_env_steps  total_env_steps
max_grad_norm          agent.max_grad_norm        agent.max_grad_norm         agent.max_grad_norm  agent.max_grad_norm
n_epochs               samples_per_env_step       agent.epochs                samples_per_env_step  samples_per_position
env_id                 env.game                   env.probe                   env.probe  env.game
frame_stack            env.stack                  -                           -  -
c_puct                 -  -  -                    agent.search.c_init
num_simulations        -  -  -                    agent.simulations
dirichlet_alpha        -  -  -                    agent.search.noise_alpha
dirichlet_epsilon      -  -  -                    agent.search.noise_share
temp_threshold         -  -  -                    agent.temperature_plies
num_res_blocks         -  -  -                    agent.blocks
hidden_size            -                          agent.core_size             agent.core_size  agent.channels
save_freq              checkpoint_period_env_steps  checkpoint_period_env_steps  checkpoint_period_env_steps  checkpoint_period_env_steps
log_interval           log_period_env_steps       log_period_env_steps        log_period_env_steps  log_period_env_steps
random_seed            seed  seed  seed  seed
cuda                   device  device  device  device
"""  # noqa: E501


@pytest.mark.parametrize("line", WORDS.strip().splitlines(), ids=lambda line: line.split()[0])
@pytest.mark.parametrize("parents", [[], ["agent"], ["train", "params"]])
def test_other_libraries_words(line: str, parents: list[str]) -> None:
    word, *expected = line.split()
    for kind, key in zip(("dqn", "ppo", "r2d2", "alphazero"), expected, strict=True):
        found = key_meant([*parents, word], KEYS[kind])
        if key == "-":
            assert found is None
        else:
            assert found == key
            assert key in KEYS[kind]


@pytest.mark.parametrize("kind", CONFIGS)
def test_whatever_is_suggested_is_a_key_of_this_config(kind: str) -> None:
    words = [word for row in elsewhere("keys").values() for word in row.split()]
    for word in words:
        assert key_meant(["agent", word], KEYS[kind]) in {None, *KEYS[kind]}


def test_a_key_with_nothing_near_is_told_what_there_is(tmp_path: Path) -> None:
    path = Path(write_config(tmp_path / "c.yaml", ATARI))
    with pytest.raises(UsageError) as caught:
        load_config(path, ["agent.zzz=1"])
    assert f"{path}: unknown key agent.zzz; agent has kind, precision, network," in str(
        caught.value
    )
    with pytest.raises(UsageError, match="unknown key zzz; a config of this agent has seed, total"):
        load_config(path, ["zzz=1"])
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("agent.kind=rainbow", "unknown agent 'rainbow'; did you mean 'dqn'? choose from dqn, ppo"),
        ("agent.kind=recurrent_ppo", "did you mean 'ppo'?"),
        ("agent.kind=alpha_zero", "did you mean 'alphazero'?"),
        (
            "agent.kind=sac",
            "unknown agent 'sac'; did you mean 'sb3'? choose from dqn, ppo, r2d2, sb3",
        ),
        ("env.kind=ale", "env.kind: unknown kind 'ale'; did you mean 'atari'? choose from atari"),
        ("env.kind=atary", "did you mean 'atari'?"),
        ("env.kind=vizdoom", "did you mean 'doom'?"),
        ("env.kind=mujoco", "unknown kind 'mujoco'; choose from atari, minigrid"),
        ("env.kind=board", "board needs agent.kind alphazero"),
    ],
)
def test_kinds_by_other_names(tmp_path: Path, override: str, says: str) -> None:
    path = Path(write_config(tmp_path / "c.yaml", ATARI))
    with pytest.raises(UsageError) as caught:
        load_config(path, [override])
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("game", "protocol", "told"),
    [
        ("PongNoFrameskip-v4", "machado", True),
        ("PongNoFrameskip-v4", "classic", False),
        ("ALE/Pong-v5", "machado", False),
        ("ALE/Pong-v5", "classic", True),
        ("Pong", "classic", False),
        ("pong", "machado", False),
    ],
)
def test_a_name_that_stands_for_other_rules_is_told_of(
    tmp_path: Path, game: str, protocol: str, told: bool
) -> None:
    path = Path(write_config(tmp_path / "c.yaml", ATARI))
    notes: list[str] = []
    config = load_config(path, [f"env.game={game}", f"env.protocol={protocol}"], notes.append)
    assert config.env.game == "pong"
    assert len(notes) == told
    other = {"machado": "classic", "classic": "machado"}[protocol]
    for note in notes:
        assert note.startswith(f"{game} is played as pong under the protocol {protocol} (sticky")
        assert f"env.protocol={other} is nearer" in note


def test_tables_speak_of_what_there_is() -> None:
    from envs.atari import PROTOCOLS

    assert set(elsewhere("agents")) == set(AGENTS)
    assert set(elsewhere("values")["env.protocol"]) == set(PROTOCOLS)
    commands = set(typer.main.get_group(cli.app).commands)
    assert set(elsewhere("commands")) <= commands
    assert not commands & {word for row in elsewhere("commands").values() for word in row.split()}


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("trian", "there is no command 'trian'; did you mean 'train'? choose from train, resume"),
        ("evaluate", "did you mean 'eval'?"),
        ("enjoy", "did you mean 'watch'?"),
        ("tournement", "did you mean 'tournament'?"),
        ("ls", "did you mean 'runs'?"),
        ("xyz", "there is no command 'xyz'; choose from train"),
    ],
)
def test_commands_by_other_names(typed: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command([typed, "x"]) == 2
    assert says in capsys.readouterr().err


def test_protocols_by_other_names() -> None:
    from envs.atari import AtariConfig

    atari = AtariConfig(kind="atari", game="pong")
    for typed, meant in (("sticky", "machado"), ("nature", "classic"), ("machato", "machado")):
        with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
            with_protocol(atari, typed)
    assert word_meant("zzz", elsewhere("values")["env.protocol"], ["machado"]) is None
    assert choices("zzz", {}, ["a", "b"]) == "; choose from a, b"


@pytest.mark.parametrize(
    ("agent", "override", "says"),
    [
        (
            "dqn",
            "agent.head=quantil",
            'agent.head: there is no "quantil" here; did you mean \'quan',
        ),
        ("dqn", "agent.precision=fp16", "did you mean 'bfloat16'? choose from auto, float32, bfl"),
        ("dqn", "device=cuda:0", "did you mean 'cuda'?"),
        ("dqn", "wandb.mode=off", "did you mean 'disabled'?"),
        ("dqn", "env.protocol=nature", "did you mean 'classic'?"),
        ("dqn", "env.protocol=Machado", "did you mean 'machado'?"),
        ("dqn", "replay.sampling=per", "did you mean 'prioritized'?"),
        ("dqn", "replay.storage=disk", "did you mean 'memmap'?"),
        ("dqn", "agent.network=CnnPolicy", "did you mean 'nature'?"),
        ("ppo", "agent.core=null", "agent.core: there is no null here; did you mean 'none'?"),
        ("dqn", "replay.storage=zzz", 'there is no "zzz" here; choose from memory, memmap'),
        (
            "dqn",
            "wandb=off",
            "wandb is a group of keys, e.g. wandb.mode; it has mode, project, ent",
        ),
        ("dqn", "env=pong", "env is a group of keys, e.g. env.kind; it has kind"),
        (
            "dqn",
            "replay=100000",
            "replay is a group of keys, e.g. replay.capacity_env_steps; it has",
        ),
    ],
)
def test_values_by_other_names(agent: str, override: str, says: str, tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.yaml", CONFIGS[agent])
    with pytest.raises(UsageError) as told:
        load_config(Path(config), [override])
    assert says in str(told.value)


def test_every_value_that_is_suggested_exists(tmp_path: Path) -> None:
    for key, values in elsewhere("values").items():
        agent = "ppo" if key == "agent.core" else "dqn"
        config = Path(write_config(tmp_path / "a.yaml", CONFIGS[agent]))
        for value in values:
            load_config(config, [f"{key}={value}"])


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (
            ["train", "a.yaml", "--seed", "1"],
            "a config's keys have no dashes before them: seed=VAL",
        ),
        (["train", "a.yaml", "--agent.gamma=0.9"], "agent.gamma=VALUE"),
        (["resume", "a", "--total-env-steps", "9"], "total_env_steps=VALUE"),
    ],
)
def test_keys_typed_as_options(
    typed: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(typed) == 2
    assert says in capsys.readouterr().err
    assert cli.run_command(["runs", "--seed", "1"]) == 2
    assert "dashes" not in capsys.readouterr().err
