"""What the server writes: how long an answer is, and its tokens, as functions of the prompt and of seeds alone."""

from typing import NamedTuple

import numpy as np

from blis.foundation.randomness import stream
from blis.foundation.units import Int32Vector
from blis.serving.tokenizer import VOCABULARY
from blis.workload.drawing.lengths import Lengths


class Wish(NamedTuple):
    """What a client says about the length of an answer."""

    most_tokens: int  #: ≥ 1, max_tokens or what the longest sequence leaves
    least_tokens: int = 0  #: min_tokens
    ignores_end: bool = False  #: ignore_eos: it is exactly as long as it may be
    seed: int = 0  #: the client's; another one gives another answer


class Output(NamedTuple):
    """One answer."""

    tokens: Int32Vector
    finish_reason: str  #: length: the limit ended it; stop: it ended by itself


class Writer:
    """Writes answers.

    Parameters
    ----------
    seed : int
    lengths : Lengths or None
        How long answers are that end by themselves; None: all are as long as they may be.
    """

    def __init__(self, seed: int, lengths: Lengths | None) -> None:
        self._seed = seed
        self._lengths = lengths

    def output(self, prompt_digest: bytes, wish: Wish, copy: int = 0) -> Output:
        """The answer number `copy` to a prompt: the same prompt and seed have the same answer, whenever they come."""
        draw = stream(self._seed, "serve", prompt_digest.hex(), wish.seed, copy)
        n_tokens = wish.most_tokens
        if self._lengths is not None and not wish.ignores_end:
            own = max(int(self._lengths.draw(draw, 1)[0]), wish.least_tokens, 1)
            n_tokens = min(own, wish.most_tokens)
            reason = "stop" if own <= wish.most_tokens else "length"
        else:
            reason = "length"
        tokens = draw.integers(0, VOCABULARY, n_tokens, dtype=np.int32)
        return Output(tokens, reason)
