"""The prompts of a workload: real content of the asked lengths, equal between requests as far as the workload says.

A block that a workload's key names has the content that follows from the key; what a prompt has beyond them follows
from the prompt's identity. A request that goes on with a conversation repeats what was really asked and answered, where
that is known; where it is not, its blocks have the content of their keys, as if something else had been answered.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from blis.foundation.units import Int64Vector
from blis.observing.prompts.conversations import continued_rows, keys_of
from blis.observing.prompts.hashing import hashed
from blis.observing.protocol.answers import Answer
from blis.workload.requests import Requests


class Prompt(NamedTuple):
    """What one request says."""

    content: Any  #: list of token ids; a text; or, of a chat, a list of messages
    n_tokens: int  #: as many as it is meant to be
    is_made_up: bool = False  #: whether it goes on with a conversation whose answer is not known


class Writer(Protocol):
    """Turns places into content: one for token ids, one for text."""

    def first(self, source: "Source", row: int) -> Any:
        """The content of a prompt that goes on with nothing."""

    def following(self, source: "Source", row: int, before: Any, answer: Answer) -> Any:
        """The content of a prompt that goes on with an earlier one; None if the answer to that is not known."""


class Source(NamedTuple):
    """Where the content of a workload's prompts comes from."""

    requests: Requests
    salt: int
    continued: Int64Vector  #: (n,) row whose prompt and answer a request goes on with, -1 for none

    def numbers(self, row: int) -> np.ndarray:
        """(input_tokens,) uint64, one for each token of a prompt."""
        block_size = self.requests.block_size_tokens
        n_tokens = int(self.requests.input_tokens[row])
        keys = keys_of(self.requests, row)[: -(-n_tokens // block_size)]
        shared = hashed(self.salt, keys[:, None], np.arange(block_size)[None, :]).ravel()[:n_tokens]
        if len(shared) == n_tokens:
            return shared
        return np.concatenate((shared, self.own_numbers(row, len(shared), n_tokens)))

    def own_numbers(self, row: int, start: int, end: int) -> np.ndarray:
        """(end - start,) uint64 for the tokens of a prompt's own part."""
        return hashed(self.salt + 1, self.requests.prompt[row : row + 1], np.arange(start, end))

    def n_tokens(self, row: int) -> int:
        """Length of a prompt."""
        return int(self.requests.input_tokens[row])


class Prompts:
    """The prompts of one workload, and what is remembered of conversations for them.

    Parameters
    ----------
    requests : Requests
    salt : int
        Of the content: another salt, other prompts.
    writer : Writer
    """

    def __init__(self, requests: Requests, salt: int, writer: Writer) -> None:
        self.continued: Int64Vector = continued_rows(requests)
        self._source = Source(requests, salt, self.continued)
        self._writer = writer
        n_followers = np.bincount(self.continued[self.continued >= 0], minlength=len(requests))
        self._n_followers: list[int] = n_followers.tolist()
        self._asked: dict[int, Any] = {}  # contents of rows that others go on with
        self._answers: dict[int, Answer] = {}
        self.n_made_up = 0  #: prompts that go on with a conversation whose answer was not known

    def needs_answer(self, row: int) -> bool:
        """Whether another request goes on with this one's answer."""
        return self._n_followers[row] > 0

    def is_fixed(self, row: int) -> bool:
        """Whether what a request says does not depend on what is answered before."""
        return bool(self.continued[row] < 0)

    @property
    def has_conversations(self) -> bool:
        """Whether any request goes on with an answer."""
        return bool((self.continued >= 0).any())

    def prompt(self, row: int) -> Prompt:
        """What a request says, as far as is known now; asked once, when it is sent."""
        before, content, is_made_up = int(self.continued[row]), None, False
        if before >= 0:
            if before in self._answers:
                content = self._writer.following(self._source, row, self._asked[before], self._answers[before])
            is_made_up = content is None
            self.n_made_up += is_made_up
            self._forget(before)
        if content is None:
            content = self._writer.first(self._source, row)
        if self.needs_answer(row):
            self._asked[row] = content
        return Prompt(content, self._source.n_tokens(row), is_made_up)

    def answered(self, row: int, answer: Answer) -> None:
        """Take note of the answer to a request that others go on with."""
        if self.needs_answer(row):
            self._answers[row] = answer

    def _forget(self, row: int) -> None:
        """A conversation is kept as long as somebody may go on with it."""
        self._n_followers[row] -= 1
        if self._n_followers[row] <= 0:
            self._asked.pop(row, None)
            self._answers.pop(row, None)


class TokenWriter(NamedTuple):
    """Prompts as lists of token ids."""

    lowest: int
    highest: int

    def first(self, source: Source, row: int) -> list[int]:
        """The content of a prompt that goes on with nothing."""
        return self._ids(source.numbers(row))

    def following(self, source: Source, row: int, before: Sequence[int], answer: Answer) -> list[int] | None:
        """What was asked and answered, and new tokens up to the asked length; at least one is new."""
        if not answer.ids:
            return None
        n_tokens = source.n_tokens(row)
        known = [*before, *answer.ids][: n_tokens - 1]
        return known + self._ids(source.own_numbers(row, len(known), n_tokens))

    def _ids(self, numbers: np.ndarray) -> list[int]:
        span = np.uint64(self.highest - self.lowest + 1)
        ids: list[int] = (self.lowest + (numbers % span).astype(np.int64)).tolist()
        return ids
