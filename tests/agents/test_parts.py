"""Networks for observations of several parts read what the world wrote."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.networks import Encoder, QNetwork, make_torso, to_pixels
from agents.parts import PartsTorso
from envs.spaces import Observations, View

SPACE = spaces.Dict(
    {
        "a_view": spaces.Box(0, 255, (5, 5, 3), np.uint8),
        "b_speed": spaces.Box(-1, 1, (2,)),
        "c_order": spaces.Text(40),
    }
)
STACK = 2


@pytest.fixture
def observations() -> Observations:
    return Observations(SPACE, View(text_words=4))


def stacked(observations: Observations, texts: tuple[str, str] = ("go", "go left")) -> torch.Tensor:
    """An observation `[1, 2, 1, W]` of two frames."""
    rng = np.random.default_rng(3)
    frames = [
        observations.read(
            {
                "a_view": rng.integers(256, size=(5, 5, 3), dtype=np.uint8),
                "b_speed": np.array([0.25, -0.5], np.float32) + i / 8,
                "c_order": text,
            }
        )
        for i, text in enumerate(texts)
    ]
    return torch.from_numpy(np.concatenate(frames))[None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_each_part_arrives_as_it_was_sent(observations: Observations, dtype: torch.dtype) -> None:
    torso, width = make_torso("cells", (STACK, *observations.frame_shape[1:]), observations.parts)
    assert isinstance(torso, PartsTorso)
    arrived: dict[str, torch.Tensor] = {}
    torso.pictures[0][0].register_forward_pre_hook(lambda _, x: arrived.update(picture=x[0]))
    assert torso.vector is not None
    torso.vector.register_forward_pre_hook(lambda _, x: arrived.update(vector=x[0]))
    torso.texts[0].register_forward_pre_hook(lambda _, x: arrived.update(text=x[0]))
    obs = stacked(observations)
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        features = torso(to_pixels(obs, dtype))
    assert features.shape == (1, width)
    rng = np.random.default_rng(3)
    pictures = [rng.integers(256, size=(5, 5, 3), dtype=np.uint8) for _ in range(STACK)]
    expected = np.concatenate([picture.transpose(2, 0, 1) for picture in pictures])
    assert np.array_equal(arrived["picture"][0].float().numpy(), expected)
    assert arrived["vector"][0].tolist() == [0.25, -0.5, 0.375, -0.375]
    assert (arrived["text"][0] > 0).all(1).tolist() == [True, True, False, False]


def test_a_text_changes_what_is_seen_once_it_was_learned(observations: Observations) -> None:
    shape = (STACK, *observations.frame_shape[1:])
    network = QNetwork("cells", shape, 3, atoms=1, dueling=False, parts=observations.parts)
    one, other = (
        network(to_pixels(stacked(observations, ("go", text)), torch.float32))
        for text in ("red", "blue")
    )
    assert not torch.equal(one, other)  # by its own features
    loss = (one - other - torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1)).pow(2).sum()
    loss.backward()
    assert isinstance(network.torso, PartsTorso)
    assert all((parameter.grad != 0).any() for parameter in network.torso.films.parameters())
    words = network.torso.texts[0].first.weight
    assert (words[0] == 0).all()
    assert (words.grad[0] == 0).all()


def test_pictures_start_as_if_there_was_no_text(observations: Observations) -> None:
    shape = (STACK, *observations.frame_shape[1:])
    encoder = Encoder("cells", shape, "none", 1, torch.float32, observations.parts)
    torso = encoder.torso
    assert isinstance(torso, PartsTorso)
    obs = stacked(observations)
    picture = torso.pictures[0](obs[:, :, 0, :75].reshape(1, 6, 5, 5).float())
    assert torch.equal(torso(to_pixels(obs, torch.float32))[:, -picture.shape[1] :], picture)


def test_a_picture_that_is_too_small_is_refused(observations: Observations) -> None:
    with pytest.raises(ValueError, match="'nature' needs larger observations than 5x5"):
        make_torso("nature", (STACK, *observations.frame_shape[1:]), observations.parts)
