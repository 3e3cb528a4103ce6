"""Lengths as inference-perf draws them: one number, or a distribution between two bounds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.drawing.lengths import LONGEST_TOKENS

TYPES = ("normal", "skew_normal", "lognormal", "uniform", "poisson", "fixed")
_KEYS = ("type", "distribution", "mean", "std_dev", "std", "variance", "skew", "min", "max", "total_count")


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution of lengths, cut to its bounds and rounded."""

    kind: str  #: normal, skew_normal, lognormal, uniform, poisson or fixed
    mean: float  #: ≥ 0 [tokens]
    std_dev: float = 0.0  #: ≥ 0 [tokens]
    minimum: int = 0  #: ≥ 0 [tokens]
    maximum: int = LONGEST_TOKENS  #: ≥ minimum [tokens]
    skew: float = 0.0  #: shape of skew_normal

    @property
    def longest_tokens(self) -> int:
        """The most that can be drawn."""
        return min(self.maximum, math.ceil(self.mean)) if self.kind == "fixed" else self.maximum

    def draw(self, random: np.random.Generator, n: int) -> Int64Vector:
        """Draw `n` lengths."""
        if self.kind == "fixed":
            drawn = np.full(n, self.mean)
        elif self.kind == "uniform":
            drawn = random.integers(self.minimum, self.maximum, n, endpoint=True).astype(np.float64)
        elif self.kind == "poisson":
            drawn = random.poisson(self.mean, n).astype(np.float64)
        elif self.kind == "lognormal":
            variance = math.log1p((self.std_dev / self.mean) ** 2)
            drawn = np.exp(math.log(self.mean) - variance / 2 + math.sqrt(variance) * random.standard_normal(n))
        else:
            drawn = self.mean + self.std_dev * self._normal(random, n)
        lengths: Int64Vector = np.rint(np.clip(drawn, self.minimum, self.maximum)).astype(np.int64)
        return lengths

    def _normal(self, random: np.random.Generator, n: int) -> Float64Vector:
        """Numbers of mean 0 and deviation 1: normal, or skew normal (Azzalini, 1985)."""
        if self.kind == "normal" or self.skew == 0:
            return random.standard_normal(n)
        delta = self.skew / math.hypot(1, self.skew)
        first, second = random.standard_normal((2, n))
        skewed = delta * np.abs(first) + math.sqrt(1 - delta**2) * second
        mean = delta * math.sqrt(2 / math.pi)
        standard: Float64Vector = (skewed - mean) / math.sqrt(1 - mean**2)
        return standard


def spread_from(where: str, value: object, least: int = 0) -> Spread:
    """The distribution in a number or a mapping; what a mapping leaves out has the tool's default.

    Raises
    ------
    ConfigError
    """
    if not isinstance(value, Mapping):
        return Spread("fixed", check_int(where, value, least, LONGEST_TOKENS, "tokens"))
    given: dict[str, Any] = {key: entry for key, entry in check_keys(where, value, _KEYS).items() if entry is not None}
    deviations = [key for key in ("std_dev", "std", "variance") if key in given]
    if len(deviations) > 1:
        raise ConfigError(
            f"{where} must have at most one of std_dev, std and variance; got {' and '.join(deviations)}."
        )
    deviation = 200.0
    for key in deviations:
        deviation = check_number(f"{where}.{key}", given[key], 0, LONGEST_TOKENS**2, unit="tokens")
        deviation = math.sqrt(deviation) if key == "variance" else deviation
    minimum = check_int(f"{where}.min", given.get("min", 10), 0, LONGEST_TOKENS, "tokens")
    maximum = check_int(f"{where}.max", given.get("max", 1024), minimum, LONGEST_TOKENS, "tokens")
    kind = check_choice(f"{where}.type", given.get("type", given.get("distribution", "normal")), TYPES)
    mean = check_number(f"{where}.mean", given.get("mean", 512), 0, LONGEST_TOKENS, unit="tokens")
    if kind == "lognormal" and mean == 0:
        raise ConfigError(f"{where}.mean must be > 0 [tokens] for lognormal; got 0.")
    return Spread(kind, mean, deviation, minimum, maximum, check_number(f"{where}.skew", given.get("skew", 0)))
