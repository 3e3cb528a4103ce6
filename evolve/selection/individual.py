"""An evaluated genome as DEAP's selection needs it: with a fitness to compare and a length to keep short."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from deap import base

from evolve.records import Genome, Score


class Individual:
    """A genome, its score, and where it came from. Compared by its fitness alone."""

    def __init__(
        self,
        genome: Genome,
        score: Score,
        digest: str,
        size: float = 0.0,
        parents: Sequence[str] = (),
        generation: int = 0,
    ) -> None:
        self.genome = genome
        self.score = score
        self.digest = digest  #: of the genome
        self.size = size  #: its complexity, for parsimony
        self.parents = tuple(parents)  #: their digests
        self.generation = generation  #: in which it was evaluated
        self.fitness = _maximised(len(score.objectives))(score.values)

    def __len__(self) -> int:
        """The complexity in whole numbers: what DEAP's double tournament keeps small."""
        return round(self.size)

    def rescored(self, score: Score) -> "Individual":
        """The same with another score."""
        return Individual(self.genome, score, self.digest, self.size, self.parents, self.generation)

    def state(self) -> dict[str, Any]:
        """The individual as plain data for JSON."""
        return {
            "genome": self.genome,
            "score": score_state(self.score),
            "digest": self.digest,
            "size": self.size,
            "parents": list(self.parents),
            "generation": self.generation,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Individual":
        """The individual whose `state` this is."""
        return cls(**{**state, "score": score_from_state(state["score"])})


def score_state(score: Score) -> dict[str, Any]:
    """A score as plain data for JSON."""
    return {"objectives": list(score.objectives), "violation": score.violation, "rungs_short": score.rungs_short}


def score_from_state(state: dict[str, Any]) -> Score:
    """The score whose `score_state` this is."""
    return Score(tuple(state["objectives"]), state["violation"], state["rungs_short"])


@cache
def _maximised(n_objectives: int) -> type[Any]:
    """DEAP's fitness for that many objectives, all of them to be maximised."""
    return type("Fitness", (base.Fitness,), {"weights": (1.0,) * n_objectives})
