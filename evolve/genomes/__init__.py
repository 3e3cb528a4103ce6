"""What is a candidate made of?

A genome maps gene names to plain values. The files `weights`, `program`, `answer`, `number`, `either` and `source` are
a kind of gene each, with a class `GeneKind` that fulfils `Gene`: `from_mapping(name, where, mapping)` reads its
description in a problem; `sample`, `mate` and `mutate` are the operators; `decode` says what the value means to the
simulator, `encode` finds the value of given policies, if there is one. A gene's name is the question that it answers,
or `cluster.<limit>` for a limit of the batch. All values that the operators return are in canonical form; policies that
are handed to `encode` must have been bound once, so that they are known to be right.

`phenotype` tells which candidates behave alike: those whose `choices` in the same `situations` are equal. `coordinates`
are the form in which optimisers from outside search genomes, and `tuned` makes genes of a known policy's own numbers.
The other files are what the kinds are made of.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from evolve.records import Phenotype, Value


class Gene(Protocol):
    """One part of a genome."""

    @property
    def name(self) -> str:
        """The question, or `cluster.<limit>`."""

    @property
    def n_continuous(self) -> int:
        """Length of `to_vector`; 0 where the gene has no continuous form."""

    def sample(self, random: np.random.Generator) -> Value:
        """A random value."""

    def mate(self, one: Value, other: Value, random: np.random.Generator) -> tuple[Value, Value]:
        """Two children of two values; the parents stay as they are."""

    def mutate(self, value: Value, random: np.random.Generator) -> Value:
        """A changed copy."""

    def canonical(self, value: Value) -> Value:
        """The one form of all values that mean the same by construction (ratios, simplified trees, rounding)."""

    def check(self, where: str, value: object) -> Value:
        """A value from a file, in canonical form; ConfigError if it is none of this gene's."""

    def decode(self, value: Value) -> Phenotype:
        """The gene's part of the phenotype: one question, or one limit."""

    def encode(self, policies: Mapping[str, Any], limits: Mapping[str, int]) -> Value | None:
        """The value that decodes to these policies; None if there is none."""

    def complexity(self, value: Value) -> float:
        """How much a reader has to understand: free constants, scorers in use, nodes of a tree."""

    def describe(self, value: Value) -> str:
        """One line for people, such as a formula."""

    def to_vector(self, value: Value) -> np.ndarray:
        """(n_continuous,) float64, each in [0, 1]: the form that CMA-ES searches."""

    def from_vector(self, vector: np.ndarray) -> Value:
        """The value nearest to a vector; entries outside [0, 1] are clipped."""
