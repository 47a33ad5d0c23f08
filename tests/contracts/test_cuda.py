"""What must hold on a CUDA device; `make cuda-check` runs these."""

import numpy as np
import pytest
import torch

from agents.base import Transition
from agents.dqn import DQN, DQNConfig
from envs import make_envs
from envs.probes import ProbeConfig
from workbench.interact import interact
from workbench.replay import Replay, ReplayConfig

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
CUDA = torch.device("cuda")
CPU = torch.device("cpu")


def filled_replay(device, directory=None):
    env = make_envs(ProbeConfig(kind="probe", probe="counter", num_envs=4))
    replay = Replay(
        ReplayConfig(capacity_env_steps=400, sampling="prioritized"),
        env.spec,
        n_step=3,
        discount=0.9,
        slack_env_steps=40,
        device=device,
        rng=np.random.default_rng(0),
        directory=directory,
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
    written.flush()
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
        weights = weights or {k: v.cpu() for k, v in agent.network_state().items()}
        agent.load_network_state(weights)
        agent.target.load_state_dict(weights)
        losses.append([float(agent.update(batch).metrics["loss"]) for _ in range(3)])
    tolerance = 1e-3 if precision == "float32" else 5e-2
    np.testing.assert_allclose(losses[0], losses[1], rtol=tolerance)


def test_dqn_learns_a_probe_on_the_gpu():
    env = make_envs(ProbeConfig(kind="probe", probe="obs_action"))
    config = DQNConfig(
        kind="dqn", network="flat", n_step=1, learning_rate=3e-3, precision="float32"
    )
    agent = DQN(config, env.spec, CUDA, np.random.default_rng(0))
    replay = Replay(
        ReplayConfig(capacity_env_steps=4_000),
        env.spec,
        n_step=1,
        discount=0.9,
        slack_env_steps=0,
        device=CUDA,
        rng=np.random.default_rng(1),
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
