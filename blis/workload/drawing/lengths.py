"""Samplers of prompt and output lengths: gaussian, exponential, pareto_lognormal, empirical and constant."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector, Int64Vector

LONGEST_TOKENS = 2**31 - 1  #: longer draws are cut here, far beyond what any instance holds


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A normal length, clamped and rounded."""

    mean: float  #: [tokens]
    std_dev: float  #: ≥ 0 [tokens]
    minimum: int | None = None  #: [tokens], None for no bound
    maximum: int | None = None  #: ≥ minimum [tokens], None for no bound
    floor: int = 1  #: lowest length returned [tokens]

    def draw(self, random: np.random.Generator, n: int) -> Int64Vector:
        """Draw `n` lengths: cut at the maximum, raised to the minimum, rounded, raised to the floor."""
        if self.minimum is not None and self.minimum == self.maximum:
            return np.full(n, max(self.minimum, self.floor), np.int64)
        lengths = random.standard_normal(n)
        lengths *= self.std_dev
        lengths += self.mean
        if self.minimum is not None or self.maximum is not None:
            np.clip(lengths, self.minimum, self.maximum, out=lengths)
        return _whole(lengths, self.floor)


@dataclass(frozen=True, slots=True)
class Exponential:
    """An exponential length, rounded."""

    mean: float  #: > 0 [tokens]
    floor: int = 1  #: lowest length returned [tokens]

    def draw(self, random: np.random.Generator, n: int) -> Int64Vector:
        """Draw `n` lengths."""
        return _whole(random.standard_exponential(n) * self.mean, self.floor)


@dataclass(frozen=True, slots=True)
class ParetoLognormal:
    """A Pareto length with probability `mix_weight`, else a lognormal one, rounded."""

    alpha: float  #: > 0, exponent of the Pareto tail
    xm: float  #: > 0, lowest Pareto length [tokens]
    mu: float  #: mean of the lognormal's logarithm
    sigma: float  #: ≥ 0, standard deviation of the lognormal's logarithm
    mix_weight: float  #: [0, 1]
    floor: int = 1  #: lowest length returned [tokens]

    def draw(self, random: np.random.Generator, n: int) -> Int64Vector:
        """Draw `n` lengths; a draw beyond the range of numbers is 1.

        Each takes four uniform numbers, so that more draws never change the first ones; the normal is that of
        Box and Muller.
        """
        choice, tail, radius, angle = random.random((n, 4)).T
        is_pareto = choice < self.mix_weight
        uniform = 1.0 - tail  # in (0, 1]
        normal = np.sqrt(-2.0 * np.log1p(-radius)) * np.cos(2.0 * math.pi * angle)
        with np.errstate(over="ignore"):
            lengths = np.where(
                is_pareto, self.xm * uniform ** (-1.0 / self.alpha), np.exp(self.mu + self.sigma * normal)
            )
        return _whole(np.where(np.isfinite(lengths), lengths, 1.0), self.floor)


