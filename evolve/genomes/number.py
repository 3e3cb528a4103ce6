"""A limit of the batch: tokens that a step may compute, requests that run, length from which a prefill is long."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.cluster.plan import BATCH_LIMITS
from blis.foundation.checks import check_choice
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds
from evolve.genomes.ranges import Range, mate_places, mutate_places
from evolve.records import Phenotype, Value

#: What stands before the name of a limit in that of its gene.
PREFIX = "cluster."


@dataclass(frozen=True, slots=True)
class GeneKind:
    """A whole number within bounds."""

    name: str
    range: Range
    n_continuous: int = 1

    @classmethod
    def from_mapping(cls, name: str, where: str, mapping: Mapping[str, Any]) -> "GeneKind":
        """Read `low`, `high` and `scale` (linear, log).

        Raises
        ------
        ConfigError
            If the name is not that of a batch limit, or the bounds are outside the limit's own.
        """
        limit = check_choice(where, name.removeprefix(PREFIX), BATCH_LIMITS)
        own = BATCH_LIMITS[limit]
        return cls(name, Range.from_mapping(where, mapping, Bounds(own.least, own.most, own.unit), True))

    def sample(self, random: np.random.Generator) -> Value:
        """Evenly on the gene's scale."""
        return self.range.at(random.random())

    def mate(self, one: Value, other: Value, random: np.random.Generator) -> tuple[Value, Value]:
        """Simulated binary crossover on the gene's scale."""
        (first,), (second,) = mate_places([self.range.place(one)], [self.range.place(other)], random)
        return self.range.at(first), self.range.at(second)

    def mutate(self, value: Value, random: np.random.Generator) -> Value:
        """Polynomial mutation on the gene's scale."""
        (place,) = mutate_places([self.range.place(value)], random)
        return self.range.at(place)

    def canonical(self, value: Value) -> Value:
        """The number itself."""
        return int(value)

    def check(self, where: str, value: object) -> Value:
        """A whole number within the bounds."""
        return self.range.check(where, value)

    def decode(self, value: Value) -> Phenotype:
        """The limit."""
        return Phenotype({}, {self.name.removeprefix(PREFIX): value})

    def encode(self, policies: Mapping[str, Any], limits: Mapping[str, int]) -> Value | None:
        """The limit, if it is given and within the bounds."""
        limit = limits.get(self.name.removeprefix(PREFIX))
        return limit if limit is not None and self.range.low <= limit <= self.range.high else None

    def complexity(self, value: Value) -> float:
        """One constant."""
        return 1.0

    def describe(self, value: Value) -> str:
        """The number."""
        return str(value)

    def to_vector(self, value: Value) -> Float64Vector:
        """Its place on the gene's scale."""
        return np.array([self.range.place(value)])

    def from_vector(self, vector: Float64Vector) -> Value:
        """The number at that place."""
        return self.range.at(float(vector[0]))
