"""What an Atari score means here: raw, under the protocol's rules, and the same as Gymnasium's."""

from dataclasses import replace
from typing import Any

import ale_py
import cv2
import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation
from pydantic import ValidationError

import envs.atari
from envs import make_envs, make_rendered_env
from envs.atari import PROTOCOLS, AtariConfig, list_games
from envs.base import Step, VectorEnv


def atari(game: str, protocol: str = "machado", num_envs: int = 1) -> AtariConfig:
    return AtariConfig(kind="atari", game=game, protocol=protocol, num_envs=num_envs)


def play(env: VectorEnv, ticks: int, seed: int = 0, action: int | None = None) -> list[Step]:
    """Returns the steps of `ticks` ticks of random actions, the same ones for every seed."""
    rng = np.random.default_rng(0)
    env.reset(seed)
    steps = []
    for _ in range(ticks):
        steps.append(env.recv())
        chosen = rng.integers(env.spec.num_actions, size=env.spec.num_envs)
        env.send(chosen if action is None else np.full_like(chosen, action))
    env.close()
    return steps


def same_pictures(a: list[Step], b: list[Step]) -> bool:
    return all(np.array_equal(x.obs, y.obs) for x, y in zip(a, b, strict=True))


def change_protocol(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    monkeypatch.setitem(PROTOCOLS, name, replace(PROTOCOLS[name], **changes))


def test_an_unknown_game_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValidationError, match="did you mean 'breakout'"):
        atari("brakeout")


def test_games_that_would_end_the_process_are_not_listed() -> None:
    games = list_games()
    assert len(games) >= 100
    assert not {"combat", "joust", "maze_craze", "warlords"} & set(games)


def test_rewards_are_raw_scores_not_clipped_ones() -> None:
    rewards = [step.reward[0] for step in play(make_envs(atari("assault")), 120)]
    assert max(rewards) == 21


def test_under_classic_a_lost_life_ends_the_bootstrap_but_not_the_episode() -> None:
    steps = play(make_envs(atari("breakout", "classic")), 300)
    end = next(tick for tick, step in enumerate(steps) if step.last[0])
    zeros = [tick for tick, step in enumerate(steps[: end + 1]) if step.discount[0] == 0]
    assert len(zeros) == 5  # five lives; the loss of the last one is the end
    assert zeros[-1] == end
    assert not any(step.first[0] for step in steps[1 : end + 1])
    assert steps[end + 1].first[0]


def test_under_machado_a_lost_life_does_not_show() -> None:
    steps = play(make_envs(atari("breakout")), 400)
    assert any(step.last[0] for step in steps)
    assert all(step.discount[0] == 1 - step.last[0] for step in steps)


def test_machado_without_sticky_actions_is_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    change_protocol(monkeypatch, "machado", sticky=0.0)
    assert same_pictures(*(play(make_envs(atari("pong")), 100, seed) for seed in (0, 1)))


def test_actions_stick_under_machado_from_the_same_start() -> None:
    a, b = (play(make_envs(atari("pong")), 100, seed) for seed in (0, 1))
    assert np.array_equal(a[0].obs, b[0].obs)
    assert not same_pictures(a, b)


def test_actions_do_not_stick_under_classic(monkeypatch: pytest.MonkeyPatch) -> None:
    change_protocol(monkeypatch, "classic", noop_max=0)
    streams = [play(make_envs(atari("pong", "classic")), 100, seed) for seed in (0, 1)]
    assert same_pictures(*streams)


def test_classic_starts_after_a_random_number_of_noops() -> None:
    # By waiting alone, so that only the start can tell them apart.
    served = play(make_envs(atari("pong", "classic", num_envs=4)), 50, action=0)[-1].obs
    assert len({obs.tobytes() for obs in served}) > 1


