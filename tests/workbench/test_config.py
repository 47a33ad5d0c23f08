from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workbench.config import DROPPED, TrainConfig, dump_config, load_config, load_saved_config
from workbench.errors import UsageError

ZOO = Path(__file__).parents[2] / "runs/zoo"

VALID = """
env: {kind: atari, game: pong}
agent: {kind: dqn}
total_env_steps: 1_000
learning_starts_env_steps: 64
replay: {capacity_env_steps: 200}
"""


def load(text: str, *overrides: str, path: Path) -> TrainConfig:
    (path / "c.yaml").write_text(text, encoding="utf-8")
    return load_config(path / "c.yaml", overrides)


def refusal(text: str, *overrides: str, path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load(text, *overrides, path=path)
    return str(caught.value)


def test_a_config_has_defaults_and_overrides(tmp_path: Path) -> None:
    config = load(VALID, "seed=7", "env.num_envs=4", "agent.reward_clip=null", path=tmp_path)
    assert (config.seed, config.env.num_envs, config.total_env_steps) == (7, 4, 1000)
    assert config.agent.reward_clip is None
    assert config.wandb.mode == "offline"


def test_a_dumped_config_alone_gives_the_same_config(tmp_path: Path) -> None:
    config = load(VALID, "agent.learning_rate=1e-4", "wandb.entity=me", path=tmp_path)
    assert load(dump_config(config), path=tmp_path) == config


BOARD = "env: {kind: board, game: tic_tac_toe}\nagent: {kind: alphazero}\ntotal_env_steps: 9\n"


@pytest.mark.parametrize("key", DROPPED)
def test_a_key_of_before_is_read_at_the_value_that_always_holds_now(
    tmp_path: Path, key: str
) -> None:
    *groups, name = key.split(".")
    data = yaml.safe_load(BOARD) | {"gate": {}, "replay": {}}
    data["agent"]["search"] = {"kind": "gumbel" if name == "c_visit" else "puct"}
    if key == "agent.priority_mix":
        data = {"env": {"kind": "atari", "game": "pong"}, "agent": {"kind": "r2d2"}}
        data |= {"total_env_steps": 1_000}
    group = data
    for inside in groups:
        group = group[inside]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(data))
    expected = load_saved_config(path)
    group[name] = DROPPED[key]
    path.write_text(yaml.safe_dump(data))
    assert load_saved_config(path) == expected
    load_config(path)  # from which the run can be repeated
    group[name] = 0.125
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(UsageError, match=rf"{key} is always {DROPPED[key]} in this version"):
        load_saved_config(path)


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "0.0001", "10e-5", "+1e-4", "1_0e-5"])
def test_scientific_notation_is_a_number(tmp_path: Path, text: str) -> None:
    config = load(VALID, f"agent.learning_rate={text}", path=tmp_path)
    assert config.agent.learning_rate == 1e-4
    file = f"{VALID}samples_per_env_step: {text}"
    assert load(file, path=tmp_path).samples_per_env_step == 1e-4


def test_a_whole_number_in_scientific_notation_counts_steps(tmp_path: Path) -> None:
    assert load(VALID, "total_env_steps=1e6", path=tmp_path).total_env_steps == 1_000_000


@pytest.mark.parametrize(
    ("override", "unknown", "nearest"),
    [
        ("env.gmae=pong", "env.gmae", "env.game"),
        ("env.probe=counter", "env.probe", "env.game"),
        ("agent.lr=1e-4", "agent.lr", "agent.learning_rate"),
        ("agent.learning_rat=1e-4", "agent.learning_rat", "agent.learning_rate"),
        ("replay.capacity=100", "replay.capacity", "replay.capacity_env_steps"),
        ("wandb.mod=offline", "wandb.mod", "wandb.mode"),
        ("total_steps=100", "total_steps", "total_env_steps"),
        ("total_frames=100", "total_frames", "total_env_steps"),
        ("checkpoint_period=10", "checkpoint_period", "checkpoint_period_env_steps"),
        ("learning_starts=10", "learning_starts", "learning_starts_env_steps"),
        ("agnet.kind=dqn", "agnet", "agent"),
        # At the wrong level.
        ("learning_rate=1e-4", "learning_rate", "agent.learning_rate"),
        ("game=pong", "game", "env.game"),
        ("agent.capacity_env_steps=9", "agent.capacity_env_steps", "replay.capacity_env_steps"),
    ],
)
def test_an_unknown_key_names_the_nearest_valid_one(
    tmp_path: Path, override: str, unknown: str, nearest: str
) -> None:
    expected = f"{tmp_path}/c.yaml: unknown key {unknown}; did you mean {nearest}?"
    assert refusal(VALID, override, path=tmp_path) == expected
    key, _, value = override.partition("=")
    data = yaml.safe_load(VALID)
    *parents, leaf = key.split(".")
    for parent in parents:
        data = data.setdefault(parent, {}) if parent == parents[0] else data[parent]
    data[leaf] = value
    if not parents:
        assert refusal(yaml.safe_dump(data), path=tmp_path) == expected


