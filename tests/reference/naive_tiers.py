"""This file keeps what lies beneath the GPUs: tiers without end, to which writing takes no time.

Written through, a full block goes to every tier once it has a key; written back, it goes to the nearest one when the
GPU evicts it. Where places are exclusive, what comes to lie on the GPU leaves its instance's own tiers.
"""

from __future__ import annotations

from typing import Any


class Store:
    """One place for blocks, and the path from it, on which one load follows the other."""

    def __init__(self, block_us: int, is_shared: bool = False) -> None:
        self.block_us = block_us
        self.is_shared = is_shared  # by all instances
        self.contents: set[int] = set()
        self.free_us = 0

    def load(self, n_blocks: int, now: int) -> int:
        """When blocks that are asked for now have come."""
        self.free_us = max(now, self.free_us) + n_blocks * self.block_us
        return self.free_us


class Tiers:
    """The stores beneath one instance, the nearest first; instances may have the last one together."""

    def __init__(self, stores: list[Store], given: dict[str, Any]) -> None:
        self.stores = stores
        self.minimum_blocks: int = given["minimum_blocks"]  # that must be found for a load to be worth while
        self.loads_apart = given.get("load") == "request"  # who loads waits by itself; else the step lasts longer
        self.is_written_back = given.get("write") == "back"
        self.is_exclusive = given.get("placement") == "exclusive"

    def note_keyed(self, content: int) -> None:
        """A block of the GPU has got its key."""
        if self.is_exclusive:
            self._leave(content)
        if not self.is_written_back:
            for store in self.stores:
                store.contents.add(content)

    def note_evicted(self, content: int) -> None:
        """The last block of the GPU with this content is overwritten."""
        if self.is_written_back:
            self.stores[0].contents.add(content)

    def find(self, keys: list[int]) -> list[Store]:
        """Where each of the leading blocks is found."""
        found = []
        for key in keys:
            holders = [store for store in self.stores if key in store.contents]
            if not holders:
                break
            found.append(holders[0])
        return found if len(found) >= self.minimum_blocks else []

    def load(self, found: list[Store], keys: list[int], now: int) -> int:
        """When all of these blocks have come, each store sending what it has by itself."""
        if self.is_exclusive:
            for key in keys[: len(found)]:
                self._leave(key)
        return max(store.load(found.count(store), now) for store in dict.fromkeys(found))

    def _leave(self, content: int) -> None:
        for store in self.stores:
            if not store.is_shared:
                store.contents.discard(content)


def tiers_of(case: dict[str, Any], n_instances: int) -> list[Tiers | None]:
    """What lies beneath each instance of a case; None: nothing."""
    given = case.get("kv_tiers")
    if given is None:
        return [None] * n_instances
    shared = [Store(given["shared"], is_shared=True)] if given["shared"] else []
    own = [[Store(given["own"])] if given["own"] else [] for _ in range(n_instances)]
    return [Tiers(stores + shared, given) for stores in own]


def loads_apart(case: dict[str, Any]) -> bool:
    """Whether who loads waits by itself."""
    return bool(case.get("kv_tiers")) and case["kv_tiers"].get("load") == "request"
