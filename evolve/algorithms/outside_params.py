"""What is told to a package that asks a language model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

#: More rounds, tokens or seconds than any search takes.
_MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Params:
    """How a package asks, and how often."""

    iterations: int  #: candidates that the model is asked for
    model: str  #: its name at the endpoint
    temperature: float | None  #: None: the endpoint's default
    max_tokens: int  #: of an answer
    timeout_s: float  #: wall clock of one answer [s]
    most: int  #: candidates of one round of the search
    minibatch: int = 3  #: training scenarios that GEPA reflects on at a time
    population: int = 50  #: programs that OpenEvolve keeps
    islands: int = 3  #: of OpenEvolve
    diff: bool = False  #: whether the model changes parts, or writes the whole anew
    archive: str = "adaevolve"  #: how SkyDiscover keeps and offers programs
    inspirations: int = 4  #: other programs that SkyDiscover's model reads with each

    def plain(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def common(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What every package is told, checked.

    Raises
    ------
    ConfigError
        If a value is wrong.
    """
    model, temperature = given["model"], given["temperature"]
    if model is not None and (not isinstance(model, str) or not model.strip()):
        raise ConfigError(f"{where}.model must be the name of a model at the endpoint; got {shown(model)}.")
    return {
        "iterations": check_int(f"{where}.iterations", given["iterations"], 1, _MANY),
        "model": model or "",
        "temperature": None if temperature is None else check_number(f"{where}.temperature", temperature, 0, 2),
        "max_tokens": check_int(f"{where}.max_tokens", given["max_tokens"], 1, _MANY, "tokens"),
        "timeout_s": check_number(f"{where}.timeout_s", given["timeout_s"], maximum=_MANY, unit="s", above=0),
        "most": check_int(f"{where}.most", given["most"], 1, 1000),
    }


#: Keys of `common`.
COMMON = ("iterations", "model", "temperature", "max_tokens", "timeout_s", "most")
