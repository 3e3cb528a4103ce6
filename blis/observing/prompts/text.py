"""Prompts as text of as many tokens as are asked for, as exactly as usage tells of the server's tokenizer."""

from typing import Any, NamedTuple

import numpy as np

from blis.observing.prompts.prompts import Source
from blis.observing.prompts.words import WORDS
from blis.observing.protocol.answers import Answer

_WORDS = np.array(WORDS)


class TokensOfText(NamedTuple):
    """How many tokens the server counts for a text of so many words."""

    per_word: float = 1.0
    overhead: float = 0.0  #: of what the server puts around a prompt: a first token, the words of a template

    def n_words(self, tokens: float) -> int:
        """Words whose text comes nearest to so many tokens, those around it included; at least one."""
        return max(1, round((tokens - self.overhead) / self.per_word))


class TextWriter(NamedTuple):
    """Prompts as texts; of a chat, as messages."""

    counted: TokensOfText
    is_chat: bool

    def first(self, source: Source, row: int) -> Any:
        """The content of a prompt that goes on with nothing."""
        text = self._text(source.numbers(row), self.counted.n_words(source.n_tokens(row)))
        return [{"role": "user", "content": text}] if self.is_chat else text

    def following(self, source: Source, row: int, before: Any, answer: Answer) -> Any:
        """What was asked and answered, and new words up to the asked length; at least one is new."""
        said = "".join(answer.text)
        if not said:
            return None
        known = (answer.prompt_tokens or source.n_tokens(int(source.continued[row]))) + answer.output_tokens
        n_new = source.n_tokens(row) - known
        n_words = max(1, round(n_new / self.counted.per_word))
        numbers = source.own_numbers(row, known, known + max(n_new, 1))
        new = self._text(numbers, n_words)
        if self.is_chat:
            return [*before, {"role": "assistant", "content": said}, {"role": "user", "content": new}]
        return f"{before}{said} {new}"

    def _text(self, numbers: np.ndarray, n_words: int) -> str:
        """The word at a place follows from that place alone, so texts share what their tokens share."""
        places = np.minimum((np.arange(n_words) * self.counted.per_word).astype(np.int64), len(numbers) - 1)
        chosen: list[str] = _WORDS[(numbers[places] % np.uint64(len(WORDS))).astype(np.int64)].tolist()
        return " ".join(chosen)


def text_of(n_words: int, salt: int) -> str:
    """A text to try a server with."""
    return " ".join(WORDS[(salt + place * place) % len(WORDS)] for place in range(n_words))
