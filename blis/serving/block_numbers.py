"""Numbers of KV blocks: one for each sequence of whole blocks that ever came; equal beginnings have equal numbers."""

from hashlib import sha256

import numpy as np

from blis.foundation.units import Int32Vector, Int64Vector


class BlockNumbers:
    """A tree of blocks by their tokens and the block before: exact, where a hash could confuse two.

    Parameters
    ----------
    block_size_tokens : int
    with_hashes : bool
        Keep the tokens of each block, and a hash of all of them up to its end, to be told to others.
    """

    def __init__(self, block_size_tokens: int, *, with_hashes: bool = False) -> None:
        self._bytes = 4 * block_size_tokens
        self._number: dict[tuple[int, bytes], int] = {}
        self._with_hashes = with_hashes
        self._parents: list[int] = []
        self._tokens: list[bytes] = []
        self._hashes: list[int] = []

    def __len__(self) -> int:
        return len(self._number)

    def of(self, tokens: Int32Vector) -> Int64Vector:
        """The numbers of the whole blocks of a sequence; new blocks get the next free ones."""
        data = tokens.tobytes()
        numbers = np.empty(len(data) // self._bytes, np.int64)
        known, before = self._number, -1
        for place in range(len(numbers)):
            block = data[place * self._bytes : (place + 1) * self._bytes]
            number = known.get((before, block))
            if number is None:
                number = known[(before, block)] = len(known)
                if self._with_hashes:
                    self._note(before, block)
            numbers[place] = before = number
        return numbers

    def hash_of(self, number: int) -> int:
        """64 bits that stand for all tokens up to the end of the block."""
        return self._hashes[number]

    def parent_of(self, number: int) -> int:
        """The block before; -1: none."""
        return self._parents[number]

    def tokens_of(self, number: int) -> list[int]:
        """The tokens of the block."""
        tokens: list[int] = np.frombuffer(self._tokens[number], np.int32).tolist()
        return tokens

    def _note(self, parent: int, block: bytes) -> None:
        before = self._hashes[parent].to_bytes(8, "big") if parent >= 0 else b""
        self._parents.append(parent)
        self._tokens.append(block)
        self._hashes.append(int.from_bytes(sha256(before + block).digest()[:8], "big"))
