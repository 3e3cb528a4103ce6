"""Finds who can learn in a problem: the routing gene, or those of its ways that are weights or a formula."""

from typing import Any, NamedTuple

from blis.foundation.errors import ConfigError
from evolve.genomes import Gene, either, program, weights
from evolve.learning import formulas
from evolve.learning import weights as weights_learner
from evolve.practice import Lessons
from evolve.problem import Problem
from evolve.records import Genome, Value


class Pupil(NamedTuple):
    """A kind of gene that can learn."""

    gene: Any  #: of weights, or of a program
    way: int | None  #: its place, where it is one of several ways

    def own(self, value: Value) -> Value | None:
        """Its own part of the routing gene's value; None if another way is taken."""
        if self.way is None:
            return value
        return value["value"] if value["way"] == self.way else None

    def whole(self, own: Value) -> Value:
        """The routing gene's value."""
        return own if self.way is None else {"way": self.way, "value": own}


def pupils_of(problem: Problem) -> tuple[Pupil, ...]:
    """Who learns.

    Raises
    ------
    ConfigError
        If the problem's routing is frozen, or neither weights nor a formula.
    """
    for gene in problem.genes:
        if gene.name == "routing":
            ways: list[tuple[Gene, int | None]] = (
                [(way, place) for place, way in enumerate(gene.ways)]
                if isinstance(gene, either.GeneKind)
                else [(gene, None)]
            )
            found = tuple(
                Pupil(way, place) for way, place in ways if isinstance(way, weights.GeneKind | program.GeneKind)
            )
            if found:
                return found
    raise ConfigError(
        "algorithm: policy_iteration must have a gene 'routing' of the kind weights or program, or either with such a "
        f"way, because it learns from routing decisions; got "
        f"{', '.join(gene.name for gene in problem.genes)}. Choose ga."
    )


def learnt(pupils: tuple[Pupil, ...], lessons: Lessons, incumbent: Genome) -> list[Genome]:
    """The incumbent with what each pupil learnt, the most promising first, pupils in turn."""
    taught: list[list[Value]] = []
    for pupil in pupils:
        own = pupil.own(incumbent["routing"])
        learn = weights_learner.learn if isinstance(pupil.gene, weights.GeneKind) else formulas.learn
        taught.append([pupil.whole(value) for value in learn(pupil.gene, lessons, own)])
    longest = max(map(len, taught), default=0)
    return [
        {**incumbent, "routing": values[place]} for place in range(longest) for values in taught if place < len(values)
    ]
