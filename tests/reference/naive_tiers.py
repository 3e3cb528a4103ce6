"""This file keeps what lies beneath the GPUs, block by block: what tiers have, what goes first, what is written when.

Written through, the blocks of a request that get their keys at one time go to every tier; those that no other request
shares go when the request leaves, or loses them. What is written at one time arrives at one time, and is neither read
nor evicted before, except that blocks which nobody can find may go. Written back, which takes no time here, a block
goes to the nearest tier when the GPU evicts it, and what that evicts to the next. Where places are exclusive, what
comes to lie on the GPU leaves its instance's own tiers.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any

from tests.reference.naive_request import Keys, Request


class Store:
    """One place for blocks, in the order of their last use, and the paths to and from it, each with its queue."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.block_us: int = given["block_us"]
        self.write_us: int = given["write_us"]  # for each block
        self.capacity: int = given["capacity"]
        self.learns: bool = given["eviction"] == "arc"
        self.is_shared: bool = given["shared"]  # by all instances
        self.once: OrderedDict[int, None] = OrderedDict()
        self.again: OrderedDict[int, None] = OrderedDict()  # used while they were here; only where it learns
        self.names: dict[str, OrderedDict[int, None]] = {"once": OrderedDict(), "again": OrderedDict()}
        self.target = 0.0  # blocks used once that there should be
        self.read_until_us = self.written_until_us = 0
        self.ready_us: dict[int, int] = {}  # of blocks that somebody can find: when they have been written

    def __contains__(self, content: int) -> bool:
        return content in self.once or content in self.again

    @property
    def room(self) -> int:
        """Blocks for which there is room."""
        return self.capacity - len(self.once) - len(self.again)

    def use(self, content: int) -> bool:
        """Let a block be the latest; whether it is here."""
        if content not in self:
            return False
        self.once.pop(content, None)
        self.again.pop(content, None)
        (self.again if self.learns else self.once)[content] = None
        return True

    def leave(self, content: int) -> None:
        """Have a block no longer."""
        self.once.pop(content, None)
        self.again.pop(content, None)
        self.ready_us.pop(content, None)

    def learn(self, content: int) -> None:
        """A block that is not here is to be written: move the target if its name is remembered."""
        once, again = self.names["once"], self.names["again"]
        if content in once:
            self.target = min(float(self.capacity), self.target + max(1.0, len(again) / len(once)))
            once.move_to_end(content)
        elif content in again:
            self.target = max(0.0, self.target - max(1.0, len(once) / len(again)))
            again.move_to_end(content)

    def evict(self, now: int, n_spared: int = 0) -> int | None:
        """Let the block go whose turn it is, None: not yet; so many of the latest ones that were used stay."""
        is_once_due = len(self.once) >= max(1, int(self.target)) or len(self.again) == n_spared
        from_once = not self.learns or (bool(self.once) and is_once_due)
        content = next(iter(self.once if from_once else self.again))
        if self.ready_us.get(content, 0) > now:
            return None
        self.leave(content)
        if self.learns:
            names = self.names["once" if from_once else "again"]
            names[content] = None
            while len(names) > self.capacity:
                names.popitem(last=False)
        return content

    def put(self, content: int) -> None:
        """Have a block that was not here."""
        is_remembered = any(content in names for names in self.names.values())
        for names in self.names.values():
            names.pop(content, None)
        (self.again if is_remembered else self.once)[content] = None

    def write(self, contents: list[int], now: int, *, can_be_found: bool = True) -> None:
        """Have the first blocks of these for which room can be made; all are then the latest, the last one first."""
        for content in reversed(contents):
            if not self.use(content):
                self.learn(content)
        n_had = sum(content in self for content in contents)
        missing = [content for content in contents if content not in self][: self.capacity - n_had]
        while self.room < len(missing):
            if self.evict(now, n_had) is None:
                missing = missing[: self.room]
        for content in reversed(contents):
            if content in self:
                (self.once if content in self.once else self.again).move_to_end(content)
            elif content in missing:
                self.put(content)
        if missing:
            self.written_until_us = max(now, self.written_until_us) + len(missing) * self.write_us
        if can_be_found:
            self.ready_us |= dict.fromkeys(missing, self.written_until_us)

    def load(self, n_blocks: int, now: int) -> int:
        """When blocks that are asked for now have come."""
        self.read_until_us = max(now, self.read_until_us) + n_blocks * self.block_us
        return self.read_until_us


