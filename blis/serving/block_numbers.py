"""Numbers of KV blocks: one for each sequence of whole blocks that is known; equal beginnings have equal numbers."""

from hashlib import sha256

import numpy as np

from blis.foundation.units import BoolVector, Int32Vector, Int64Vector


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
        self._n = 0  #: numbers so far
        self._free: list[int] = []  #: of blocks that were forgotten
        self._with_hashes = with_hashes
        self._parents: list[int] = []
        self._tokens: list[bytes] = []
        self._hashes: list[int] = []

    def __len__(self) -> int:
        return self._n

    def of(self, tokens: Int32Vector) -> Int64Vector:
        """The numbers of the whole blocks of a sequence; new blocks get the next free ones."""
        data = tokens.tobytes()
        numbers = np.empty(len(data) // self._bytes, np.int64)
        known, before = self._number, -1
        for place in range(len(numbers)):
            block = data[place * self._bytes : (place + 1) * self._bytes]
            number = known.get((before, block))
            if number is None:
                number = known[(before, block)] = self._next()
                if self._with_hashes:
                    self._note(before, block)
            numbers[place] = before = number
        return numbers

    def forget(self, is_named: BoolVector) -> None:
        """Let new blocks have the numbers of those that nobody names, nor a block behind them."""
        numbers = np.fromiter(self._number.values(), np.int64, len(self._number))
        before = np.fromiter((one for one, _ in self._number), np.int64, len(self._number))
        kept = np.zeros(self._n + 1, np.bool_)  # the last place is that of no block
        kept[: len(is_named)] = is_named[: self._n]
        while len(lost := before[kept[numbers] & ~kept[before] & (before >= 0)]):
            kept[lost] = True
        self._free += numbers[~kept[numbers]].tolist()
        self._number = {key: number for key, number in self._number.items() if kept[number]}

    def _next(self) -> int:
        if self._free:
            return self._free.pop()
        self._n += 1
        return self._n - 1

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
