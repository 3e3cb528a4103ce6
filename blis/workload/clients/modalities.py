"""Prompts made of text, images, audio and video."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import Int64Vector
from blis.workload.drawing.lengths import Lengths, lengths_or_number
from blis.workload.prefixes.chained_keys import csr_offsets

ATTACHED = ("image", "audio", "video")  #: modalities that come in pieces
_KEYS = (
    "text_distribution",
    *(f"{name}{part}_distribution" for name in ATTACHED for part in ("", "_count")),
)


class PromptTokens(NamedTuple):
    """What is new in each prompt, each (n,) int64 [tokens]."""

    total: Int64Vector  #: ≥ 1, all modalities together
    image: Int64Vector
    audio: Int64Vector
    video: Int64Vector


@dataclass(frozen=True, slots=True)
class Attachments:
    """Pieces of one modality in a prompt."""

    count: Lengths  #: pieces in a prompt
    tokens: Lengths  #: of one piece

    def draw(self, seed: int, names: tuple[str | int, ...], modality: str, n: int) -> Int64Vector:
        """Draw the tokens of `n` prompts; more prompts never change the first ones."""
        counts = self.count.draw(stream(seed, *names, f"{modality}_count"), n)
        offsets = csr_offsets(counts)
        pieces = self.tokens.draw(stream(seed, *names, modality), int(offsets[-1]))
        until = csr_offsets(pieces)
        tokens: Int64Vector = until[offsets[1:]] - until[offsets[:-1]]
        return tokens


@dataclass(frozen=True, slots=True)
class Multimodal:
    """A prompt of text and attachments; what is absent has no tokens."""

    text: Lengths | None
    image: Attachments | None
    audio: Attachments | None
    video: Attachments | None

    def draw(self, seed: int, names: tuple[str | int, ...], n: int) -> PromptTokens:
        """Draw `n` prompts from streams under `names`; an empty one gets one token of text."""
        parts = {
            name: np.zeros(n, np.int64) if attached is None else attached.draw(seed, names, name, n)
            for name, attached in (("image", self.image), ("audio", self.audio), ("video", self.video))
        }
        text = np.zeros(n, np.int64) if self.text is None else self.text.draw(stream(seed, *names, "text"), n)
        total = text + sum(parts.values())
        return PromptTokens(np.maximum(total, 1), **parts)


def text_only(tokens: Int64Vector) -> PromptTokens:
    """Prompts without attachments."""
    nothing = np.zeros(len(tokens), np.int64)
    return PromptTokens(tokens, nothing, nothing, nothing)


def multimodal_from_mapping(where: str, mapping: object) -> Multimodal:
    """The distributions in a mapping {text_distribution, image_distribution, image_count_distribution, ...}.

    Raises
    ------
    ConfigError
        If a modality has only one of its two distributions, or there is none at all.
    """
    given = check_keys(where, mapping, _KEYS)
    given = {key: value for key, value in given.items() if value is not None}
    if not given:
        raise ConfigError(f"{where} must have a distribution for at least one modality; got none.")
    text = given.get("text_distribution")
    return Multimodal(
        text=None if text is None else lengths_or_number(f"{where}.text_distribution", text, 0),
        **{name: _attachments(where, given, name) for name in ATTACHED},
    )


def _attachments(where: str, given: Mapping[str, object], name: str) -> Attachments | None:
    tokens_key, count_key = f"{name}_distribution", f"{name}_count_distribution"
    if tokens_key not in given and count_key not in given:
        return None
    for key, other in ((tokens_key, count_key), (count_key, tokens_key)):
        if key not in given:
            raise ConfigError(f"{where}.{key} must be given together with {other}; got only {other}.")
    return Attachments(
        count=lengths_or_number(f"{where}.{count_key}", given[count_key], 0, "pieces"),
        tokens=lengths_or_number(f"{where}.{tokens_key}", given[tokens_key], 0),
    )
