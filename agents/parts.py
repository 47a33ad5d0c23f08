"""Networks for observations of several parts: pictures, vectors and texts.

Such an observation arrives as bytes, `[B, stack, 1, W]` (`envs.base.EnvSpec.parts`). A text says
what to look for, so it scales and shifts the channels of the pictures (FiLM, Perez et al. 2018,
arXiv 1709.07871, eq. 2, as BabyAI's baseline does).
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from envs.base import Part

WORD_FEATURES = 32
TEXT_FEATURES = 128
HASHES = 256


class Words(nn.Module):
    """Reads a text: the embeddings of its words side by side, then one layer."""

    def __init__(self, most_words: int) -> None:
        """`most_words` is L of the texts."""
        super().__init__()
        self.first, self.second = (
            nn.Embedding(HASHES, WORD_FEATURES, padding_idx=0) for _ in range(2)
        )
        self.read = nn.Sequential(nn.Linear(most_words * WORD_FEATURES, TEXT_FEATURES), nn.ReLU())

    def forward(self, words: Tensor) -> Tensor:
        """`[B, L, 2]` hashes, uint8 -> `[B, TEXT_FEATURES]`."""
        first, second = words.long().unbind(-1)
        features: Tensor = self.read((self.first(first) + self.second(second)).flatten(1))
        return features


class Floats(nn.Module):
    """Reads bytes as float32; an export replaces it, since ONNX cannot."""

    def forward(self, frames: Tensor) -> Tensor:
        """`[B, stack, 4 * D]` uint8 -> `[B, stack, D]`."""
        # `contiguous` would leave odd strides where there is one frame.
        return frames.clone(memory_format=torch.contiguous_format).view(torch.float32)


class PartsTorso(nn.Module):
    """Features of all parts of an observation, side by side."""

    def __init__(
        self,
        parts: Sequence[Part],
        stack: int,
        pictures: Sequence[nn.Sequential],
        channels: int,
        hidden: int,
    ) -> None:
        """Makes what the pictures' torsos do not.

        Args:
            parts: of one frame, in order.
            stack: frames of an observation.
            pictures: the torso of each picture, from `make_torso`.
            channels: of their last convolution; 0: they have none.
            hidden: width of the layer that vectors go through.
        """
        super().__init__()
        self._parts, self._stack = tuple(parts), stack
        self.pictures = nn.ModuleList(pictures)
        self.floats: nn.Module = Floats()
        numbers = sum(part.shape[0] for part in parts if part.kind == "vector")
        self.vector = (
            nn.Sequential(nn.Linear(numbers * stack, hidden), nn.ReLU()) if numbers else None
        )
        texts = [part for part in parts if part.kind == "text"]
        self.texts = nn.ModuleList(Words(part.shape[0]) for part in texts)
        told = TEXT_FEATURES * len(texts)
        filmed = len(pictures) if channels and texts else 0
        self.films = nn.ModuleList(nn.Linear(told, 2 * channels) for _ in range(filmed))
        self.start_plain()
        self.added_features = (hidden if numbers else 0) + told

    def start_plain(self) -> None:
        """Makes words that are not there 0, and texts change nothing in the pictures at first."""
        with torch.no_grad():
            for layer in self.texts.modules():
                if isinstance(layer, nn.Embedding):
                    nn.init.normal_(layer.weight)
                    layer.weight[0] = 0.0
            for parameter in self.films.parameters():
                parameter.zero_()

    def forward(self, pixels: Tensor) -> Tensor:
        """`[B, stack, 1, W]` bytes in a floating dtype -> `[B, F]`."""
        sizes = [part.num_bytes for part in self._parts]
        frames = torch.split(pixels.to(torch.uint8)[:, :, 0], sizes, -1)
        found: dict[str, list[Tensor]] = {"picture": [], "vector": [], "text": []}
        for part, frame in zip(self._parts, frames, strict=True):
            found[part.kind].append(self._read(part, frame, pixels.dtype))
        texts = [words(text) for words, text in zip(self.texts, found["text"], strict=True)]
        features = [*texts]
        if self.vector is not None:
            features.append(self.vector(torch.cat(found["vector"], 1)))
        films = iter(self.films)
        for torso, picture in zip(self.pictures, found["picture"], strict=True):
            layers = cast(nn.Sequential, torso)
            film = next(films, None)
            if film is None:
                features.append(layers(picture))
                continue
            scale, shift = film(torch.cat(texts, 1))[:, :, None, None].chunk(2, 1)
            # The last two layers are the ReLU and what flattens.
            features.append(layers[-2:](layers[:-2](picture) * (1 + scale) + shift))
        return torch.cat(features, 1)

    def _read(self, part: Part, frames: Tensor, dtype: torch.dtype) -> Tensor:
        """Returns a part of the stacked frames `[B, stack, bytes]` as its network takes it."""
        batch = frames.shape[0]  # `len` would fix it in an exported network
        match part.kind:
            case "picture":
                channels, height, width = part.shape
                picture = frames.reshape(batch, self._stack * channels, height, width)
                return picture.to(dtype)
            case "vector":
                numbers: Tensor = self.floats(frames)
                return numbers.flatten(1)
            case "text":  # the newest
                return frames[:, -1].reshape(batch, *part.shape)
