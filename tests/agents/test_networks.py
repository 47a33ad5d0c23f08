import copy
import itertools

import pytest
import torch
from torch import nn

from agents.networks import (
    DuelingHead,
    LinearHead,
    PixelFlatten,
    QNetwork,
    make_torso,
    to_pixels,
)

OBS_SHAPES = [(4, 84, 84), (4, 64, 64), (3, 36, 40)]


def make_network(
    torso="nature", obs_shape=(4, 84, 84), num_actions=6, *, atoms=1, dueling=False
) -> QNetwork:
    return QNetwork(torso, obs_shape, num_actions, atoms=atoms, dueling=dueling)


def random_pixels(
    batch: int, obs_shape: tuple[int, int, int], dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    return to_pixels(torch.randint(0, 256, (batch, *obs_shape), dtype=torch.uint8), dtype)


@pytest.mark.parametrize(
    ("torso", "obs_shape", "atoms", "dueling"),
    list(itertools.product(["nature", "small", "flat"], OBS_SHAPES, [1, 5], [False, True])),
)
def test_values_have_one_row_per_obs_and_one_column_per_action(torso, obs_shape, atoms, dueling):
    network = make_network(torso, obs_shape, 7, atoms=atoms, dueling=dueling)
    values = network(random_pixels(2, obs_shape))
    assert values.shape == (2, 7, atoms)
    assert values.dtype == torch.float32
    assert values[0].ne(values[1]).any()


@pytest.mark.parametrize(
    ("torso", "obs_shape", "features"),
    [
        ("nature", (4, 84, 84), 64 * 7 * 7),
        ("nature", (4, 64, 64), 64 * 4 * 4),
        ("nature", (3, 36, 40), 64 * 1 * 1),
        ("small", (4, 84, 84), 32 * 9 * 9),
        ("small", (4, 64, 64), 32 * 6 * 6),
        ("flat", (2, 8, 9), 2 * 8 * 9),
    ],
)
def test_torso_width(torso, obs_shape, features):
    layers, width = make_torso(torso, obs_shape)
    assert width == features
    assert layers(random_pixels(2, obs_shape)).shape == (2, features)


@pytest.mark.parametrize(("torso", "smallest"), [("nature", 36), ("small", 20)])
def test_too_small_observations_are_refused(torso, smallest: int):
    make_torso(torso, (4, smallest, smallest))
    for height, width in [(smallest - 1, 84), (84, smallest - 1)]:
        with pytest.raises(ValueError, match=f"'{torso}' needs larger observations than {height}x"):
            make_torso(torso, (4, height, width))


@pytest.mark.parametrize("torso", ["nature", "small"])
def test_scaling_in_the_weights_equals_scaling_the_pixels(torso):
    obs_shape = (4, 64, 64)
    layers, _ = make_torso(torso, obs_shape)
    plain = copy.deepcopy(layers)
    plain[0] = nn.Conv2d(4, layers[0].out_channels, 8, 4)
    plain.load_state_dict(layers.state_dict())
    pixels = random_pixels(3, obs_shape)
    torch.testing.assert_close(layers(pixels), plain(pixels / 255.0), rtol=1e-4, atol=1e-5)


def test_flat_pixels_lie_in_0_to_1_in_order():
    pixels = torch.tensor([[[[0.0, 51.0], [102.0, 255.0]]]])
    flat = PixelFlatten()(pixels)
    torch.testing.assert_close(flat, torch.tensor([[0.0, 0.2, 0.4, 1.0]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_white_is_one(dtype):
    """Read off weights of one: /255 twice or never would be wrong by that factor."""
    obs = torch.full((1, 1, 20, 20), 255, dtype=torch.uint8)  # int8 would make it -1
    conv = make_network("small", (1, 20, 20)).torso[0].to(dtype)
    nn.init.ones_(conv.weight)
    nn.init.zeros_(conv.bias)
    sums = conv(to_pixels(obs, dtype)).float()
    torch.testing.assert_close(sums, torch.full_like(sums, 8 * 8), rtol=1e-2, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_brightness_survives_the_conversion(dtype):
    obs = torch.arange(256, dtype=torch.uint8).view(1, 4, 8, 8)
    pixels = to_pixels(obs, dtype)
    assert pixels.dtype == dtype
    assert torch.equal(pixels.long(), obs.long())


def test_a_head_is_one_hidden_layer_whose_outputs_are_actions_of_atoms():
    head = LinearHead(features=2, hidden=3, num_actions=2, atoms=2)
    hidden, output = head.values[0], head.values[2]
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        hidden.bias.copy_(torch.tensor([0.0, 0.0, 1.0]))
        output.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]))
        output.bias.copy_(torch.tensor([0.0, 5.0, 0.0, 10.0]))
    # Hidden: 2, -3 cut off at 0, and 2 - 3 + 1 = 0.
    assert head(torch.tensor([[2.0, -3.0]])).tolist() == [[[2.0, 5.0], [0.0, 12.0]]]


@pytest.mark.parametrize("atoms", [1, 5])
def test_dueling_advantages_have_no_mean(atoms: int):
    head = DuelingHead(10, 16, 4, atoms)
    features = torch.randn(3, 10)
    values, state_value = head(features), head.value(features)
    assert values.shape == (3, 4, atoms)
    assert state_value.shape == (3, 1, atoms)
    torch.testing.assert_close(values.mean(1, keepdim=True), state_value, rtol=1e-4, atol=1e-6)
    # And what separates the actions is the advantage alone.
    advantage = head.advantage(features)
    torch.testing.assert_close(values[:, 1:] - values[:, :1], advantage[:, 1:] - advantage[:, :1])


@pytest.mark.parametrize(
    ("torso", "atoms", "dueling", "expected"),
    [
        # Convolutions, then 3136 x 512 and 512 x 6: the count known from Mnih et al. 2015.
        ("nature", 1, False, 8_224 + 32_832 + 36_928 + 1_606_144 + 513 * 6),
        ("nature", 50, False, 8_224 + 32_832 + 36_928 + 1_606_144 + 513 * 6 * 50),
        ("nature", 1, True, 8_224 + 32_832 + 36_928 + 2 * 1_606_144 + 513 * 6 + 513),
        ("small", 1, False, 4_112 + 8_224 + 2_593 * 256 + 257 * 6),
    ],
)
def test_parameter_counts(torso, atoms, dueling, expected):
    network = make_network(torso, atoms=atoms, dueling=dueling)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize("torso", ["small", "flat"])
def test_bfloat16_is_close_to_float32(torso):
    obs_shape = (4, 36, 36)
    network = make_network(torso, obs_shape, atoms=5, dueling=True)
    pixels = random_pixels(8, obs_shape)
    exact, rounded = network(pixels), network(pixels.bfloat16())
    assert rounded.dtype == torch.float32
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    # 8 bits of mantissa: it is really used, and does little harm.
    assert 0 < (rounded - exact).abs().max() < 0.02
