"""This file keeps one instance's KV blocks: taken, shared, filled, keyed, freed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from tests.reference.naive_eviction import Ranking
from tests.reference.naive_request import Keys, Request
from tests.reference.naive_semantics import Semantics
from tests.reference.naive_tiers import Tiers


@dataclass(eq=False)
class Block:
    """One KV block."""

    number: int
    tokens: list[int] = field(default_factory=list)
    content: int = Keys.ROOT  # key of what a full block holds, needed to key the block behind it
    is_keyed: bool = False  # whether its content was written into the table under this block
    holders: int = 0
    uses: int = 0  # requests that have given it back with this content
    since_us: int | None = None  # when the first of them did
    key: float | None = None  # by which it is ranked while it is free; None: it has no content
    order: int = 0  # how many were given back before it
    predecessor: Block | None = None  # free, the block that it continues for whom gave both back


class BlockPool:
    """All blocks of one instance, the table of keys, and the counters of hits and misses."""

    def __init__(
        self,
        n_blocks: int,
        block_size: int,
        keys: Keys,
        semantics: Semantics,
        has_keys: bool = True,
        eviction: dict[str, Any] | str = "lru",
    ) -> None:
        self.ranking = Ranking(eviction)
        self.n_blocks = n_blocks
        self.has_keys = has_keys  # False: nothing is ever found
        self.block_size = block_size
        self.keys = keys
        self.semantics = semantics
        # The free list: the next block to take first, the block freed last at the end.
        self.free: OrderedDict[Block, None] = OrderedDict((Block(number), None) for number in range(n_blocks))
        self.table: dict[int, list[Block]] = {}  # the blocks of each key, the one that is found first
        self.hits = 0
        self.misses = 0
        self.tiers: Tiers | None = None

    @property
    def n_used(self) -> int:
        """Blocks held by some request."""
        return self.n_blocks - len(self.free)

    def leading_hits(self, prompt_keys: list[int]) -> list[Block]:
        """The blocks that hold the beginning of a prompt, free or held; nothing changes."""
        found = []
        for key in prompt_keys:
            if key not in self.table:
                break
            found.append(self.table[key][0])
        return found

    def free_after(self, cached: list[Block]) -> int:
        """Free blocks that are left once these are held."""
        return len(self.free) - sum(block.holders == 0 for block in cached)

    def store(
        self, request: Request, start: int, end: int, cached: list[Block], n_spared: int = 0, n_drafts: int = 0
    ) -> bool:
        """Store tokens [start, end) behind the request's blocks, or behind cached ones; False: no room.

        A refusal changes nothing. Cached blocks that are free count as blocks needed; `n_spared` must stay free. Blocks
        are taken for `n_drafts` more tokens, which nobody knows yet.
        """
        if not self.has_room(request, start, end, cached, n_spared, n_drafts):
            return False
        for block in cached:
            if block.holders == 0:
                del self.free[block]
                block.predecessor = None
            block.holders += 1
            self.hits += 1
            request.blocks.append(block)
        request.n_keyed += len(cached)
        if self.semantics.copies_are_found:
            self._take_until(request, end - request.n_unheld + n_drafts)
        for position in range(start, end):
            self.write(request, position)
            if not self.semantics.copies_are_found:  # it matters which block goes before the next one gets its key
                self.give_keys(request, min(position + 1, request.known) - request.n_unheld)
        if start < end:
            self.give_keys(request, min(end, request.known) - request.n_unheld)
        self._take_until(request, end - request.n_unheld + n_drafts)
        return True

    def has_room(
        self, request: Request, start: int, end: int, cached: list[Block], n_spared: int = 0, n_drafts: int = 0
    ) -> bool:
        """Whether `store` would store."""
        n_new = -(-max(end - start + n_drafts - self._room(request, start), 0) // self.block_size)
        return n_new + n_spared <= self.free_after(cached)

    def _take_until(self, request: Request, n_tokens: int) -> None:
        """Take blocks until there is room for so many tokens."""
        while len(request.blocks) * self.block_size < n_tokens:
            request.blocks.append(self._take())

    def write(self, request: Request, position: int) -> None:
        """Put the token of a position where it belongs, in a new block if need be."""
        place = (position - request.n_unheld) // self.block_size
        if place == len(request.blocks):
            request.blocks.append(self._take())
        request.blocks[place].tokens.append(request.token(position))

    def give_keys(self, request: Request, n_tokens: int) -> None:
        """Key the request's blocks that its first `n_tokens` tokens fill."""
        first = request.n_keyed
        while self.has_keys and request.n_keyed < n_tokens // self.block_size:
            self._give_key(request, request.n_keyed)
            request.n_keyed += 1
        if self.tiers is not None and first < request.n_keyed:
            contents = [block.content for block in request.blocks[first : request.n_keyed]]
            self.tiers.note_keyed(request, first, contents, self.block_size)

    def release(self, request: Request, now_us: int, is_loss: bool = False) -> None:
        """Free the blocks of a request, the last one first; keys stay until a block is taken anew.

        If that is a loss, the request may come back and look for them.
        """
        if self.tiers is not None:
            contents = [block.content for block in request.blocks[: request.n_keyed]]
            self.tiers.note_given_back(request, contents, self.block_size, may_return=is_loss)
        request.may_look_again |= is_loss
        above: Block | None = None
        for place in reversed(range(len(request.blocks))):
            block = request.blocks[place]
            block.holders -= 1
            has_content = place < request.n_keyed
            block.uses += has_content
            if above is not None and above.holders == 0:
                above.predecessor = block
            above = block if has_content else None
            if block.holders == 0:
                self.free[block] = None
                block.key = None
                if has_content:
                    self.ranking.rank(block, request, now_us)
                if self.semantics.keyless_freed_first and place >= request.n_keyed:
                    self.free.move_to_end(block, last=False)
        request.blocks = []
        request.n_keyed = 0

    def _room(self, request: Request, start: int) -> int:
        """Tokens from a position on for which the request has blocks."""
        return len(request.blocks) * self.block_size - (start - request.n_unheld) if request.blocks else 0

    def _take(self) -> Block:
        block = next(iter(self.free)) if self.ranking.is_lru else self.ranking.first_of(self.free)
        del self.free[block]
        if block.is_keyed:
            self._forget(block)
            if self.tiers is not None and block.content not in self.table:  # another copy may stay
                self.tiers.note_evicted(block.content)
        block.tokens = []
        block.content = Keys.ROOT
        block.is_keyed = False
        block.uses, block.since_us, block.key, block.predecessor = 0, None, None, None
        block.holders = 1
        self.misses += 1
        return block

    def _forget(self, block: Block) -> None:
        """Take a block out of the table; by the later of two copies, the reference forgets both."""
        copies = self.table.get(block.content, [])
        if block in copies:
            copies.remove(block)
        elif not self.semantics.first_copy_is_found:
            copies.clear()
        if not copies:
            self.table.pop(block.content, None)

    def _give_key(self, request: Request, place: int) -> None:
        """Key a block that is full."""
        block = request.blocks[place]
        parent = request.blocks[place - 1].content if place > 0 else Keys.ROOT
        block.content = self.keys.key(parent, block.tokens)
        copies = self.table.setdefault(block.content, [])
        if self.semantics.copies_are_found or not copies:
            copies.append(block)
        elif not self.semantics.first_copy_is_found:
            copies[0] = block
        block.is_keyed = not self.semantics.first_copy_is_found or block in copies