class Tiers:
    """The stores beneath one instance, the nearest first; instances may have the last one together."""

    def __init__(self, stores: list[Store], given: dict[str, Any], shared_contents: set[int]) -> None:
        self.stores = stores
        self.shared_contents = shared_contents  # of blocks that several requests have
        self.minimum_blocks: int = given["minimum_blocks"]  # that must be found for a load to be worth while
        self.loads_apart = given.get("load") == "request"  # who loads waits by itself; else the step lasts longer
        self.is_written_back = given.get("write") == "back"
        self.is_exclusive = given.get("placement") == "exclusive"
        self.prompts_only: bool = given.get("prompt_only", False)
        self.now = 0

    def note_keyed(self, request: Request, first: int, contents: list[int], block_size: int) -> None:
        """Blocks of a request, from this place on, have got their keys."""
        if self.is_exclusive:
            for content in contents:
                self._leave(content)
        if not request.may_look_again:
            contents = [content for content in contents if content in self.shared_contents]
        self._write_through(request, first, contents, block_size)

    def note_given_back(self, request: Request, contents: list[int], block_size: int, *, may_return: bool) -> None:
        """A request gives back these leading blocks, which have keys."""
        if not request.may_look_again:
            own = [content for content in contents if content not in self.shared_contents]
            self._write_through(request, len(contents) - len(own), own, block_size, can_be_found=may_return)

    def _write_through(
        self, request: Request, first: int, contents: list[int], block_size: int, *, can_be_found: bool = True
    ) -> None:
        if self.prompts_only:
            contents = contents[: max(0, len(request.prompt) // block_size - first)]
        if contents and not self.is_written_back:
            for store in self.stores:
                store.write(contents, self.now, can_be_found=can_be_found)

    def note_evicted(self, content: int) -> None:
        """The last block of the GPU with this content is overwritten."""
        if self.is_written_back:
            self._write_back(0, content)

    def _write_back(self, level: int, content: int) -> None:
        if level == len(self.stores) or self.stores[level].use(content):
            return
        store = self.stores[level]
        store.learn(content)
        evicted = None if store.room > 0 else store.evict(self.now)
        store.put(content)
        if evicted is not None:
            self._write_back(level + 1, evicted)

    def use(self, contents: list[int]) -> None:
        """A request uses these leading blocks, which are on the GPU."""
        for content in reversed(contents):
            for store in self.stores:
                store.use(content)

    def find(self, keys: list[int]) -> list[Store]:
        """Where each of the leading blocks is found."""
        found = []
        for key in keys:
            holders = [store for store in self.stores if key in store]
            if not holders:
                break
            found.append(holders[0])
        return found if len(found) >= self.minimum_blocks else []

    def load(self, found: list[Store], keys: list[int], now: int) -> int:
        """When all of these blocks have come, each store sending what it has by itself."""
        written_us = max(store.ready_us.get(key, 0) for store, key in zip(found, keys, strict=False))
        for store, key in reversed(list(zip(found, keys, strict=False))):
            if self.is_exclusive and not store.is_shared:
                self._leave(key)
            else:
                store.use(key)
        return max(written_us, *(store.load(found.count(store), now) for store in dict.fromkeys(found)))

    def _leave(self, content: int) -> None:
        for store in self.stores:
            if not store.is_shared:
                store.leave(content)


def tiers_of(case: dict[str, Any], requests: list[Request], keys: Keys) -> list[Tiers | None]:
    """What lies beneath each instance of a case; None: nothing."""
    given, n_instances = case.get("kv_tiers"), case["instances"]
    if given is None:
        return [None] * n_instances
    users = Counter(
        key for one in requests for key in keys.of_whole_blocks(one.prompt + one.output, case["block_size_tokens"])
    )
    shared_contents = {key for key, n_requests in users.items() if n_requests > 1}
    shared = [Store(tier) for tier in given["tiers"] if tier["shared"]]
    own = [[Store(tier) for tier in given["tiers"] if not tier["shared"]] for _ in range(n_instances)]
    return [Tiers(stores + shared, given, shared_contents) for stores in own]


def loads_apart(case: dict[str, Any]) -> bool:
    """Whether who loads waits by itself."""
    return bool(case.get("kv_tiers")) and case["kv_tiers"].get("load") == "request"
