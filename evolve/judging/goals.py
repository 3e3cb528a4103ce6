"""What a search wants: objectives by name and weight, and constraints that no objective can buy off."""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import evolve.objectives
from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError

#: What counts unless a configuration says otherwise: how late every arrival is by what its class was promised, how much
#: of the promised time it takes, and how many promises are kept. Who is refused counts as late as can be in all three,
#: and nothing is gained in the first by being faster than anyone asked. A configuration says null for it, because Hydra
#: would add a user's mapping to one that is written there.
DEFAULT_OBJECTIVES = {"lateness": 0.4, "promised-time": 0.3, "slo-attainment": 0.3}


@dataclass(frozen=True, slots=True)
class Goals:
    """Objectives and constraints."""

    groups: tuple[Mapping[str, float], ...]  #: one value each: objective -> weight, which sum to 1

    @classmethod
    def from_config(cls, where: str, objectives: object) -> "Goals":
        """Goals from a configuration.

        Parameters
        ----------
        where : str
            Path of the objectives, for messages.
        objectives : mapping, list or None
            None: `DEFAULT_OBJECTIVES`. A mapping of objectives to weights is one value, their weighted geometric
            mean. A list is one value for each entry, to be improved together: a name, or such a mapping.

        Raises
        ------
        ConfigError
            If an objective is unknown or given twice, a weight not above zero, or there is none.
        """
        if objectives is None:
            objectives = DEFAULT_OBJECTIVES
        if isinstance(objectives, Mapping):
            return cls((_group(where, objectives),))
        if not isinstance(objectives, Sequence) or isinstance(objectives, str) or not objectives:
            raise ConfigError(
                f"{where} must be a mapping of objectives to weights, or a list of objectives; got {objectives!r}."
            )
        groups = [
            _group(f"{where}[{place}]", {one: 1.0} if isinstance(one, str) else one)
            for place, one in enumerate(objectives)
        ]
        for place, group in enumerate(groups):
            if group in groups[:place]:
                raise ConfigError(f"{where}[{place}]: {'+'.join(group)} is listed twice.")
        return cls(tuple(groups))

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each value, such as "ttft-p99" or "ttft-p99+goodput"."""
        return tuple("+".join(group) for group in self.groups)

    @property
    def objectives(self) -> tuple[str, ...]:
        """All objectives, each once, in the order in which they are given."""
        return tuple(dict.fromkeys(name for group in self.groups for name in group))

    @property
    def needs_trace(self) -> bool:
        """Whether an objective is read off traced decisions."""
        return any(getattr(family(name), "NEEDS_TRACE", False) for name in self.objectives)


@cache
def families() -> Mapping[str, ModuleType]:
    """Objective -> the file that defines it."""
    found: dict[str, ModuleType] = {}
    for info in pkgutil.iter_modules(evolve.objectives.__path__):
        module = importlib.import_module(f"evolve.objectives.{info.name}")
        found |= dict.fromkeys(module.JUDGED, module)
    return found


def family(name: str) -> ModuleType:
    """The file that defines an objective."""
    return families()[name]


def _group(where: str, mapping: object) -> dict[str, float]:
    given = check_keys(where, mapping, families()) if isinstance(mapping, Mapping) else None
    if not given:
        raise ConfigError(f"{where} must be a mapping of at least one objective to its weight; got {mapping!r}.")
    weights = {
        check_choice(where, name, families()): check_number(f"{where}.{name}", weight, above=0)
        for name, weight in given.items()
    }
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
