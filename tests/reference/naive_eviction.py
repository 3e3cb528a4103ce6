"""This file ranks free blocks one by one: which goes first when blocks are needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.reference.naive_priority import URGENCY

if TYPE_CHECKING:
    from tests.reference.naive_cache import Block
    from tests.reference.naive_request import Request

US_PER_S = 1e6
#: Answers whose keys are here worked out block by block; `lru` needs none.
RANKED = ("fifo", "lfu", "ttl", "priority")


class Ranking:
    """The eviction policy of one instance, and the key that it evicted last."""

    def __init__(self, policy: dict[str, Any] | str) -> None:
        self.policy: dict[str, Any] = {"policy": policy} if isinstance(policy, str) else policy
        self.name: str = self.policy["policy"]
        self.evicted_key = 0.0
        self.given_back = 0
        if self.name not in ("lru", *RANKED):
            raise ValueError(f"unknown eviction policy {self.name!r}")

    @property
    def is_lru(self) -> bool:
        """Whether blocks go in the order in which they were given back."""
        return self.name == "lru"

    def rank(self, block: Block, request: Request, now_us: int) -> None:
        """Give a block that has become free its key and its number."""
        if block.since_us is None:
            block.since_us = now_us
        block.key = self._key(block, request, now_us)
        block.order = self.given_back
        self.given_back += 1

    def first_of(self, free: Iterable[Block]) -> Block:
        """The block that goes first: one without content, or else the lowest of those that no free one continues."""
        blocks = list(free)
        continued = {id(block.predecessor) for block in blocks if block.predecessor is not None}
        for block in blocks:
            if block.key is None:
                return block
        first = min((one for one in blocks if id(one) not in continued), key=lambda one: (one.key, one.order))
        assert first.key is not None
        self.evicted_key = first.key
        return first

    def _key(self, block: Block, request: Request, now_us: int) -> float:
        if self.name == "fifo":
            assert block.since_us is not None
            return block.since_us
        if self.name == "lfu":
            return block.uses + self.policy.get("ageing", 1.0) * self.evicted_key
        if self.name == "ttl":
            has_session = request.session not in (None, -1)
            ttl_s = self.policy.get("session_ttl_s", 120.0) if has_session else self.policy.get("ttl_s", 30.0)
            return float(now_us + ttl_s * US_PER_S)
        name = request.named_class
        urgency = self.policy.get(name or "unnamed", URGENCY[name])
        return float(now_us + self.policy.get("s_per_urgency", 10.0) * US_PER_S * urgency)
