"""Losses: pure functions of a batch, which check their shapes."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.base import Array, Flags

RESCALE_EPSILON = 1e-3


def check_shape(name: str, tensor: Tensor, shape: tuple[int | None, ...]) -> None:
    """Raises ValueError unless `tensor` has `shape`, where None stands for any size.

    A `[B]` broadcast against a `[B, 1]` silently gives `[B, B]`; this check catches it.
    """
    fits = len(tensor.shape) == len(shape) and all(
        want is None or have == want for have, want in zip(tensor.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, not {shape}")


def greedy_action(values: Tensor) -> Tensor:
    """`[B, A, K]` -> `[B]`: the action whose mean over the atoms is largest."""
    check_shape("values", values, (None, None, None))
    return values.mean(-1).argmax(1)


def take_action(values: Tensor, action: Tensor) -> Tensor:
    """`[B, A, K]` and `[B]` -> `[B, K]`: the atoms of one action in each row."""
    check_shape("values", values, (None, None, None))
    check_shape("action", action, (values.shape[0],))
    return values.gather(1, action[:, None, None].expand(-1, 1, values.shape[2]))[:, 0]


def td_target(reward_t: Tensor, discount_t: Tensor, value_t: Tensor) -> Tensor:
    """`reward + discount * value` for each atom: `[B]`, `[B]`, `[B, K]` -> `[B, K]`."""
    check_shape("value_t", value_t, (None, None))
    check_shape("reward_t", reward_t, (value_t.shape[0],))
    check_shape("discount_t", discount_t, (value_t.shape[0],))
    return reward_t[:, None] + discount_t[:, None] * value_t


def huber_td_loss(value_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Huber loss of scalar TD errors with threshold 1 (Mnih et al. 2015).

    Args:
        value_tm1: `[B, 1]` predicted values of the actions taken.
        target: `[B, 1]`.

    Returns:
        Loss `[B]` and absolute TD error `[B]`.
    """
    check_shape("value_tm1", value_tm1, (None, 1))
    check_shape("target", target, (value_tm1.shape[0], 1))
    loss = F.huber_loss(value_tm1, target, reduction="none")
    return loss[:, 0], (target - value_tm1).detach().abs()[:, 0]


def quantile_huber_loss(quantiles_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Quantile regression with the Huber loss (Dabney et al. 2018, eq. 10; κ = 1).

    Quantile i estimates the return's value at level τ̂ᵢ = (i + ½) / K. The loss is summed over the
    predicted quantiles and averaged over the target's, as in the paper's algorithm 1.

    Args:
        quantiles_tm1: `[B, K]` predicted quantiles of the actions taken.
        target: `[B, K']` samples of the target distribution.

    Returns:
        Loss `[B]` and the absolute TD error `[B]` of the means, i.e. of the values that it acts on.
        The errors of all pairs, or the loss, would stay as large as the return's spread even after
        learning, and prioritized replay would keep sampling noise for ever.
    """
    check_shape("quantiles_tm1", quantiles_tm1, (None, None))
    check_shape("target", target, (quantiles_tm1.shape[0], None))
    k = quantiles_tm1.shape[1]
    tau = (torch.arange(k, device=quantiles_tm1.device) + 0.5) / k
    error = target[:, None, :] - quantiles_tm1[:, :, None]  # [B, K, K']
    magnitude = error.abs()
    inner = magnitude.clamp(max=1.0)
    huber = inner * (magnitude - 0.5 * inner)
    weight = (tau[None, :, None] - (error.detach() < 0).float()).abs()
    of_means = (target.mean(1) - quantiles_tm1.mean(1)).detach().abs()
    return (weight * huber).mean(2).sum(1), of_means


def generalized_advantage(
    reward: Array, discount: Array, last: Flags, value: Array, *, gae_lambda: float
) -> Array:
    """Generalized advantage estimation (Schulman et al. 2016, eq. 16) over ticks of N envs.

    Row t of `reward`, `discount` and `last` came with observation t, as in `envs.base.Step`. The
    estimate at an episode's last observation, whose action was ignored, is meaningless.

    Args:
        reward: `[T + 1, N]`.
        discount: `[T + 1, N]`, with γ: 0 where the episode terminated.
        last: `[T + 1, N]` where the episode ended or was cut off; what follows is another one.
        value: `[T + 1, N]` predicted values of the observations.
        gae_lambda: λ.

    Returns:
        `[T, N]`.
    """
    errors = reward[1:] + discount[1:] * value[1:] - value[:-1]
    keep = gae_lambda * discount[1:] * ~last[1:]
    advantage = np.zeros_like(errors)
    following = np.zeros_like(errors[0])
    for t in reversed(range(len(errors))):
        following = errors[t] + keep[t] * following
        advantage[t] = following
    return advantage


def clipped_policy_loss(log_ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """PPO's surrogate for each decision (Schulman et al. 2017, eq. 7), negated: `[B]` -> `[B]`."""
    check_shape("advantage", advantage, tuple(log_ratio.shape))
    ratio = log_ratio.exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def clipped_value_loss(value: Tensor, old_value: Tensor, target: Tensor, clip: float) -> Tensor:
    """Half the squared error, without further gain from moving over `clip` away from `old_value`.

    Detail 9 of https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/; all `[B]`.
    """
    for name, tensor in (("old_value", old_value), ("target", target)):
        check_shape(name, tensor, tuple(value.shape))
    near = old_value + (value - old_value).clamp(-clip, clip)
    return 0.5 * torch.maximum((value - target) ** 2, (near - target) ** 2)


def rescale(value: Tensor) -> Tensor:
    """Shrinks values to about their square root, invertibly (Pohlen et al. 2018, prop. A.2)."""
    # x / (sqrt(x + 1) + 1) is sqrt(x + 1) - 1, and keeps its digits where x is small.
    return value / ((value.abs() + 1).sqrt() + 1) + RESCALE_EPSILON * value


def unrescale(value: Tensor) -> Tensor:
    """The inverse of `rescale`, written so that small values keep their digits in float32."""
    inner = value.abs() + 1 + RESCALE_EPSILON
    root = 2 * inner / ((1 + 4 * RESCALE_EPSILON * inner).sqrt() + 1)
    return value.sign() * (root - 1) * (root + 1)


def sequence_priority(errors: Tensor, valid: Tensor, mix: float) -> Tensor:
    """The priority of each sequence: `mix * max + (1 - mix) * mean` of its absolute TD errors.

    Kapturowski et al. 2019, section 2.3.

    Args:
        errors: `[B, T]`, not negative, 0 where not valid.
        valid: `[B, T]` bool; at least one per row.
        mix: η.
    """
    check_shape("errors", errors, (None, None))
    check_shape("valid", valid, tuple(errors.shape))
    mean = errors.sum(1) / valid.sum(1)
    return mix * errors.amax(1) + (1 - mix) * mean
