"""What agents see of Gymnasium's spaces, computed by hand; and what is refused."""

from typing import Any

import cv2
import numpy as np
import pytest
from gymnasium import spaces

from envs.base import Part
from envs.spaces import Actions, Observations, View

PLAIN = View()
RNG = np.random.default_rng(0)


def seen(space: spaces.Space[Any], value: Any, view: View = PLAIN) -> np.ndarray:
    """The numbers of a vector, as a network reads them."""
    return Observations(space, view).read(value).ravel().view(np.float32)


def test_a_picture_stays_a_picture_with_its_channels_first() -> None:
    picture = RNG.integers(256, size=(5, 7, 3), dtype=np.uint8)
    observations = Observations(spaces.Box(0, 255, (5, 7, 3), np.uint8), PLAIN)
    assert observations.parts == ()
    assert observations.frame_shape == (3, 5, 7)
    assert np.array_equal(observations.read(picture), picture.transpose(2, 0, 1))


@pytest.mark.parametrize("shape", [(3, 20, 30), (1, 8, 8), (6, 9, 9)])
def test_channels_that_come_first_stay_first(shape: tuple[int, ...]) -> None:
    picture = RNG.integers(256, size=shape, dtype=np.uint8)
    observations = Observations(spaces.Box(0, 255, shape, np.uint8), PLAIN)
    assert np.array_equal(observations.read(picture), picture)


