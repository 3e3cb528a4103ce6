"""Candidates that lie ready as files, judged in their order: what a language model is replaced by in a rehearsal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blis.foundation.checks import check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from evolve.algorithms.outside import Outside
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome

#: Whether `evolve.bridge` has to run beside the search.
NEEDS_BRIDGE = True


@dataclass(frozen=True, slots=True)
class Params:
    """Where the candidates are."""

    candidates: tuple[str, ...]  #: files of source, or folders of them
    most: int  #: of one round

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, ("candidates", "most"), ("candidates", "most"))
        listed = [given["candidates"]] if isinstance(given["candidates"], str) else given["candidates"]
        if listed is None:
            raise ConfigError(f"{where}.candidates must be files of policies' source, or a folder of them; got null.")
        if (
            not isinstance(listed, list | tuple)
            or not listed
            or not all(isinstance(one, str) and one for one in listed)
        ):
            raise ConfigError(
                f"{where}.candidates must be files of policies' source, or a folder of them; got {shown(listed)}."
            )
        return cls(tuple(listed), check_int(f"{where}.most", given["most"], 1, 1000))


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> Outside:
    """What is proposed comes from outside."""
    return Outside(problem, first, params.most)
