"""Text to token ids and back, by rule: no vocabulary to load, the same ids in every process.

A token is up to six letters, digits or underscores of one word, or one other sign; blanks between tokens have none.
What the server writes consists of words of three syllables, one for each id, and such a word is its own id when it
comes back: a conversation whose answers are sent again has the ids that it had, so its blocks are found in the cache.
Any other piece of text has the id that its checksum gives.
"""

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np

from blis.foundation.units import Int32Vector

#: Ids of text lie below it; as many as Llama 3 has (128,000), and those of the roles of a chat behind them.
VOCABULARY = 128_000
BEGIN, HEADER, HEADER_END, TURN_END = range(VOCABULARY, VOCABULARY + 4)
ALL_IDS = VOCABULARY + 256

_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwxyz", "aeiou"
_SYLLABLES = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
_PLACE = {syllable: place for place, syllable in enumerate(_SYLLABLES)}
_PIECE = re.compile(r"\w{1,6}|[^\w\s]")
_SPECIAL = {BEGIN: "<|begin|>", HEADER: "<|header|>", HEADER_END: "<|end_header|>", TURN_END: "<|end|>"}
_MOST_REMEMBERED = 200_000


def word_of(token: int) -> str:
    """The word of an id, without a blank."""
    if token >= VOCABULARY:
        return _SPECIAL.get(token, f"<|{token}|>")
    n = len(_SYLLABLES)
    return _SYLLABLES[token // (n * n)] + _SYLLABLES[token // n % n] + _SYLLABLES[token % n]


def text_of(tokens: Iterable[int]) -> str:
    """Words with blanks between them."""
    return " ".join(map(word_of, tokens))


class Tokenizer:
    """Remembers the ids of pieces that it has seen, which changes nothing but the time that it takes."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def ids_of(self, text: str) -> list[int]:
        """The ids of a text."""
        known = self._ids
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        ids = []
        for piece in _PIECE.findall(text):
            token = known.get(piece)
            if token is None:
                token = known[piece] = _id_of(piece)
            ids.append(token)
        return ids

    def ids_of_chat(self, messages: Sequence[tuple[str, str]]) -> list[int]:
        """The ids of a chat, role and text of each message, and of the header behind which the answer begins."""
        ids = [BEGIN]
        for role, text in messages:
            ids += [HEADER, *self.ids_of(role), HEADER_END, *self.ids_of(text), TURN_END]
        return [*ids, HEADER, *self.ids_of("assistant"), HEADER_END]


def as_vector(tokens: Sequence[int]) -> Int32Vector:
    """Ids as an array."""
    return np.asarray(tokens, np.int32)


def _id_of(piece: str) -> int:
    if len(piece) == 6:
        places = [_PLACE.get(piece[start : start + 2], -1) for start in (0, 2, 4)]
        token = (places[0] * len(_SYLLABLES) + places[1]) * len(_SYLLABLES) + places[2]
        if min(places) >= 0 and token < VOCABULARY:
            return token
    return crc32(piece.encode("utf-8", "surrogatepass")) % VOCABULARY