def test_only_classic_serves_for_the_agent() -> None:
    def loses_a_life_by_waiting(protocol: str, monkeypatch: pytest.MonkeyPatch) -> bool:
        change_protocol(monkeypatch, protocol, life_loss_ends_bootstrap=True)
        steps = play(make_envs(atari("breakout", protocol)), 60, action=0)
        return any(step.discount[0] == 0 for step in steps)

    with pytest.MonkeyPatch.context() as monkeypatch:
        assert loses_a_life_by_waiting("classic", monkeypatch)
        assert not loses_a_life_by_waiting("machado", monkeypatch)


def test_an_episode_that_is_cut_off_has_discount_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envs.atari, "MAX_FRAMES_PER_EPISODE", 80)
    for protocol in PROTOCOLS:
        change_protocol(monkeypatch, protocol, noop_max=0, fire_reset=False)
        steps = play(make_envs(atari("pong", protocol)), 50)
        # 80 frames are 20 steps; the tick after them starts the next episode.
        assert [tick for tick, step in enumerate(steps) if step.last[0]] == [20, 41]
        assert all(step.discount[0] == 1 for step in steps)


@pytest.mark.parametrize("game", ["pong", "breakout", "qbert"])
def test_it_is_the_game_that_gymnasium_plays(game: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_protocol(monkeypatch, "machado", sticky=0.0)
    env = make_envs(atari(game))
    gymnasium.register_envs(ale_py)
    raw = gymnasium.make(f"ALE/{game.capitalize()}-v5", frameskip=1, repeat_action_probability=0.0)
    expected_names = tuple(name.lower() for name in raw.unwrapped.get_action_meanings())
    assert env.spec.action_names == expected_names
    single = FrameStackObservation(
        AtariPreprocessing(raw, noop_max=0, frame_skip=4, screen_size=84),
        4,
        padding_type="zero",
    )

    rng = np.random.default_rng(3)
    env.reset(0)
    obs, _ = single.reset(seed=0)
    reward, terminated, truncated, scores, ends = 0.0, False, False, 0, 0
    for _ in range(350):
        step = env.recv()
        assert np.array_equal(step.obs[0], obs)
        assert step.reward[0] == reward
        assert step.discount[0] == 1 - terminated
        assert step.last[0] == (terminated or truncated)
        scores += reward != 0
        ends += step.last[0]
        action = rng.integers(env.spec.num_actions, size=1)
        env.send(action)
        if step.last[0]:
            obs, _ = single.reset()
            reward, terminated, truncated = 0.0, False, False
        else:
            obs, reward, terminated, truncated, _ = single.step(action[0])
    single.close()
    env.close()
    assert scores > 0
    assert ends > 0 or game != "breakout"


@pytest.mark.parametrize("game", ["pong", "boxing", "breakout"])
def test_the_colour_picture_shows_the_moment_of_the_obs(
    game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envs.atari, "MAX_FRAMES_PER_EPISODE", 240)
    monkeypatch.setattr(envs.atari, "RESEED_PERIOD_TICKS", 100)  # the second end reseeds
    env = make_rendered_env(atari(game))
    rng = np.random.default_rng(0)
    env.reset(0)
    newest, grays = [], []
    for _ in range(200):
        newest.append(env.recv().obs[0, -1])
        picture = env.render()
        assert picture.shape == (210, 160, 3)
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        grays.append(cv2.resize(gray, (84, 84), interpolation=cv2.INTER_AREA))
        env.send(rng.integers(env.spec.num_actions, size=1))
    env.close()
    # Not equal: the colour channels are maxed over two frames each for itself.
    differences = [np.abs(a.astype(int) - b).max() for a, b in zip(newest, grays, strict=True)]
    correlations = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(newest, grays, strict=True)
    ]
    assert max(differences) < 32
    assert min(correlations) > 0.999


def check_that_it_runs(game: str) -> None:
    steps = play(make_envs(atari(game)), 60)
    assert steps[-1].obs.any()


@pytest.mark.parametrize(
    "game", ["boxing", "seaquest", "montezuma_revenge", "space_invaders", "skiing", "krull"]
)
def test_a_game_runs(game: str) -> None:
    check_that_it_runs(game)


@pytest.mark.slow
@pytest.mark.parametrize("game", list_games())
def test_every_listed_game_runs(game: str) -> None:
    check_that_it_runs(game)