def test_gray_and_smaller_pictures_are_those_of_opencv() -> None:
    picture = RNG.integers(256, size=(20, 30, 3), dtype=np.uint8)
    view = View(grayscale=True, size=(10, 15))
    frame = Observations(spaces.Box(0, 255, (20, 30, 3), np.uint8), view).read(picture)
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    assert np.array_equal(frame[0], cv2.resize(gray, (15, 10), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize(
    "space",
    [spaces.Box(0, 1, (10, 10, 4), np.bool_), spaces.Box(0, 1, (10, 10, 4), np.float32)],
    ids=["flags", "shares"],
)
def test_planes_of_flags_and_shares_use_the_whole_range(space: spaces.Box) -> None:
    planes = RNG.integers(2, size=(10, 10, 4)).astype(space.dtype)
    frame = Observations(space, PLAIN).read(planes)
    assert np.array_equal(frame, 255 * planes.transpose(2, 0, 1).astype(np.uint8))


def test_a_flat_picture_has_one_channel() -> None:
    picture = RNG.integers(256, size=(6, 8), dtype=np.uint8)
    assert np.array_equal(
        Observations(spaces.Box(0, 255, (6, 8), np.uint8), PLAIN).read(picture), picture[None]
    )


def test_vectors_are_brought_to_one_or_to_symlog() -> None:
    inf = np.inf
    space = spaces.Box(np.array([-2, 0, -inf, -1e9]), np.array([2, 10, inf, 1e9]), dtype=np.float64)
    values = seen(space, np.array([1.0, 2.5, -(np.e - 1), 0.0]))
    assert values == pytest.approx([0.5, -0.5, -1.0, 0.0])
    assert seen(space, np.array([-2.0, 10.0, np.expm1(3), 1e9])) == pytest.approx(
        [-1.0, 1.0, 3.0, np.log1p(1e9)]
    )


@pytest.mark.parametrize(
    ("space", "value", "expected"),
    [
        (spaces.Discrete(3, start=5), 6, [0, 1, 0]),
        (spaces.MultiDiscrete([2, 3]), np.array([1, 2]), [0, 1, 0, 0, 1]),
        (spaces.MultiDiscrete([2, 3], start=[4, 1]), np.array([4, 2]), [1, 0, 0, 1, 0]),
        (spaces.MultiBinary(2), np.array([1, 0], np.int8), [0, 1, 1, 0]),
    ],
)
def test_numbers_are_one_hot(space: spaces.Space[Any], value: Any, expected: list[int]) -> None:
    assert seen(space, value).tolist() == expected


def test_a_dict_is_the_bytes_of_its_parts_in_order() -> None:
    space = spaces.Dict(
        {
            "view": spaces.Box(0, 255, (4, 4, 3), np.uint8),
            "body": spaces.Dict({"speed": spaces.Box(-1, 1, (2,)), "gear": spaces.Discrete(2)}),
            "order": spaces.Text(40),
        }
    )
    observations = Observations(space, View(text_words=3))
    sizes = {part.name: part for part in observations.parts}
    assert set(sizes) == {"view", "body.speed", "body.gear", "order"}
    assert sizes["order"] == Part("order", "text", (3, 2))
    picture = RNG.integers(256, size=(4, 4, 3), dtype=np.uint8)
    value = {
        "view": picture,
        "body": {"speed": np.array([0.5, -1], np.float32), "gear": 1},
        "order": "go home",
    }
    frame = observations.read(value)
    assert frame.shape == (1, 1, 48 + 8 + 8 + 6)
    found, start = {}, 0
    for part in observations.parts:
        found[part.name] = frame[0, 0, start : start + part.num_bytes]
        start += part.num_bytes
    assert np.array_equal(found["view"].reshape(3, 4, 4), picture.transpose(2, 0, 1))
    assert found["body.speed"].view(np.float32).tolist() == [0.5, -1]
    assert found["body.gear"].view(np.float32).tolist() == [0, 1]
    assert (found["order"].reshape(3, 2) > 0).all(1).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("space", "value", "reason"),
    [
        (spaces.Box(-1, 1, (2,)), np.array([0, 3]), "its number 1 is 3, outside -1..1"),
        (spaces.Box(-np.inf, np.inf, (1,)), np.array([np.nan]), "its number 0 is nan"),
        (spaces.Box(-1, 1, (2,)), np.zeros(3), r"its shape is \(3,\), not \(2,\)"),
        (spaces.Box(0, 255, (4, 4, 3), np.uint8), np.zeros((4, 4)), r"its shape is \(4, 4\)"),
        (spaces.Discrete(3), 3, "3 is not in its space"),
        (spaces.Discrete(3, start=1), 0, "0 is not in its space"),
        (spaces.Text(5), 7, "it is a int, not a text"),
    ],
)
def test_what_is_not_of_the_space_is_refused(
    space: spaces.Space[Any], value: Any, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Observations(space, PLAIN).read(value)


@pytest.mark.parametrize(
    ("space", "reason"),
    [
        (spaces.Sequence(spaces.Discrete(2)), "is a Sequence; agents see"),
        (spaces.Discrete(5000), "tells 5,000 numbers apart"),
        (spaces.Box(-1, 1, (20_000,)), "has 20,000 numbers"),
        (spaces.Dict({}), "hold nothing"),
    ],
)
def test_spaces_that_cannot_be_seen_are_refused(space: spaces.Space[Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Observations(space, PLAIN)


def test_actions_are_numbered_in_order() -> None:
    assert Actions(spaces.Discrete(2, start=3))[1] == 4
    both = Actions(spaces.MultiDiscrete([2, 3]))
    assert both.names == ("0,0", "0,1", "0,2", "1,0", "1,1", "1,2")
    assert both[5].tolist() == [1, 2]
    assert spaces.MultiDiscrete([2, 3]).contains(both[5])
    assert spaces.MultiBinary(2).contains(Actions(spaces.MultiBinary(2))[3])
    assert Actions(spaces.Discrete(2), ["LEFT", "Right"]).names == ("left", "right")
    assert Actions(spaces.Discrete(2), ["the same", "the same"]).names == ("action0", "action1")


@pytest.mark.parametrize(
    ("space", "reason"),
    [
        (spaces.Box(-1, 1, (1,)), "its actions are continuous"),
        (spaces.MultiDiscrete([100, 100]), "10,000 different actions"),
        (spaces.Text(3), "its actions are a Text"),
    ],
)
def test_actions_that_cannot_be_numbered_are_refused(space: spaces.Space[Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Actions(space)
