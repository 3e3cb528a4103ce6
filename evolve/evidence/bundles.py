"""Which of several policy bundles is better? Every pair on the same requests, as far as it takes to be sure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from evolve.comparing.hierarchy import hierarchy_of
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import compare_until, own_seeds
from evolve.comparing.verdict import readings
from evolve.evidence import Condition
from evolve.evidence.laboratory import Laboratory
from evolve.evidence.notes import repetition_notes, undefined_notes
from evolve.evidence.pairs import Found, Pair
from evolve.evidence.question import Question


def compare_bundles(
    question: Question, evaluator: Mapping[str, Any] | str, done: Callable[[int], None] = lambda count: None
) -> Found:
    """Compare every pair of policies.

    Parameters
    ----------
    question : Question
    evaluator : mapping or str
        Where simulations run, see `evolve.evaluators.opening`.
    done : callable
        Told how many more simulations are finished.

    Raises
    ------
    ConfigError
        If the evaluator cannot be opened, or a scenario cannot be built.
    """
    names = [one.name for one in question.scenarios]
    objectives, seed_at = read_objectives(question.goals), own_seeds(question.digest)
    laboratory = Laboratory(question.scenarios, [], evaluator, done, question.goals.needs_trace)
    try:
        compared = {
            (a, b): compare_until(
                question.policies[a], {b: question.policies[b]}, names, objectives, laboratory.measure_cells, seed_at,
                question.precision, question.seed,
            )[0]
            for a, b in combinations(question.policies, 2)
        }  # fmt: skip
        first = next(iter(question.policies.values()))
        seeds = [seed_at(place) for place in range(question.precision.first_seeds)]
        (runs,) = laboratory.measure([first], [Condition(name) for name in names], seeds)
    finally:
        laboratory.close()
    hierarchy = hierarchy_of(question.scenarios)
    compared = {pair: replace(one, hierarchy=hierarchy) for pair, one in compared.items()}
    read = readings(list(compared.values()))
    pairs = tuple(Pair(a, b, one, said) for ((a, b), one), said in zip(compared.items(), read, strict=True))
    notes = [*repetition_notes(names, runs), *undefined_notes(compared.values())]
    failures = sum(one.champion_failures + one.rival_failures for one in compared.values())
    if failures:
        notes.append(f"{failures} runs FAILED, and count as lost.")
    return Found(question, pairs, tuple(notes))
