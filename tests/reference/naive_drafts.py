"""This file says how many of a decode's drafts are accepted."""

from __future__ import annotations

from typing import Any

from blis.foundation.randomness import stream

TWO_32 = 2**32


class Drafts:
    """The drafts of one server: how many, how long they take, which are accepted."""

    def __init__(self, speculative: dict[str, Any] | None, seed: int) -> None:
        given = speculative or {"draft_tokens": 0, "accepted_tokens": 0.0}
        self.width: int = given["draft_tokens"]
        self.step_us = int(self.width * given.get("draft_token_us", 0.0))
        self.rate = _rate(self.width, given["accepted_tokens"])
        self.key = int(stream(seed, "acceptance").integers(TWO_32))
        self.decodes = 0
        self.verified = 0
        self.accepted = 0

    def accept(self, number: int, written: int, drafts: int) -> int:
        """Accepted ones of the drafts of a request that has written so many tokens: draft k falls at rate ** k."""
        lot = _hash(_hash(self.key ^ _hash(number)) ^ _hash(written)) / TWO_32
        accepted = 0
        chance = self.rate
        for _ in range(drafts):
            if lot >= chance:
                break
            accepted += 1
            chance *= self.rate
        self.decodes += 1
        self.verified += drafts
        self.accepted += accepted
        return accepted


def _rate(width: int, mean: float) -> float:
    """The rate r for which r + r**2 + ... + r**width is the mean, by Newton's method from above."""
    if width == 0 or mean == 0:
        return 0.0
    if mean == width:
        return 1.0
    rate = 1.0
    for _ in range(200):
        value = sum(rate**k for k in range(1, width + 1)) - mean
        slope = sum(k * rate ** (k - 1) for k in range(1, width + 1))
        rate -= value / slope
    return rate


def _hash(word: int) -> int:
    for _ in range(2):
        word = (word ^ word // 2**16) * 73_244_475 % TWO_32
    return word ^ word // 2**16
