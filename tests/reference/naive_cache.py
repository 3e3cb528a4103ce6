"""This file keeps one instance's KV blocks: taken, shared, filled, keyed, freed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from tests.reference.naive_request import Keys, Request
from tests.reference.naive_semantics import Semantics


@dataclass(eq=False)
class Block:
    """One KV block."""

    number: int
    tokens: list[int] = field(default_factory=list)
    content: int = Keys.ROOT  # key of what a full block holds, needed to key the block behind it
    is_keyed: bool = False  # whether its content was written into the table under this block
    holders: int = 0


class BlockPool:
    """All blocks of one instance, the table of keys, and the counters of hits and misses."""

    def __init__(self, n_blocks: int, block_size: int, keys: Keys, semantics: Semantics) -> None:
        self.n_blocks = n_blocks
        self.block_size = block_size
        self.keys = keys
        self.semantics = semantics
        # The free list: the next block to take first, the block freed last at the end.
        self.free: OrderedDict[Block, None] = OrderedDict((Block(number), None) for number in range(n_blocks))
        self.table: dict[int, Block] = {}
        self.hits = 0
        self.misses = 0

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
            found.append(self.table[key])
        return found

    def store(self, request: Request, start: int, end: int, cached: list[Block]) -> bool:
        """Store tokens [start, end) behind the request's blocks, or behind cached ones; False: no room.

        A refusal changes nothing. Cached blocks that are free count as blocks needed.
        """
        n_tokens = end - start
        n_spare = self._room_in_last_block(request)
        n_new = -(-max(n_tokens - n_spare, 0) // self.block_size)
        n_free_hits = sum(block.holders == 0 for block in cached)
        if n_new + n_free_hits > len(self.free):
            return False
        for block in cached:
            if block.holders == 0:
                del self.free[block]
            block.holders += 1
            self.hits += 1
            request.blocks.append(block)
        for position in range(start, end):
            if self._room_in_last_block(request) == 0:
                request.blocks.append(self._take())
            last = request.blocks[-1]
            last.tokens.append(request.token(position))
            if len(last.tokens) == self.block_size:
                self._give_key(request)
        return True

    def release(self, request: Request) -> None:
        """Free the blocks of a request, the last one first; keys stay until a block is taken anew."""
        for block in reversed(request.blocks):
            block.holders -= 1
            if block.holders == 0:
                self.free[block] = None
        request.blocks = []

    def _room_in_last_block(self, request: Request) -> int:
        return self.block_size - len(request.blocks[-1].tokens) if request.blocks else 0

    def _take(self) -> Block:
        block, _ = self.free.popitem(last=False)
        if block.is_keyed and (not self.semantics.first_copy_is_found or self.table.get(block.content) is block):
            self.table.pop(block.content, None)
        block.tokens = []
        block.content = Keys.ROOT
        block.is_keyed = False
        block.holders = 1
        self.misses += 1
        return block

    def _give_key(self, request: Request) -> None:
        """Key the request's last block, which has just become full."""
        block = request.blocks[-1]
        parent = request.blocks[-2].content if len(request.blocks) > 1 else Keys.ROOT
        block.content = self.keys.key(parent, block.tokens)
        if self.semantics.first_copy_is_found and block.content in self.table:
            return
        self.table[block.content] = block
        block.is_keyed = True
