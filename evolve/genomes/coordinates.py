"""A genome as choices by name and numbers in [0, 1], the form in which optimisers from outside search.

A gene with a continuous form has one number for each of its coordinates. A gene that chooses, among policies or among
ways, has that choice, and the coordinates of what is chosen: which there are depends on the choice. A formula has no
such form.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

import numpy as np

from blis.foundation.errors import ConfigError
from evolve.genomes import Gene, answer, either, program
from evolve.records import Genome, Value

#: Name -> a number in [0, 1], or the name of what is chosen; in an order that depends on the choices alone.
Coordinates: TypeAlias = dict[str, float | str]


class Source(Protocol):
    """Where coordinates come from, one after the other."""

    def number(self, name: str) -> float:
        """A number in [0, 1]."""

    def choice(self, name: str, options: Sequence[str]) -> str:
        """One of the options."""


def check_expressible(algorithm: str, genes: Sequence[Gene], *, with_choices: bool) -> None:
    """Refuse genes that have no such form.

    Parameters
    ----------
    algorithm : str
        Its name, for the message.
    genes : sequence of Gene
    with_choices : bool
        Whether the algorithm can choose; if not, every gene must have a continuous form.

    Raises
    ------
    ConfigError
        Naming the gene, and what it has that the algorithm cannot search.
    """
    for gene in genes:
        obstacle = _obstacle(gene, with_choices)
        if obstacle is not None:
            wanted = "numbers and choices" if with_choices else "numbers"
            raise ConfigError(
                f"algorithm: {algorithm} must have genes that are {wanted} only; got the gene {gene.name!r}, which has "
                f"{obstacle}. Freeze it in the problem, or choose ga."
            )


def assembled(genes: Sequence[Gene], source: Source) -> Genome:
    """The genome that a source dictates."""
    return {gene.name: _dictated(gene, gene.name, source) for gene in genes}


def coordinates(genes: Sequence[Gene], genome: Genome) -> Coordinates:
    """The coordinates of a genome: whoever dictates them gets it, or one that means the same."""
    found: Coordinates = {}
    for gene in genes:
        found.update(_read(gene, gene.name, genome[gene.name]))
    return found


def options(genes: Sequence[Gene]) -> dict[str, tuple[str, ...]]:
    """All coordinates that there may be, and what each of those that are choices chooses among; () for a number."""
    return {name: among for gene in genes for name, among in _options(gene, gene.name)}


def _options(gene: Gene, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    branches = _branches(gene)
    if branches:
        yield name, tuple(branches)
    for chosen, branch in branches.items():
        yield from _options(branch, f"{name}.{chosen}")
    if not branches:
        yield from ((f"{name}.{place}", ()) for place in range(gene.n_continuous))


def _dictated(gene: Gene, name: str, source: Source) -> Value:
    branches = _branches(gene)
    if branches:
        chosen = source.choice(name, list(branches))
        value = _dictated(branches[chosen], f"{name}.{chosen}", source)
        return {"way": int(chosen), "value": value} if isinstance(gene, either.GeneKind) else value
    return gene.from_vector(np.array([source.number(f"{name}.{place}") for place in range(gene.n_continuous)]))


def _read(gene: Gene, name: str, value: Value) -> Iterator[tuple[str, float | str]]:
    branches = _branches(gene)
    if not branches:
        yield from ((f"{name}.{place}", float(one)) for place, one in enumerate(gene.to_vector(value)))
        return
    is_way = isinstance(gene, either.GeneKind)
    chosen = str(value["way"] if is_way else value["policy"])
    yield name, chosen
    yield from _read(branches[chosen], f"{name}.{chosen}", value["value"] if is_way else value)


def _branches(gene: Gene) -> Mapping[str, Gene]:
    """What a gene chooses among, by name; empty if it does not choose."""
    if isinstance(gene, either.GeneKind):
        return {str(place): way for place, way in enumerate(gene.ways)}
    if isinstance(gene, answer.GeneKind) and len(gene.options) > 1:
        return {policy: replace(gene, options={policy: option}) for policy, option in gene.options.items()}
    return {}


def _obstacle(gene: Gene, with_choices: bool) -> str | None:
    """What in a gene cannot be dictated; None if all can."""
    if isinstance(gene, program.GeneKind):
        return "a formula"
    branches = _branches(gene)
    if branches and not with_choices:
        return "choices"
    return next((found for part in branches.values() if (found := _obstacle(part, with_choices))), None)