def test_keys_are_those_of_the_kind_of_env(tmp_path: Path) -> None:
    text = VALID.replace("kind: atari, game: pong", "kind: probe, probe: counter, game: pong")
    message = refusal(text, path=tmp_path)
    assert message.endswith("unknown key env.game; did you mean env.probe?")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("env.game=pogn", "env.game: unknown game 'pogn'; did you mean 'pong'?"),
        (
            "env.protocol=modern",
            'env.protocol: there is no "modern" here; choose from machado, classic',
        ),
        ("env.kind=atary", "'atari'"),
        ("env.num_envs=four", "env.num_envs: input should be a valid integer"),
        ("env.num_envs=2.5", "env.num_envs: input should be a valid integer"),
        ("env.num_envs=0", "env.num_envs: input should be greater than or equal to 1"),
        ("env.num_envs=[1]", "env.num_envs: input should be a valid integer"),
        ("env.num_envs=", "env.num_envs: input should be a valid integer"),
        ("env=pong", "env is a group of keys"),
        ("env=[pong]", "env is a group of keys"),
        ("agent=dqn", "agent is a group of keys"),
        ("agent.kind=dqm", "agent.kind: unknown agent 'dqm'; choose from dqn, ppo"),
        ("agent.double=3", "agent.double: input should be a valid boolean"),
        ("agent.double=1", "agent.double: 1 is not true or false"),
        ("agent.n_step=true", "agent.n_step: True is not a number"),
        ("agent.discount=yes", "agent.discount: True is not a number"),
        ("agent.discount=1.5", "agent.discount: input should be less than or equal to 1"),
        ("agent.learning_rate=.nan", "agent.learning_rate"),
        ("agent.learning_rate=nan", "agent.learning_rate"),
        (
            "agent.learning_rate=.inf",
            "agent.learning_rate: input should be less than or equal to 1",
        ),
        ("agent.learning_rate=1e999", "agent.learning_rate: input should be less than or equal to"),
        (
            "agent.adam_epsilon=Infinity",
            "agent.adam_epsilon: input should be less than or equal to 1",
        ),
        ("agent.learning_rate=-1", "agent.learning_rate: input should be greater than or equal to"),
        (f"agent.learning_rate=1{'0' * 400}", "agent.learning_rate"),
        (
            f"agent.batch_size=1{'0' * 20}",
            "agent.batch_size: input should be less than or equal to 1000000",
        ),
        (
            f"total_env_steps=1{'0' * 400}",
            "total_env_steps: input should be less than or equal to 9007199254740992",
        ),
        ("total_env_steps=-5", "total_env_steps: input should be greater than or equal to 1"),
        ("total_env_steps=2024-01-01", "total_env_steps: input should be a valid integer"),
        ("total_env_steps=null", "total_env_steps: input should be a valid integer"),
        ("seed=2147483648", "seed: input should be less than 2147483648"),
        ("wandb.mode=off", "wandb.mode: there is no false here; did you mean 'disabled'?"),
        ("device=gpu", "device: there is no \"gpu\" here; did you mean 'cuda'?"),
        ("learning_starts_env_steps=63", "learning_starts_env_steps must be at least"),
        ("replay.capacity_env_steps=63", "replay.capacity_env_steps must be at least"),
    ],
)
def test_a_wrong_value_names_file_and_key(tmp_path: Path, override: str, says: str) -> None:
    message = refusal(VALID, override, path=tmp_path)
    assert message.startswith(f"{tmp_path}/c.yaml: ")
    assert says in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "override", ["seed", "=1", "", ".=1", "a..b=1", "seed=[", "seed=*a", "seed={a", "env.game.x=1"]
)
def test_a_malformed_override_is_quoted(tmp_path: Path, override: str) -> None:
    assert f"the override {override!r}" in refusal(VALID, override, path=tmp_path)


