"""A router's command line in a file: comments, continued lines, a program, and flags, each of which must be known."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from blis.foundation.checks import check_choice, check_number, nearest
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown


class Option(NamedTuple):
    """A flag that says something of the policy."""

    form: str  #: int, number, text, flag (present or not), switch (--x or --no-x)
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


class Line(NamedTuple):
    """What a command line says."""

    values: Mapping[str, Any]  #: flag -> value
    aside: Sequence[str]  #: flags of the deployment, which say nothing of the policy


def words_of(where: str, text: str) -> list[str]:
    """The words of the command, comments left out.

    Raises
    ------
    ConfigError
        If quotes are not closed, or there is no word.
    """
    try:
        words = shlex.split(text.replace("\\\r\n", " ").replace("\\\n", " "), comments=True)
    except ValueError as error:
        raise ConfigError(f"{where} must be a command line; {str(error).lower()}.") from error
    if not words:
        raise ConfigError(f"{where} must be a command line; it is empty.")
    return words


def counts(none: str, one: str, several: str) -> dict[str, int]:
    """How many words follow each flag of three lists."""
    return {name: number for number, names in ((0, none), (1, one), (-1, several)) for name in names.split()}


def parsed(where: str, words: Sequence[str], options: Mapping[str, Option], aside: Mapping[str, int]) -> Line:
    """The values of the flags after the program's name.

    Parameters
    ----------
    where : str
        Path of the file, for messages.
    words : sequence of str
    options : mapping
        Flag -> what its value must be.
    aside : mapping
        Flag -> how many words follow it, -1 for any number: what says nothing of the policy.

    Raises
    ------
    ConfigError
        If a flag is unknown, lacks its value, is given twice or has a value out of its range.
    """
    known = {**{name: 0 for name, one in options.items() if one.form in ("flag", "switch")},
             **{f"--no-{name[2:]}": 0 for name, one in options.items() if one.form == "switch"},
             **{name: 1 for name, one in options.items() if one.form not in ("flag", "switch")}, **aside}  # fmt: skip
    place = next((at for at, word in enumerate(words) if word.startswith("-") and word != "-m"), len(words))
    values: dict[str, Any] = {}
    left: list[str] = []
    while place < len(words):
        name, equals, value = words[place].partition("=")
        if name not in known:
            raise ConfigError(f"{where}: unknown flag {shown(name)}{nearest(name, known)}")
        following, place = [value] if equals else [], place + 1
        while not equals and place < len(words) and (known[name] < 0 or len(following) < known[name]):
            if _is_flag(words[place]):
                break
            following, place = [*following, words[place]], place + 1
        if known[name] >= 0 and len(following) != known[name]:
            raise ConfigError(f"{where}: {name} must have {known[name]} value; got {shown(' '.join(following))}.")
        if name in aside:
            left.append(name)
            continue
        positive = f"--{name[5:]}" if name.startswith("--no-") and name not in options else name
        if positive in values:
            raise ConfigError(f"{where}: {positive} must be given once; got it twice.")
        is_given = positive == name
        values[positive] = _value(f"{where}: {name}", following[0], options[name]) if following else is_given
    return Line(values, tuple(dict.fromkeys(left)))


def _is_flag(word: str) -> bool:
    """Negative numbers are values."""
    return word.startswith("-") and not word[1:2].isdigit()


def _value(where: str, text: str, option: Option) -> Any:
    if option.form == "text":
        return check_choice(where, text, option.choices) if option.choices else text
    try:
        number: float = int(text) if option.form == "int" else float(text)
    except ValueError as error:
        words = "a whole number" if option.form == "int" else "a number"
        raise ConfigError(f"{where} must be {words}; got {shown(text)}.") from error
    check_number(where, number, option.least, option.most)
    return number


def written(program: str, flags: Sequence[str]) -> str:
    """The command, a flag with its value on each line."""
    lines = [program, *flags]
    return " \\\n  ".join(lines) + "\n"


def flag(name: str, value: Any = None) -> str:
    """A flag with its value, as a shell takes it: numbers with the fewest digits that are read back as the same."""
    if value is None:
        return name
    return f"{name} {shlex.quote(repr(value) if isinstance(value, float) else str(value))}"
