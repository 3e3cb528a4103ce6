"""This file holds the adapters of one server: lists of those on the GPU and in the host's memory, oldest use first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.reference.naive_request import Request


class Adapters:
    """What a server holds. Without a configuration it holds nothing, and nobody is kept waiting."""

    def __init__(self, lora: dict[str, Any] | None, index: int) -> None:
        self.n_slots: int = lora["slots"][index] if lora else 0
        self.costs = lora or {}
        self.n_on_host = self.n_slots + (lora["spare"] if lora else 0)
        self.in_use: dict[str, int] = {}  # requests of the batch by adapter
        self.idle: list[str] = []  # held and out of use, the longest first
        self.on_gpu: set[str] = set()
        self.loading_us = 0  # of the step that is being formed

    def has_slot_for(self, request: Request) -> bool:
        """Whether the batch may take the request."""
        if self.n_slots == 0 or request.adapter is None or request.adapter in self.in_use:
            return True
        return len(self.in_use) < self.n_slots

    def take(self, request: Request) -> None:
        """The request is in the batch now."""
        name = request.adapter
        if self.n_slots == 0 or name is None:
            return
        if name not in self.in_use:
            self.in_use[name] = 0
            if name not in self.on_gpu:
                self._load(name)
            if name in self.idle:
                self.idle.remove(name)
        self.in_use[name] += 1

    def _load(self, name: str) -> None:
        held = [*self.in_use, *(one for one in self.idle if one != name)]  # the new one included
        if name not in self.idle:
            self.loading_us += self.costs["disk_us"]
            if len(held) > self.n_on_host:
                self.on_gpu.discard(self.idle.pop(0))
        if len(self.on_gpu) == self.n_slots:
            self.on_gpu.remove(next(one for one in self.idle if one in self.on_gpu))
        self.loading_us += self.costs["host_us"]
        self.on_gpu.add(name)

    def leave(self, request: Request) -> None:
        """The request has left the batch."""
        name = request.adapter
        if self.n_slots == 0 or name is None:
            return
        self.in_use[name] -= 1
        if self.in_use[name] == 0:
            del self.in_use[name]
            self.idle.append(name)

    def step_us(self, served: Iterable[tuple[Request, int]]) -> int:
        """By how much a step is longer in which each of these requests computes so many tokens."""
        loading_us, self.loading_us = self.loading_us, 0
        n_tokens = sum(n for request, n in served if self.n_slots and request.adapter is not None)
        if n_tokens == 0:
            return loading_us
        costs = self.costs
        return loading_us + int(
            costs["step_us"] + costs["adapter_us"] * len(self.in_use) + costs["token_us"] * n_tokens
        )