def test_what_is_wrong_within_a_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "board.yaml").write_text(
        "env: {kind: board, game: tic_tac_toe}\nagent: {kind: alphazero}\n"
        "total_env_steps: 9\nanchors: [1]"
    )
    with pytest.raises(UsageError, match=r"anchors\.0: input should be a valid string"):
        load_config(tmp_path / "board.yaml")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    text = VALID.replace("total_env_steps: 1_000", "")
    message = refusal(text, path=tmp_path)
    assert message == f"{tmp_path}/c.yaml: the key total_env_steps is missing"
    assert "agent.kind is missing" in refusal(VALID.replace("kind: dqn", ""), path=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[1, 2]",
        "pong",
        "a: [",
        "a: b: c",
        "\tseed: 1",
        "seed: !!python/object/apply:os.system ['true']",
        "seed: !!int ''",
        "seed: !!float x",
        "seed: !!bool 7",
        "seed: !!timestamp x",
        "seed: 2001-99-99",
        "? [a]\n: 1",
        "? {a: b}\n: 1",
        "1: 2",
        "null: 2",
        "seed: &a 1\ntotal_env_steps: *a",
        "a: &a [1]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]",
        "a: &a {<<: *a}",
        "--- {}\n--- {}",
        "[" * 10_000,
        "{a: " * 10_000,
        "- " * 5_000,
        "seed: \x07",
        "x" * 100_000,
        "seed: " + "1" * 5_000,
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str) -> None:
    assert "c.yaml" in refusal(text, path=tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(UsageError, match="not a text file"):
        load_config(tmp_path / "c.yaml")
    for path, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no.yaml", "No such file"),
        (tmp_path / "c.yaml" / "x", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(UsageError, match=f"cannot read the config .*: {reason}"):
            load_config(path)


# A person's typing mistakes and worse: any structure, anywhere.
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.sampled_from(["pong", "dqn", "atari", "probe", "nan", "1e5", "<<", "=", "~", "machado"])
)
structures = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(scalars | st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)
keys = st.sampled_from(
    [
        *("seed", "env", "env.kind", "env.game", "env.num_envs", "env.x", "agent", "agent.kind"),
        *("agent.n_step", "agent.reward_clip", "agent.learning_rate", "replay", "replay.storage"),
        *("replay.capacity_env_steps", "total_env_steps", "wandb", "wandb.entity", "wandb.x"),
        *("log_period_env_steps", "samples_per_env_step", "device", "x", "x.y", "env.game.z"),
    ]
)


def loads_or_refuses(path: Path, overrides: list[str]) -> None:
    """A refusal is a UsageError, nothing else; what is not refused can be saved with a run."""
    try:
        config = load_config(path, overrides)
    except UsageError:
        return
    text = dump_config(config)
    path.write_text(text, encoding="utf-8")
    assert load_config(path) == config


@given(data=structures)
def test_any_structure_is_loaded_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    loads_or_refuses(path, [])


@given(text=st.text() | st.text("{}[]:-,&*!|>'\"%@`#?<~ \n\tab01.e", max_size=60))
def test_any_text_is_loaded_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "text.yaml"
    path.write_bytes(text.encode("utf-8", "replace"))
    loads_or_refuses(path, [])


@given(content=st.binary())
def test_any_bytes_are_loaded_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    loads_or_refuses(path, [])


@given(changes=st.lists(st.tuples(keys, structures), min_size=1, max_size=3))
def test_any_value_of_any_key_is_loaded_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "values.yaml"
    path.write_text(VALID, encoding="utf-8")
    flow = [(key, yaml.safe_dump(value, default_flow_style=True)) for key, value in changes]
    loads_or_refuses(path, [f"{key}={value}" for key, value in flow])


@given(overrides=st.lists(st.text() | st.builds("{}={}".format, keys, st.text()), max_size=3))
def test_any_override_is_applied_or_refused(
    tmp_path_factory: pytest.TempPathFactory, overrides: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "overrides.yaml"
    path.write_text(VALID, encoding="utf-8")
    loads_or_refuses(path, overrides)


@pytest.mark.parametrize(
    "path", sorted(ZOO.rglob("config.yaml")), ids=lambda path: path.parent.name
)
def test_a_run_of_the_zoo_can_be_repeated_from_its_config(path: Path) -> None:
    load_config(path)
