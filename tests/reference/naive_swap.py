"""This file keeps what preempted requests have in the host's memory, and when copies there and back have been made.

Whether a victim's tokens go there at all says a rule: always, from so many tokens on, or where both copies are quicker
than computing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.reference.naive_request import Request


class Copy(NamedTuple):
    """What the host's memory has of one request."""

    n_tokens: int
    n_blocks: int
    ready_us: int


class Host:
    """The host's memory of one instance, and the two paths of copies, on each of which one follows the other."""

    def __init__(self, given: dict[str, Any], block_size: int) -> None:
        self.block_size = block_size
        self.n_free: int = given["blocks"]
        self.out_us, self.in_us, self.base_us = given["out_us"], given["in_us"], given["base_us"]
        self.out_free_us = self.in_free_us = 0
        self.rule: dict[str, Any] = given.get("mode", {"policy": "swap"})
        self.copies: dict[int, Copy] = {}

    @property
    def until_us(self) -> int:
        """When all copies that were asked for have been made."""
        return max(self.out_free_us, self.in_free_us)

    def n_tokens_of(self, request: Request) -> int:
        """Tokens of a request that need not be computed again."""
        return self.copies[request.row].n_tokens if request.row in self.copies else 0

    def put(self, request: Request, n_tokens: int, computing_us: int, now: int) -> None:
        """Keep the first tokens of a request if the rule says so, and there is room for their blocks."""
        n_blocks = -(-n_tokens // self.block_size)
        if self._is_wanted(n_tokens, n_blocks, computing_us, now) and 0 < n_blocks <= self.n_free:
            self.n_free -= n_blocks
            self.out_free_us = max(now, self.out_free_us) + self.base_us + n_blocks * self.out_us
            self.copies[request.row] = Copy(n_tokens, n_blocks, self.out_free_us)

    def _is_wanted(self, n_tokens: int, n_blocks: int, computing_us: int, now: int) -> bool:
        """Whether the rule would have tokens kept whose computing takes so long."""
        policy = self.rule["policy"]
        if policy == "minimum-tokens":
            return n_tokens >= int(self.rule["minimum_tokens"])
        if policy == "break-even":
            waits_us = max(0, self.out_free_us - now)
            copies_us = waits_us + 2 * self.base_us + n_blocks * (self.out_us + self.in_us)
            return copies_us * float(self.rule["worth"]) < computing_us
        return bool(policy == "swap")

    def give_back(self, request: Request, n_found: int, now: int) -> None:
        """Copy back what does not lie on the GPU any more."""
        copy = self.copies.pop(request.row)
        self.n_free += copy.n_blocks
        if copy.n_blocks > n_found:
            begin_us = max(now, copy.ready_us, self.in_free_us)
            self.in_free_us = begin_us + self.base_us + (copy.n_blocks - n_found) * self.in_us
