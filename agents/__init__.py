"""Agents: one file per algorithm; none imports another."""

# Each kind of agent: one file, one line here. Torch is loaded where one of them is.
AGENTS = {
    "dqn": "agents.dqn:DQNConfig",
    "ppo": "agents.ppo:PPOConfig",
    "r2d2": "agents.r2d2:R2D2Config",
    "sb3": "agents.sb3:SB3Config",
    "alphazero": "agents.alphazero:AlphaZeroConfig",
}
