"""What a message quotes: values, names and whole messages as text of bounded length, made in bounded time."""

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

MOST_SHOWN = 200  #: of a value that is quoted [characters]
MOST_LISTED = 4_000  #: of names that are listed [characters]
MOST_OF_MESSAGE = 8_000  #: of a whole message [characters]

_CUT = "..."
_CUT_DIGITS = 200  #: whole numbers of more digits are described
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
}


def shown(value: object, most: int = MOST_SHOWN) -> str:
    """`value` as `repr` writes it, cut after `most` characters; its size does not matter for the time that it takes.

    A whole number of very many digits is described: Python refuses to write it out.
    """
    text = ""
    for piece in _pieces(value, most):
        text += piece
        if len(text) > most:
            return text[:most] + _CUT
    return text


def listed(names: Iterable[object], most: int = MOST_LISTED) -> str:
    """The names with commas between them; those that would make it longer than `most` are left out."""
    text = ""
    for name in names:
        piece = (name if isinstance(name, str) else shown(name))[: MOST_SHOWN + 1]
        if len(piece) > MOST_SHOWN:
            piece = piece[:MOST_SHOWN] + _CUT
        text += f", {piece}" if text else piece
        if len(text) > most:
            return f"{text}, {_CUT}"
    return text


def one_line(text: str) -> str:
    """A message as one line for a terminal: blanks run together, what is not printable escaped, the end cut."""
    words = " ".join(text[: 2 * MOST_OF_MESSAGE].split())
    if len(words) > MOST_OF_MESSAGE:
        words = words[:MOST_OF_MESSAGE] + _CUT
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "backslashreplace").decode() for one in words
    )


def _pieces(value: Any, most: int) -> Iterator[str]:
    """What `repr` would write, piece by piece, each of bounded length."""
    kind = type(value)
    if kind in (str, bytes):
        yield repr(value) if len(value) <= most else repr(value[: most + 1])
    elif kind is int and abs(value) >= 10**_CUT_DIGITS:
        yield f"a whole number of about {int(value.bit_length() * math.log10(2)) + 1} digits"
    elif kind in (bool, int, float, type(None)):
        yield repr(value)
    elif kind in _BRACKETS:
        yield from _inside(kind, value, most)
    else:
        yield _foreign(value)


def _inside(kind: type, value: Any, most: int) -> Iterator[str]:
    if not value and kind in (set, frozenset):
        yield f"{kind.__name__}()"
        return
    opening, closing = _BRACKETS[kind]
    yield opening
    for place, part in enumerate(islice(value.items() if kind is dict else value, most)):
        if place:
            yield ", "
        if kind is dict:
            yield from _pieces(part[0], most)
            yield ": "
            yield from _pieces(part[1], most)
        else:
            yield from _pieces(part, most)
    yield ",)" if kind is tuple and len(value) == 1 else closing


def _foreign(value: object) -> str:
    """What an object of any other kind calls itself."""
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001
        # A foreign object may answer anything; a message must not fail over it.
        return f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
