"""This file keeps what lies beneath the GPUs: tiers without end, to which every full block goes once it has a key."""

from __future__ import annotations

from typing import Any


class Store:
    """One place for blocks, and the path from it, on which one load follows the other."""

    def __init__(self, block_us: int) -> None:
        self.block_us = block_us
        self.contents: set[int] = set()
        self.free_us = 0

    def load(self, n_blocks: int, now: int) -> int:
        """When blocks that are asked for now have come."""
        self.free_us = max(now, self.free_us) + n_blocks * self.block_us
        return self.free_us


class Tiers:
    """The stores beneath one instance, the nearest first; instances may have the last one together."""

    def __init__(self, stores: list[Store], minimum_blocks: int, loads_apart: bool = False) -> None:
        self.stores = stores
        self.minimum_blocks = minimum_blocks  # that must be found for a load to be worth while
        self.loads_apart = loads_apart  # who loads waits by itself; else the step that takes it lasts longer

    def write(self, content: int) -> None:
        """Take in a block that has got its key."""
        for store in self.stores:
            store.contents.add(content)

    def find(self, keys: list[int]) -> list[Store]:
        """Where each of the leading blocks is found."""
        found = []
        for key in keys:
            holders = [store for store in self.stores if key in store.contents]
            if not holders:
                break
            found.append(holders[0])
        return found if len(found) >= self.minimum_blocks else []

    def load(self, found: list[Store], now: int) -> int:
        """When all of these blocks have come, each store sending what it has by itself."""
        return max(store.load(found.count(store), now) for store in dict.fromkeys(found))


def tiers_of(case: dict[str, Any], n_instances: int) -> list[Tiers | None]:
    """What lies beneath each instance of a case; None: nothing."""
    given = case.get("kv_tiers")
    if given is None:
        return [None] * n_instances
    shared = [Store(given["shared"])] if given["shared"] else []
    own = [[Store(given["own"])] if given["own"] else [] for _ in range(n_instances)]
    return [Tiers(stores + shared, given["minimum_blocks"], loads_apart(case)) for stores in own]


def loads_apart(case: dict[str, Any]) -> bool:
    """Whether who loads waits by itself."""
    return bool(case.get("kv_tiers")) and case["kv_tiers"].get("load", "step") == "request"
