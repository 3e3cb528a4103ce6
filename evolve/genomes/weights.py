"""Weights of a router's scorers: a point on the simplex, kept as whole numbers, because only their ratios matter.

A value maps scorers to whole weights, such as {"prefix-affinity": 3, "queue-depth": 2, "kv-utilization": 2}; a scorer
that is not there has no say. Ratios of small numbers are kept as they are, all others are rounded to thousandths of the
sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from blis.foundation.answers import answer, choices
from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.policies.binding import MAX_SCORERS, bind, fields
from blis.policies.bundle import complete_policy
from evolve.genomes.ranges import mate_places, mutate_places
from evolve.records import Phenotype, Value

#: Sum of the whole weights that stand for ratios which are not those of small numbers.
PARTS = 1000

#: A weight below this share of the sum is dropped: what says so little is noise to a reader and work to the router.
LEAST_SHARE = 0.01

#: Ratios of whole numbers with sums up to this are kept exactly.
_SMALL_SUM = 100

#: Questions whose answers may weigh scorers; the second may be left to the first.
_ROUTERS = ("routing", "prefill_routing", "encode_routing")
_SAME = "same-as-routing"

#: Policies that are one scorer by another name.
_SINGLE_SCORERS = {"least-loaded": "load-balance"}

#: How the instance is picked by the sums: as weights decode, and as nothing else can be said.
_PICKER = {key: default for key, (_, default) in fields(answer("routing", "weighted")).items() if key != "scorers"}

#: Share of mutations that take a scorer in or drop one.
_TOGGLES = 0.3


@dataclass(frozen=True, slots=True)
class GeneKind:
    """Weights of a listed set of scorers, in the order in which their products are summed."""

    KEYS: ClassVar = ("scorers",)

    name: str
    scorers: tuple[str, ...]

    @classmethod
    def from_mapping(cls, name: str, where: str, mapping: Mapping[str, Any]) -> "GeneKind":
        """Read `scorers`, a list of two names or more.

        Raises
        ------
        ConfigError
            If the gene is not that of a router, or the list is empty, repeats a name or has an unknown one.
        """
        given = check_keys(where, mapping, cls.KEYS, cls.KEYS)
        if name not in _ROUTERS:
            asked = f"{', '.join(map(repr, _ROUTERS[:-1]))} and {_ROUTERS[-1]!r}"
            raise ConfigError(f"{where}: weights answer the questions {asked} only; got {name!r}.")
        scorers = given["scorers"]
        if not isinstance(scorers, list | tuple) or not 2 <= len(scorers) <= MAX_SCORERS:
            raise ConfigError(f"{where}.scorers must be a list of 2 to {MAX_SCORERS} scorers; got {scorers!r}.")
        for place, scorer in enumerate(scorers):
            check_choice(f"{where}.scorers[{place}]", scorer, choices("scoring"))
            if scorer in scorers[:place]:
                raise ConfigError(f"{where}.scorers must not repeat a scorer; got {scorer!r} twice.")
        return cls(name, tuple(scorers))

    @property
    def n_continuous(self) -> int:
        """One coordinate per scorer."""
        return len(self.scorers)

    def sample(self, random: np.random.Generator) -> Value:
        """Even over how many scorers are in use, which, and their ratios."""
        shares = np.zeros(len(self.scorers))
        used = random.permutation(len(self.scorers))[: int(random.integers(1, len(self.scorers) + 1))]
        shares[used] = random.dirichlet(np.ones(len(used)))
        return self._value(shares)

    def mate(self, one: Value, other: Value, random: np.random.Generator) -> tuple[Value, Value]:
        """Simulated binary crossover of the shares, scaled back to the simplex."""
        first, second = mate_places(self._shares(one).tolist(), self._shares(other).tolist(), random)
        return self._value(np.array(first)), self._value(np.array(second))

    def mutate(self, value: Value, random: np.random.Generator) -> Value:
        """Drop a scorer, take one in, or move along the simplex."""
        shares = self._shares(value)
        if np.count_nonzero(shares) == 1 or random.random() < _TOGGLES:
            return self._toggled(shares, random)
        used = np.flatnonzero(shares)
        shares[used] = mutate_places(shares[used].tolist(), random)
        return self._value(shares)

    def canonical(self, value: Value) -> Value:
        """Whole weights without common divisor, small ones dropped, in the order of the gene's scorers."""
        return self._value(np.array([float(value.get(scorer, 0.0)) for scorer in self.scorers]))

    def check(self, where: str, value: object) -> Value:
        """The weights of some of the gene's scorers: finite, ≥ 0, one above 0."""
        given = check_keys(where, value, self.scorers)
        weights = {name: check_number(f"{where}.{name}", weight, 0.0, 1e300) for name, weight in given.items()}
        if not any(weights.values()):
            raise ConfigError(f"{where} must give a weight > 0 to one scorer at least; got {value!r}.")
        return self.canonical(weights)

    def decode(self, value: Value) -> Phenotype:
        """A `weighted` policy."""
        scorers = [{"name": name, "weight": float(weight)} for name, weight in value.items()]
        return Phenotype({self.name: {"policy": "weighted", "scorers": scorers}})

    def encode(self, policies: Mapping[str, Any], limits: Mapping[str, int]) -> Value | None:
        """The weights of a weighted policy that lists the gene's scorers in the gene's order, or that is one scorer.

        None where rounding would change the ratios.
        """
        choice = policies.get(self.name, {})
        name = choice if isinstance(choice, str) else choice.get("policy")
        if name == _SAME:
            choice = policies.get("routing", {})
            name = choice if isinstance(choice, str) else choice.get("policy")
        if name in _SINGLE_SCORERS:
            choice, name = {"policy": "weighted", "scorers": {_SINGLE_SCORERS[name]: 1.0}}, "weighted"
        if name != "weighted":
            return None
        given = complete_policy(self.name, choice)
        if any(given[key] != default for key, default in _PICKER.items()):
            return None
        bound = bind(self.name, self.name, choice)
        listed = [scorer for scorer in self.scorers if scorer in bound.scorers]
        if tuple(listed) != bound.scorers:
            return None
        shares = dict(zip(bound.scorers, bound.parameters.tolist(), strict=False))
        value = self.canonical(shares)
        total = sum(value.values())
        is_exact = all(abs(value.get(scorer, 0) / total - share) < 1e-12 for scorer, share in shares.items())
        return value if is_exact else None

    def complexity(self, value: Value) -> float:
        """Scorers in use."""
        return float(len(value))

    def describe(self, value: Value) -> str:
        """Such as "prefix-affinity:3, queue-depth:2"."""
        return ", ".join(f"{name}:{weight}" for name, weight in value.items())

    def to_vector(self, value: Value) -> Float64Vector:
        """Weights relative to the largest."""
        shares = self._shares(value)
        return np.asarray(shares / shares.max())

    def from_vector(self, vector: Float64Vector) -> Value:
        """The weights that a vector is proportional to; all equal for a vector of zeros."""
        weights = np.clip(vector, 0.0, 1.0)
        return self._value(weights if weights.any() else np.ones(len(self.scorers)))

    def _toggled(self, shares: Float64Vector, random: np.random.Generator) -> Value:
        used, unused = np.flatnonzero(shares), np.flatnonzero(shares == 0.0)
        chosen = int(random.choice(unused if len(used) == 1 else np.arange(len(shares))))
        shares[chosen] = 0.0 if shares[chosen] > 0.0 else random.uniform(LEAST_SHARE, 1.0)
        return self._value(shares)

    def _shares(self, value: Value) -> Float64Vector:
        """Shares of the sum, in the order of the scorers."""
        weights = np.array([float(value.get(scorer, 0)) for scorer in self.scorers])
        return np.asarray(weights / weights.sum())

    def _value(self, weights: Float64Vector) -> Value:
        parts = whole_ratios(weights)
        return {scorer: int(part) for scorer, part in zip(self.scorers, parts, strict=True) if part > 0}


def whole_ratios(weights: Float64Vector) -> np.ndarray:
    """Whole numbers in the ratios of `weights`, which are ≥ 0 and not all 0; those of less than `LEAST_SHARE` are 0."""
    shares = weights / weights.max()  # first, so that no sum overflows
    shares = shares / shares.sum()
    shares[shares < LEAST_SHARE - 1e-9] = 0.0  # a rounded share may be just that
    shares = shares / shares.sum()
    sums = np.arange(1, _SMALL_SUM + 1)[:, None]
    parts = np.rint(sums * shares)
    small = np.flatnonzero((np.abs(parts / sums - shares) < 1e-12).all(axis=1))
    if len(small):
        return np.asarray(parts[small[0]].astype(np.int64))
    exact = PARTS * shares
    rounded = np.floor(exact).astype(np.int64)
    # The largest remainders get what is missing, so that the sum is kept.
    order = np.argsort(rounded - exact, kind="stable")
    rounded[order[: PARTS - rounded.sum()]] += 1
    return np.asarray(rounded // np.gcd.reduce(rounded))
