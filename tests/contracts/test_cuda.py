"""What must hold on a CUDA device; `make cuda-check` runs these."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from agents.alphazero import AlphaZero, AlphaZeroConfig, Positions
from agents.base import Transition
from agents.dqn import DQN, DQNConfig
from agents.networks import LSTMCore
from agents.ppo import PPOConfig
from agents.r2d2 import R2D2Config
from envs import make_envs
from envs.board.openspiel import BoardConfig, OpenSpielGame
from envs.probes import ProbeConfig
from workbench.config import OffPolicyConfig, OnPolicyConfig, ReplayConfig, SelfPlayConfig
from workbench.replay import Replay, Ring, RingSize
from workbench.training.interact import interact
from workbench.training.train import make_loop

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
CUDA = torch.device("cuda")
CPU = torch.device("cpu")


def filled_replay(device, directory=None):
    env = make_envs(ProbeConfig(kind="probe", probe="counter", num_envs=4))
    replay = Replay(
        Ring(env.spec, RingSize(100, 11), device=device, directory=directory),
        ReplayConfig(sampling="prioritized"),
        np.random.default_rng(0),
        n_step=3,
        discount=0.9,
    )
    env.reset(1)
    rng = np.random.default_rng(2)
    for _ in range(250):
        step = env.recv()
        action = rng.integers(2, size=4)
        env.send(action)
        replay.add(step, action, ())
    return replay


def test_replay_in_gpu_memory_samples_the_same_transitions_as_on_the_cpu():
    on_gpu, on_cpu = filled_replay(CUDA), filled_replay(CPU)
    for _ in range(20):
        gpu, cpu = on_gpu.sample(32), on_cpu.sample(32)
        assert gpu.batch.obs_tm1.is_cuda
        for a, b in zip(gpu.batch, cpu.batch, strict=True):
            torch.testing.assert_close(a.cpu(), b, rtol=0, atol=0)


def test_a_ring_in_gpu_memory_survives_flush_and_restore(tmp_path):
    written = filled_replay(CUDA, tmp_path)
    state = written.state_dict()
    restored = filled_replay(CUDA, tmp_path)
    restored.load_state_dict(state)
    a, b = written.sample(64), restored.sample(64)
    for left, right in zip(a.batch, b.batch, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=0)


@pytest.mark.parametrize("head", ["scalar", "quantile"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_update_on_the_gpu_agrees_with_the_cpu(head, precision):
    env = make_envs(ProbeConfig(kind="probe", probe="counter", num_envs=4))
    spec = env.spec.__class__(**{**vars(env.spec), "obs_shape": (4, 84, 84)})
    config = DQNConfig(kind="dqn", head=head, precision=precision)
    batch = Transition(
        torch.randint(256, (32, 4, 84, 84), dtype=torch.uint8),
        torch.randint(2, (32,)),
        torch.randn(32),
        torch.full((32,), 0.9),
        torch.randint(256, (32, 4, 84, 84), dtype=torch.uint8),
        torch.ones(32),
    )
    losses = []
    weights = None
    for device in (CPU, CUDA):
        agent = DQN(config, spec, device, np.random.default_rng(0))
        weights = weights or {k: v.cpu().clone() for k, v in agent.network_state().items()}
        agent.load_network_state(weights)
        agent.target.load_state_dict(weights)
        losses.append([float(agent.update(batch).metrics["loss"]) for _ in range(8)])
    assert len(set(losses[1])) == 8  # the later ones are replayed by a CUDA graph
    tolerance = 1e-3 if precision == "float32" else 5e-2
    np.testing.assert_allclose(losses[0], losses[1], rtol=tolerance)


def test_dqn_learns_a_probe_on_the_gpu():
    env = make_envs(ProbeConfig(kind="probe", probe="obs_action"))
    config = DQNConfig(
        kind="dqn", network="flat", n_step=1, learning_rate=3e-3, precision="float32"
    )
    agent = DQN(config, env.spec, CUDA, np.random.default_rng(0))
    replay = Replay(
        Ring(env.spec, RingSize(4_000 // env.spec.num_envs, 1), device=CUDA),
        ReplayConfig(),
        np.random.default_rng(1),
        n_step=1,
        discount=0.9,
    )
    env.reset(0)
    for t, tick in enumerate(interact(env, agent, explore=True)):
        replay.add(tick.step, tick.decision.action, ())
        if t > 50:
            agent.update(replay.sample(64).batch)
        if t == 600:
            break
    sample = replay.sample(256).batch
    seen = (sample.obs_tm1[:, 0, 0, 0] > 0).long().cpu()
    step = tick.step._replace(obs=sample.obs_tm1.cpu().numpy())
    values = agent.act(step, (), explore=False)[0].values
    expected = np.where(np.arange(2)[None] == seen[:, None].numpy(), 1.0, -1.0)
    np.testing.assert_allclose(values, expected, atol=0.2)


def test_an_lstm_on_the_gpu_agrees_with_the_cpu():
    core, rng = LSTMCore(12, 32), np.random.default_rng(0)
    features = torch.randn(6, 20, 12)
    first = rng.random((6, 20)) < 0.2
    memory = tuple(torch.randn(1, 6, 32) for _ in range(2))
    found = []
    for device in (CPU, CUDA):
        core.to(device).zero_grad()
        inputs = features.detach().to(device).requires_grad_()
        output, after = core(inputs, first, tuple(part.to(device) for part in memory))
        (output.square().sum() + after[0].sum() + after[1].sum()).backward()
        weights = core.lstm.weight_ih_l0.grad
        assert (weights[:, -2:] == 0).all()
        found.append([x.detach().cpu() for x in (output, *after, inputs.grad, weights)])
    for on_cpu, on_gpu in zip(*found, strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-3, atol=1e-3)  # cuDNN uses TF32


PROBE = {"env": {"kind": "probe", "probe": "recall", "num_envs": 4}, "total_env_steps": 1000}
SMALL = {"network": "flat", "core_size": 16}


@pytest.mark.parametrize(
    "config",
    [
        OnPolicyConfig(**PROBE, agent=PPOConfig(kind="ppo", **SMALL)),
        OffPolicyConfig(
            **PROBE,
            agent=R2D2Config(kind="r2d2", **SMALL, staleness_period_updates=2),
            replay=ReplayConfig(capacity_env_steps=2_000, sampling="prioritized"),
            learning_starts_env_steps=400,
            samples_per_env_step=64,
        ),
    ],
    ids=["ppo", "r2d2"],
)
def test_agents_with_memory_learn_on_the_gpu_as_on_the_cpu(config):
    losses = []
    weights = None
    for device in (CPU, CUDA):
        loop = make_loop(config, device, None)
        loop.start()
        weights = weights or {k: v.cpu().clone() for k, v in loop.agent.network_state().items()}
        loop.agent.load_network_state(weights)
        if isinstance(config, OffPolicyConfig):
            loop.agent.target.load_state_dict(weights)
        updates = []
        for progress in loop.iterations():
            updates += progress.updates
            if len(updates) >= 6:
                break
        losses.append([float(update.metrics["loss"]) for update in updates[:6]])
    assert np.isfinite(losses).all()
    # The first: later ones drift apart, as an action that differs leads to other worlds.
    np.testing.assert_allclose(losses[0][0], losses[1][0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_board_network_on_the_gpu_thinks_and_learns_as_on_the_cpu(precision):
    config = AlphaZeroConfig(kind="alphazero", blocks=3, channels=32, precision=precision)
    spec = OpenSpielGame(BoardConfig(kind="board", game="connect_four")).spec
    batch = Positions(
        torch.randint(2, (64, *spec.obs_shape)).to(torch.uint8) * 255,
        torch.rand(64, spec.num_actions).softmax(1),
        torch.rand(64, 3).softmax(1),
    )
    found, weights = [], None
    for device in (CPU, CUDA):
        agent = AlphaZero(config, spec, device)
        first = agent.state_dict()["network"], agent.network_state()
        weights = weights or deepcopy(first)
        for mine, same in zip(first, weights, strict=True):
            for name, tensor in mine.items():
                tensor.copy_(same[name])
        losses = [float(agent.update(batch).metrics["loss"]) for _ in range(3)]
        found.append((losses, *agent.evaluate(batch.obs.numpy())))
    tolerance = 1e-2 if precision == "float32" else 1e-1  # float32 convolutions may use TF32
    for on_cpu, on_gpu in zip(*found, strict=True):
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=tolerance, atol=tolerance)


def test_self_play_learns_tic_tac_toe_on_the_gpu():
    config = SelfPlayConfig(
        env={"kind": "board", "game": "tic_tac_toe", "num_games": 32},
        agent={
            "kind": "alphazero",
            "blocks": 2,
            "channels": 16,
            "simulations": 32,
            "batch_size": 32,
            "precision": "float32",
        },
        total_env_steps=3_000,
        learning_starts_positions=100,
        anchors=["random"],
        anchor_period_env_steps=3_000,
    )
    loop, moves, losses = make_loop(config, CUDA, None), 0, []
    for progress in loop.iterations():
        moves += progress.env_steps
        losses += [float(update.metrics["loss"]) for update in progress.updates]
        if moves >= config.total_env_steps:
            break
    loop.close()
    assert progress.facts["score_random"] > 0.8
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
