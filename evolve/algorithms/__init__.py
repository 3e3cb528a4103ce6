"""How do candidates improve?

Each file is one algorithm with a class `Search` that fulfils `Algorithm`, and `Params` (strict, from a mapping). All draw from
streams named after the seed and the generation alone, so that a restored state continues exactly.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from evolve.records import Genome, Score


class Algorithm(Protocol):
    """A search in rounds: ask for genomes, evaluate them, tell their scores."""

    generation: int  #: rounds told so far

    def ask(self) -> list[Genome]:
        """The genomes of the next round, in canonical form; the same until they are told."""

    def tell(self, genomes: Sequence[Genome], scores: Sequence[Score]) -> None:
        """The scores of what was asked for, in the same order."""

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, as plain data for JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state, exactly."""