@dataclass(frozen=True, slots=True)
class Empirical:
    """A length from a table of weights."""

    tokens: tuple[int, ...]  #: increasing
    weights: tuple[float, ...]  #: ≥ 0, at least one > 0, need not add up to 1

    def draw(self, random: np.random.Generator, n: int) -> Int64Vector:
        """Draw `n` lengths by inversion of the cumulated weights."""
        bounds = np.cumsum(self.weights)
        index = np.searchsorted(bounds, random.random(n) * bounds[-1], side="right")
        last = int(np.flatnonzero(self.weights)[-1])
        lengths: Int64Vector = np.asarray(self.tokens, np.int64)[np.minimum(index, last)]
        return lengths


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same length."""

    value: int  #: [tokens]

    def draw(self, random: np.random.Generator, n: int) -> Int64Vector:
        """`n` times the value, without a draw."""
        return np.full(n, self.value, np.int64)


Lengths: TypeAlias = Gaussian | Exponential | ParetoLognormal | Empirical | Constant

_PARAMS = {  # type -> (required, optional); empirical has lengths as keys
    "gaussian": (("mean", "std_dev"), ("min", "max")),
    "exponential": (("mean",), ()),
    "pareto_lognormal": (("alpha", "xm", "mu", "sigma", "mix_weight"), ()),
    "constant": (("value",), ()),
    "empirical": ((), ()),
}


def lengths_or_number(where: str, value: object, minimum: int, unit: str = "tokens", floor: int = 1) -> Lengths:
    """The distribution in a mapping {type, params}; a plain number is the constant.

    Draws below `floor` are raised to it: 1 for what must be there, 0 for what may be absent.
    """
    if isinstance(value, Mapping):
        lengths = lengths_from_mapping(where, value, minimum, unit)
        return lengths if isinstance(lengths, Empirical | Constant) else replace(lengths, floor=floor)
    return Constant(check_int(where, value, minimum, LONGEST_TOKENS, unit))


def lengths_from_mapping(where: str, mapping: object, minimum: int, unit: str = "tokens") -> Lengths:
    """The distribution in a mapping {type, params}.

    Parameters
    ----------
    where : str
        Place in the configuration.
    mapping : object
    minimum : int
        Lowest length that makes sense here: 1 for prompts, 0 for outputs.
    unit : str
        What is counted, for messages.

    Raises
    ------
    ConfigError
        If a parameter is unknown, missing or out of range.
    """
    given = check_keys(where, mapping, ("type", "params", "file"), required=("type",))
    if given.get("file"):
        raise ConfigError(f"{where}.file must be left out, files are not read: give params; got {given['file']!r}.")
    kind = check_choice(f"{where}.type", given["type"], _PARAMS)
    at = f"{where}.params"
    params = given.get("params")
    if kind == "empirical":
        return _empirical(at, params, minimum, unit)
    required, optional = _PARAMS[kind]
    params = check_keys(at, {} if params is None else params, required + optional, required)
    if kind == "constant":
        return Constant(check_int(f"{at}.value", params["value"], minimum, LONGEST_TOKENS, unit))
    if kind == "gaussian":
        return _gaussian(at, params, minimum, unit)
    if kind == "exponential":
        return Exponential(check_number(f"{at}.mean", params["mean"], above=0, unit=unit))
    return ParetoLognormal(
        alpha=check_number(f"{at}.alpha", params["alpha"], above=0),
        xm=check_number(f"{at}.xm", params["xm"], above=0, unit=unit),
        mu=check_number(f"{at}.mu", params["mu"]),
        sigma=check_number(f"{at}.sigma", params["sigma"], 0),
        mix_weight=check_number(f"{at}.mix_weight", params["mix_weight"], 0, 1),
    )


def _gaussian(at: str, params: dict[str, Any], minimum: int, unit: str) -> Gaussian:
    bounds = {
        key: check_int(f"{at}.{key}", params[key], least, LONGEST_TOKENS, unit)
        for key, least in (("min", 0), ("max", minimum))
        if params.get(key) is not None
    }
    lowest, highest = bounds.get("min"), bounds.get("max")
    if lowest is not None and highest is not None and highest < lowest:
        raise ConfigError(f"{at}.max must be ≥ min = {lowest} [{unit}]; got {highest}.")
    return Gaussian(
        mean=check_number(f"{at}.mean", params["mean"], unit=unit),
        std_dev=check_number(f"{at}.std_dev", params["std_dev"], 0, unit=unit),
        minimum=lowest,
        maximum=highest,
        floor=minimum if lowest is not None and lowest == highest else 1,
    )


def _empirical(at: str, params: object, minimum: int, unit: str) -> Empirical:
    if not isinstance(params, dict) or not params:
        raise ConfigError(
            f"{at} must be a mapping of lengths to weights, such as {{128: 0.7, 512: 0.3}}; got {params!r}."
        )
    table: dict[int, float] = {}
    for key, weight in params.items():
        is_text_of_int = isinstance(key, str) and key.strip().isdecimal()
        tokens = check_int(f"{at}: length", int(key) if is_text_of_int else key, minimum, LONGEST_TOKENS, unit)
        if tokens in table:
            raise ConfigError(f"{at}: the length {tokens} must be given once; got it twice.")
        table[tokens] = check_number(f"{at}.{key}", weight, 0)
    if not sum(table.values()) < math.inf:
        raise ConfigError(f"{at} must have weights with a finite sum; got {params!r}.")
    if not any(table.values()):
        raise ConfigError(f"{at} must have at least one weight > 0; got {params!r}.")
    return Empirical(tuple(sorted(table)), tuple(table[tokens] for tokens in sorted(table)))


def _whole(lengths: Float64Vector, floor: int) -> Int64Vector:
    """Round half up, between `floor` and the longest."""
    return np.clip(np.floor(lengths + 0.5), floor, LONGEST_TOKENS).astype(np.int64)
