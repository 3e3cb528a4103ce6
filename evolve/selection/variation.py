"""Makes the genomes of a round: samples, and children of chosen parents by the operators of the problem's genes."""

from collections.abc import Callable, Sequence

import numpy as np

from evolve.genomes.seeding import deap_draws
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.individual import Individual

#: Candidates of a round: more would take minutes to be made, before any is simulated.
MOST_CANDIDATES = 10_000
#: How often a child that equals another one is varied again before it is taken as it is: in a small space all are
#: known at last.
ATTEMPTS = 5


def first_round(problem: Problem, size: int, random: np.random.Generator, first: Sequence[Genome]) -> list[Proposal]:
    """All of `first`, each once, and samples up to `size` in all."""
    seeds = list({problem.digest(genome): genome for genome in first}.values())
    return [Proposal(genome) for genome in (*seeds, *(problem.sample(random) for _ in range(size - len(seeds))))]


def children_of(
    problem: Problem,
    population: list[Individual],
    count: int,
    crossover: float,
    choose: Callable[[list[Individual], int], list[Individual]],
    random: np.random.Generator,
) -> list[Proposal]:
    """Children of chosen pairs: mated with the probability `crossover`, then mutated.

    Parameters
    ----------
    problem : Problem
    population : list of Individual
        Whoever may be a parent.
    count : int
        How many children.
    crossover : float
        Probability that a child has two parents; else it is a mutant of one.
    choose : callable
        (population, how many) -> parents; may draw from DEAP's generators.
    random : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    list of Proposal
        Different from each other and from the population, where that is possible.
    """
    known = {individual.digest for individual in population}
    with deap_draws(random):
        parents = choose(population, count + count % 2)
    children: list[Proposal] = []
    for one, other in zip(parents[::2], parents[1::2], strict=True):
        is_mated = random.random() < crossover
        pair = problem.mate(one.genome, other.genome, random) if is_mated else (one.genome, other.genome)
        for genome, parent in zip(pair, (one, other), strict=True):
            child = problem.mutate(genome, random)
            for _ in range(ATTEMPTS):
                if problem.digest(child) not in known:
                    break
                child = problem.mutate(child, random)
            known.add(problem.digest(child))
            lineage = (one.digest, other.digest) if is_mated and one.digest != other.digest else (parent.digest,)
            children.append(Proposal(child, lineage))
    return children[:count]


def individuals_of(problem: Problem, proposals: Sequence[Proposal], scores: Sequence[Score]) -> list[Individual]:
    """What was proposed, with its scores."""
    return [
        Individual(
            proposal.genome, score, problem.digest(proposal.genome), problem.complexity(proposal.genome),
            proposal.parents,
        )
        for proposal, score in zip(proposals, scores, strict=True)
    ]  # fmt: skip
