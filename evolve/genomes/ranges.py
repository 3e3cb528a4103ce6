"""Where a number is searched: bounds, scale, and whether it is whole; and its place between the bounds, in [0, 1]."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from deap import tools

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.policies.parameters import Bounds
from evolve.genomes.seeding import deap_draws
from evolve.records import Value

#: Crowding of DEAP's bounded operators: children stay near their parents, mutants nearer still (Deb & Agrawal 1995).
CROSSOVER_ETA, MUTATION_ETA = 10.0, 20.0

#: Digits of a number that an operator made: more would only fit noise. Numbers that people give keep all of theirs.
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Range:
    """What a number may be."""

    low: float
    high: float
    is_log: bool = False  #: searched evenly in its logarithm
    is_whole: bool = False
    unit: str = ""

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object] | None, bounds: Bounds, is_whole: bool) -> "Range":
        """A range within `bounds`, which is narrowed by keys `low`, `high`, `scale` (linear, log) and `whole`.

        Raises
        ------
        ConfigError
            If a key is unknown, a bound outside `bounds`, the range empty, or its logarithm undefined.
        """
        given = check_keys(where, mapping or {}, ("low", "high", "scale", "whole"))
        is_log = check_choice(f"{where}.scale", given.get("scale", "linear"), ("linear", "log")) == "log"
        whole = given.get("whole", is_whole)
        if not isinstance(whole, bool) or (is_whole and not whole):
            raise ConfigError(f"{where}.whole must be true{'' if is_whole else ' or false'}; got {whole!r}.")
        low, high = (
            check_number(f"{where}.{key}", given.get(key, getattr(bounds, key)), bounds.low, bounds.high, bounds.unit)
            for key in ("low", "high")
        )
        if whole and (low != int(low) or high != int(high)):
            raise ConfigError(f"{where}: low and high must be whole numbers; got {low!r} and {high!r}.")
        if low >= high:
            raise ConfigError(f"{where}.low must be < high, else there is nothing to search; got {low!r} and {high!r}.")
        if is_log and low <= 0:
            raise ConfigError(f"{where}.low must be > 0 on a log scale; got {low!r}.")
        return cls(low, high, is_log, whole, bounds.unit)

    def check(self, where: str, value: object) -> Value:
        """The number, if it is within the range.

        Raises
        ------
        ConfigError
            If it is not, or is no number of the right kind.
        """
        if self.is_whole:
            return check_int(where, value, int(self.low), int(self.high), self.unit)
        return check_number(where, value, self.low, self.high, self.unit)

    def at(self, place: float) -> Value:
        """The number at a place in [0, 1], with few digits; what lies outside is clipped."""
        place = min(1.0, max(0.0, place))
        if self.is_log:
            number = math.exp(math.log(self.low) + place * (math.log(self.high) - math.log(self.low)))
        else:
            number = self.low + place * (self.high - self.low)
        number = float(round(number)) if self.is_whole else float(f"{number:.{_DIGITS}g}")
        number = min(self.high, max(self.low, number))
        return int(number) if self.is_whole else number

    def place(self, value: Value) -> float:
        """Where in [0, 1] a number of this range lies."""
        number = float(value)
        if self.is_log:
            return (math.log(number) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (number - self.low) / (self.high - self.low)


def mate_places(one: list[float], other: list[float], random: np.random.Generator) -> tuple[list[float], list[float]]:
    """Children of two points in the unit cube: simulated binary crossover."""
    first, second = list(one), list(other)
    with deap_draws(random):
        tools.cxSimulatedBinaryBounded(first, second, CROSSOVER_ETA, 0.0, 1.0)
    return first, second


def mutate_places(places: list[float], random: np.random.Generator) -> list[float]:
    """A neighbour of a point in the unit cube: polynomial mutation of one coordinate or more."""
    mutant = list(places)
    with deap_draws(random):
        tools.mutPolynomialBounded(mutant, MUTATION_ETA, 0.0, 1.0, 1.0 / len(mutant))
    if mutant == places:
        chosen = int(random.integers(len(mutant)))
        with deap_draws(random):
            (mutant[chosen : chosen + 1],) = tools.mutPolynomialBounded([places[chosen]], MUTATION_ETA, 0.0, 1.0, 1.0)
    return mutant
