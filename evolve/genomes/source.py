"""A policy's own Python source, as language models write it: a written policy, see `blis.policies.written`.

A value is the text. Nothing here can draw, breed or change one: that is done outside, see `evolve.bridges`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from blis.foundation.checks import check_choice, check_keys
from blis.foundation.errors import ConfigError, ContractError
from blis.foundation.units import Float64Vector
from blis.policies.written.dialect import Program, check_source
from blis.policies.written.vocabulary import ASKED
from blis.policies.written_source import WRITTEN, is_written, with_source
from evolve.records import Phenotype, Value


@dataclass(frozen=True, slots=True)
class GeneKind:
    """A question that source answers."""

    KEYS: ClassVar = ()

    name: str
    n_continuous: int = 0

    @classmethod
    def from_mapping(cls, name: str, where: str, mapping: Mapping[str, Any]) -> "GeneKind":
        """Nothing is said of it.

        Raises
        ------
        ConfigError
            If the question takes no written policy.
        """
        check_choice(f"{where}: source can answer", name, ASKED)
        check_keys(where, mapping, cls.KEYS)
        return cls(name)

    def sample(self, random: np.random.Generator) -> Value:
        """Nobody can draw source.

        Raises
        ------
        ConfigError
            Always.
        """
        raise ConfigError(
            f"problem.genes.{self.name}: source cannot be drawn at random; search it with python -m evolve.bridge."
        )

    def mate(self, one: Value, other: Value, random: np.random.Generator) -> tuple[Value, Value]:
        """The parents: two texts are not bred here."""
        return one, other

    def mutate(self, value: Value, random: np.random.Generator) -> Value:
        """Nobody changes source here.

        Raises
        ------
        ContractError
            Always.
        """
        raise ContractError(f"the gene {self.name!r} is source, which is changed outside.")

    def canonical(self, value: Value) -> Value:
        """Lines without blanks at their ends, and one at the end of the text."""
        return "\n".join(line.rstrip() for line in str(value).strip().splitlines()) + "\n"

    def check(self, where: str, value: object) -> Value:
        """Source in its dialect."""
        return self.canonical(check_source(self.name, where, value).source)

    def decode(self, value: Value) -> Phenotype:
        """The written policy."""
        return Phenotype({self.name: {"policy": WRITTEN, "source": value}})

    def encode(self, policies: Mapping[str, Any], limits: Mapping[str, int]) -> Value | None:
        """The source of a written policy; any other has none."""
        choice = policies.get(self.name)
        if not isinstance(choice, Mapping) or not is_written(choice):
            return None
        return self.canonical(with_source(self.name, choice)["source"])

    def complexity(self, value: Value) -> float:
        """Expressions and statements."""
        return float(self._program(value).size)

    def describe(self, value: Value) -> str:
        """Its first words, and how long it is."""
        program = self._program(value)
        first = (program.summary or "source without a docstring").splitlines()[0]
        return f"{first} ({value.count(chr(10))} lines of Python, {program.digest[:12]})"

    def to_vector(self, value: Value) -> Float64Vector:
        """Empty."""
        return np.empty(0)

    def from_vector(self, vector: Float64Vector) -> Value:
        """Source has no continuous form.

        Raises
        ------
        ContractError
            Always.
        """
        raise ContractError(f"the gene {self.name!r} is source, which has no continuous form.")

    def _program(self, value: Value) -> Program:
        return check_source(self.name, self.name, value)
