"""Candidates that GEPA asks a language model for: python -m evolve.bridge package=gepa."""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.foundation.checks import check_int, check_keys
from evolve.algorithms import outside_params
from evolve.algorithms.outside import Outside
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome

#: Whether `evolve.bridge` has to run beside the search.
NEEDS_BRIDGE = True

_KEYS = (*outside_params.COMMON, "minibatch")


class Params(outside_params.Params):
    """What GEPA is told."""

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> outside_params.Params:
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, _KEYS, _KEYS)
        return outside_params.Params(
            **outside_params.common(where, given),
            minibatch=check_int(f"{where}.minibatch", given["minibatch"], 1, 10_000),
        )


def search(problem: Problem, params: outside_params.Params, draws: Draws, first: Sequence[Genome]) -> Outside:
    """What is proposed comes from outside."""
    return Outside(problem, first, params.most)
