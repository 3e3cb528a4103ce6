"""How do candidates improve?

Each file is one algorithm: `Params`, a frozen record with `from_mapping` (strict), and the verb `search(problem,
params, draws, first)`, which returns an `Algorithm`. `first` are genomes that the first round must hold, such as the
known policies. All random draws come from `draws(name, ...)`, generators that belong to the seed and the names alone,
so that a restored state continues exactly.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from evolve.records import Proposal, Score
from evolve.selection.individual import Individual


class Algorithm(Protocol):
    """A search in rounds: ask for genomes, evaluate them, tell their scores."""

    generation: int  #: rounds told so far

    def ask(self) -> list[Proposal]:
        """The genomes of the next round; the same until they are told."""

    def tell(self, scores: Sequence[Score]) -> None:
        """The scores of what `ask` returned, in the same order."""

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, as plain data for JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state, exactly."""


@runtime_checkable
class Keeper(Protocol):
    """An algorithm that keeps individuals from round to round; one that does not need not say so."""

    def kept(self) -> list[Individual]:
        """Those that its next round may come from."""

    def judged_again(self, scores: Mapping[str, Score]) -> None:
        """Their scores by digest, before the next round is asked for: each generation may meet other scenarios."""
