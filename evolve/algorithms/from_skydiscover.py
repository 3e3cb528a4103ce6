"""Candidates that SkyDiscover asks a language model for: python -m evolve.bridge package=skydiscover."""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.foundation.checks import check_choice, check_flag, check_int, check_keys
from evolve.algorithms import outside_params
from evolve.algorithms.outside import Outside
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome

#: Whether `evolve.bridge` has to run beside the search.
NEEDS_BRIDGE = True

#: How programs are kept and offered. Its `evox` is left out: there the model also writes the archive, which would run.
ARCHIVES = ("adaevolve", "beam_search", "best_of_n", "topk")
_KEYS = (*outside_params.COMMON, "archive", "inspirations", "diff")


class Params(outside_params.Params):
    """What SkyDiscover is told."""

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> outside_params.Params:
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, _KEYS, _KEYS)
        return outside_params.Params(
            **outside_params.common(where, given),
            archive=check_choice(f"{where}.archive", given["archive"], ARCHIVES),
            inspirations=check_int(f"{where}.inspirations", given["inspirations"], 0, 100),
            diff=check_flag(f"{where}.diff", given["diff"]),
        )


def search(problem: Problem, params: outside_params.Params, draws: Draws, first: Sequence[Genome]) -> Outside:
    """What is proposed comes from outside."""
    return Outside(problem, first, params.most)
