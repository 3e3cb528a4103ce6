"""One of several ways to answer a question, each a kind of gene of its own: published rules, weights, or a formula.

A value is the place of the way that is taken, and its own value: {"way": 1, "value": ...}. Crossover happens within one
way, and between two the parents are exchanged or not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.errors import ConfigError, ContractError
from blis.foundation.units import Float64Vector
from evolve.genomes import Gene, answer, program, weights
from evolve.records import Phenotype, Value

#: Kinds that a way may be of: those that answer a question with a policy.
WAYS: Mapping[str, Callable[[str, str, Mapping[str, Any]], Gene]] = {
    "answer": answer.GeneKind.from_mapping,
    "program": program.GeneKind.from_mapping,
    "weights": weights.GeneKind.from_mapping,
}
#: Share of mutations that take another way.
_SWITCHES = 0.1


@dataclass(frozen=True, slots=True)
class GeneKind:
    """A choice among ways."""

    KEYS: ClassVar = ("ways",)

    name: str
    ways: tuple[Gene, ...]
    n_continuous: int = 0

    @classmethod
    def from_mapping(cls, name: str, where: str, mapping: Mapping[str, Any]) -> "GeneKind":
        """Read `ways`, a list of at least two descriptions of genes, each with its `kind`.

        Raises
        ------
        ConfigError
            If there are fewer, or one of them is wrong.
        """
        given = check_keys(where, mapping, cls.KEYS, cls.KEYS)["ways"]
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) < 2:
            raise ConfigError(f"{where}.ways must be a list of at least two ways to answer {name!r}; got {given!r}.")
        ways = []
        for place, one in enumerate(given):
            path = f"{where}.ways[{place}]"
            if not isinstance(one, Mapping) or "kind" not in one:
                raise ConfigError(f"{path} must be a mapping with the key 'kind'; got {one!r}.")
            kind = check_choice(f"{path}.kind", one["kind"], WAYS)
            ways.append(WAYS[kind](name, path, {str(key): value for key, value in one.items() if key != "kind"}))
        return cls(name, tuple(ways))

    def sample(self, random: np.random.Generator) -> Value:
        """Any way, each equally likely."""
        return self._sampled(list(range(len(self.ways))), random)

    def mate(self, one: Value, other: Value, random: np.random.Generator) -> tuple[Value, Value]:
        """Crossover within a way; values of two ways are exchanged or not."""
        if one["way"] != other["way"]:
            return (dict(other), dict(one)) if random.random() < 0.5 else (dict(one), dict(other))
        first, second = self._way(one).mate(one["value"], other["value"], random)
        return {**one, "value": first}, {**other, "value": second}

    def mutate(self, value: Value, random: np.random.Generator) -> Value:
        """Another way now and then, else mutation within the way."""
        if random.random() < _SWITCHES:
            return self._sampled([way for way in range(len(self.ways)) if way != value["way"]], random)
        return {**value, "value": self._way(value).mutate(value["value"], random)}

    def canonical(self, value: Value) -> Value:
        """The way first, its own value in canonical form."""
        return {"way": value["way"], "value": self._way(value).canonical(value["value"])}

    def check(self, where: str, value: object) -> Value:
        """A way and a value of it."""
        given = check_keys(where, value, ("way", "value"), ("way", "value"))
        way = check_int(f"{where}.way", given["way"], 0, len(self.ways) - 1)
        return {"way": way, "value": self.ways[way].check(f"{where}.value", given["value"])}

    def decode(self, value: Value) -> Phenotype:
        """What the way means by its value."""
        return self._way(value).decode(value["value"])

    def encode(self, policies: Mapping[str, Any], limits: Mapping[str, int]) -> Value | None:
        """The first way that has a value for these policies."""
        for place, way in enumerate(self.ways):
            value = way.encode(policies, limits)
            if value is not None:
                return {"way": place, "value": value}
        return None

    def complexity(self, value: Value) -> float:
        """That of the way's value."""
        return self._way(value).complexity(value["value"])

    def describe(self, value: Value) -> str:
        """As the way does."""
        return self._way(value).describe(value["value"])

    def to_vector(self, value: Value) -> Float64Vector:
        """Empty: a choice has no continuous form."""
        return np.empty(0)

    def from_vector(self, vector: Float64Vector) -> Value:
        """Fails: a choice has no continuous form."""
        raise ContractError(f"the gene {self.name!r} is a choice among ways and has no continuous form.")

    def _way(self, value: Value) -> Gene:
        way: Gene = self.ways[value["way"]]
        return way

    def _sampled(self, ways: list[int], random: np.random.Generator) -> Value:
        way = ways[int(random.integers(len(ways)))]
        return {"way": way, "value": self.ways[way].sample(random)}
